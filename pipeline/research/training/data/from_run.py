"""From a run of `gait run` to a dataset: its silhouette sequences in OpenGait's layout."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.files import read_table
from pipeline.research.training.data.dataset import sample_path, write_partition, write_sample
from pipeline.segmentation.storage import read_sequence

UNDEFINED = "undefined"  # what All-in-One-Gait calls the view of such samples


@dataclass(frozen=True, slots=True)
class Label:
    """Whose sample a track is, how and from where."""

    identity: str
    type: str
    view: str


def read_labels(path: Path) -> dict[tuple[str, int], Label]:
    """A CSV with the columns video, track, identity and, if wanted, type and view: (video, track) → label.

    type is the video and view "undefined" where they are not given. Raises InputError, naming the line.
    """
    labels: dict[tuple[str, int], Label] = {}
    for line, row in read_table(path, ("video", "track", "identity")):
        video, track, identity = row["video"], row["track"], row["identity"]
        if not video or not identity or not re.fullmatch("[0-9]{1,9}", track):
            raise InputError(f"{path}, line {line}: expected a video, a track number and an identity.")
        if (video, int(track)) in labels:
            raise InputError(f"{path}, line {line}: {video} track {track} is there already.")
        labels[video, int(track)] = Label(identity, row.get("type") or video, row.get("view") or UNDEFINED)
    return labels


def tracks_of(run: Path) -> list[tuple[str, int, Path]]:
    """(video, track, file) of every sequence of a run. Raises InputError for a folder that is no run or has none."""
    if not (run / "run.json").is_file():
        raise InputError(f"{run}: not a run folder (no run.json). Give the timestamped folder of a run.")
    found = [
        (path.parent.name, int(path.stem), path)
        for path in sorted((run / "sequences").glob("*/*.npz"))
        if path.stem.isascii() and path.stem.isdigit()
    ]
    if not found:
        raise InputError(f"{run}: no sequences in it. Nobody was seen well enough, or the run was stopped too early.")
    return found


def dataset_from_run(
    run: Path, target: Path, labels: Mapping[tuple[str, int], Label] | None, held_out: float
) -> Iterator[tuple[str, int]]:
    """Write the run's sequences and partition.json to `target`; yields (identity/type/view, silhouettes) of each.

    labels: whose they are; tracks without one are left out. None: every track is a person of its own, called
    video-track. held_out: the share of the people, the last ones, that become the test set (one at least).
    Raises InputError for a damaged sequence, a label without a track, or when no track is left.
    """
    tracks = tracks_of(run)
    if labels is not None:
        there = {(video, track) for video, track, _ in tracks}
        for video, track in labels:
            if (video, track) not in there:
                raise InputError(f"{run}: has no track {track} of {video!r}. See its tracks/ folder.")
    people: list[str] = []
    for video, track, path in tracks:
        label = Label(f"{video}-{track:03d}", video, UNDEFINED) if labels is None else labels.get((video, track))
        sequence = read_sequence(path, video, track)
        if label is None or not len(sequence):
            continue
        write_sample(
            sample_path(target, label.identity, label.type, label.view, f"{video}-{track:03d}"), sequence.masks
        )
        people.append(label.identity)
        yield f"{label.identity}/{label.type}/{label.view}", len(sequence)
    if not people:
        raise InputError(f"{run}: no track is left to write. See the columns video and track of the labels.")
    names = sorted(set(people))
    tested = max(1, round(held_out * len(names)))
    write_partition(target / "partition.json", names[:-tested], names[-tested:])

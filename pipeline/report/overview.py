"""Everything at a glance: the matrix of distances, who is in which video when, and how the run was made."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import numpy as np
import yaml

from pipeline.report.cards import Cards
from pipeline.report.page import Cell, Fact, Film, Matrix, Presence, Probe, Tag, Timeline
from pipeline.runs.reader import Run
from pipeline.runs.results import TrackResult
from pipeline.types import Tracklet

MOST_CELLS = 20_000
GAP_S = 0.3  # shorter gaps of a track are not shown
STAGES = {
    "background": "learn the empty scene",
    "decode": "decode",
    "subtract": "compare with the empty scene",
    "detect": "detect people",
    "track": "track",
    "crop": "cut out",
    "segment": "segment",
    "silhouette": "clean and align silhouettes",
    "write": "write silhouettes",
    "pose": "find joints",
    "recognise": "embed",
    "match": "match",
    "draw": "draw videos",
    "report": "report",
}


def matrix_of(run: Run, people: Cards, probes: Sequence[Probe]) -> Matrix:
    """Distances of all probe tracks that could be judged to all of the gallery."""
    names = people.roster.columns
    rows = []
    for probe in probes:
        for answer, track in zip(probe.answers, run.probes[probe.name], strict=True):
            found = {candidate.identity: candidate.distance for candidate in track.candidates}
            if found:
                rows.append((answer.track, answer.anchor, track.identity, found))
    columns = [people.tag(name) for name in names]
    if not rows or not names:
        return Matrix(columns, [], "No track could be compared with anybody.")
    if len(rows) * len(names) > MOST_CELLS:
        return Matrix(columns, [], f"{len(rows)} × {len(names)} distances are too many to look at: see results.json.")
    every = np.array([[row[3].get(name, np.nan) for name in names] for row in rows])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    shades = np.nan_to_num(9 * (high - every) / max(high - low, 1e-12)).round().astype(int)
    cells = [
        [_cell(value, int(shade), name == row[2]) for value, shade, name in zip(values, shaded, names, strict=True)]
        for row, values, shaded in zip(rows, every, shades, strict=True)
    ]
    return Matrix(columns, [(row[0], row[1], its) for row, its in zip(rows, cells, strict=True)], "")


def _cell(distance: float, shade: int, chosen: bool) -> Cell:
    return Cell("" if np.isnan(distance) else f"{distance:.3g}", shade, "match" if chosen else "")


def films_of(people: Cards) -> list[Film]:
    """Every annotated video, the gallery first."""
    run, gallery = people.run, next(iter(people.run.gallery), None)
    role = "Video" if people.roster.task == "enrol" else "Gallery"
    films = [_film(run, video, role, run.folder.gallery_video(video).name) for video in run.gallery]
    for video in run.probes:
        file = run.folder.probe_video(gallery, video) if gallery else run.folder.gallery_video(video)
        films.append(_film(run, video, "Probe" if gallery else "Video", file.name))
    return films


def _film(run: Run, video: str, role: str, file: str) -> Film:
    frames = _frames(run, video)
    width, height = run.about(video).get("size") or (16, 9)
    there = (run.folder.path / "videos" / file).is_file()
    return Film(
        name=video,
        role=role,
        about=f"{frames} frames, {frames / run.fps(video):.1f} s, {width}×{height}",
        src=f"videos/{quote(file)}" if there else "",
        width=int(width),
        height=int(height),
    )


def _frames(run: Run, video: str) -> int:
    """How long a video is: as run.json says, or as far as somebody is in it."""
    return max(1, int(run.about(video).get("frames") or 0), *(track.last_frame + 1 for track in run.tracks(video)))


def timelines_of(people: Cards, films: Sequence[Film]) -> list[Timeline]:
    """Who is in each of the videos when. Raises InputError where tracks are missing or damaged."""
    run, timelines = people.run, []
    for film, tracks in zip(films, (*run.gallery.values(), *run.probes.values()), strict=True):
        frames = _frames(run, film.name)
        names = {track.id: people.tag(_named(track), track.status) for track in tracks}
        presences = [
            _presence(tracklet, names[tracklet.track_id], frames)
            for tracklet in run.tracklets(film.name)
            if tracklet.track_id in names
        ]
        timelines.append(Timeline(film, presences, _ticks(frames / run.fps(film.name))))
    return timelines


def _named(track: TrackResult) -> str | None:
    return None if track.status == "unusable" else track.identity  # that of a gallery's track is its number


def _presence(tracklet: Tracklet, tag: Tag, frames: int) -> Presence:
    """Where somebody is in the picture. Gaps that are short, or too narrow to be seen, are left out."""
    indices = tracklet.frame_indices
    widest = max(GAP_S * tracklet.fps, 0.004 * frames)
    ends = np.flatnonzero(np.diff(indices) > widest)
    starts, stops = indices[np.r_[0, ends + 1]], indices[np.r_[ends, len(indices) - 1]] + 1
    spans = [
        (round(100 * int(start) / frames, 2), round(max(0.4, 100 * int(stop - start) / frames), 2))
        for start, stop in zip(starts, stops, strict=True)
    ]
    first, last = int(starts[0]) / tracklet.fps, int(stops[-1]) / tracklet.fps
    gaps = "" if len(spans) == 1 else f", {len(spans)} times"
    return Presence(tag, f"track {tracklet.track_id}", spans, f"{first:.1f}–{last:.1f} s{gaps}")


def _ticks(seconds: float) -> list[tuple[float, str]]:
    """About five marks on the axis of time: place in percent, words."""
    step = next(
        (step for step in (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600) if seconds / step <= 6), seconds / 5
    )
    marks = np.arange(0, seconds, step).tolist()
    return [(round(100 * mark / max(seconds, 1e-9), 2), _clock(mark)) for mark in marks]


def _clock(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def configuration_of(run: Run) -> str:
    """The settings as YAML."""
    return str(yaml.safe_dump(dict(run.record.get("config", {})), sort_keys=False, allow_unicode=True))


def checkpoints_of(run: Run) -> list[dict[str, str]]:
    """The weights of every stage."""
    return [
        {
            "stage": stage,
            "name": str(found["name"]) if found else "none needed",
            "file": str(found["file"]) if found else "",
            "sha256": str(found["sha256"]) if found else "",
        }
        for stage, found in run.record.get("checkpoints", {}).items()
    ]


def stages_of(run: Run) -> list[Fact]:
    """Busy seconds of every stage, with what it did; bars relative to the longest."""
    stages = run.record.get("stages", {})
    longest = max((entry.get("seconds", 0.0) for entry in stages.values()), default=1.0) or 1.0
    facts = []
    for stage, entry in stages.items():
        counts = ", ".join(f"{count:g} {what}" for what, count in entry.items() if what != "seconds")
        seconds = float(entry.get("seconds", 0.0))
        words = f"{seconds:.2f} s" + (f" ({counts})" if counts else "")
        facts.append(Fact(STAGES.get(stage, stage), words, round(100 * seconds / longest, 1)))
    return facts


def inputs_of(run: Run) -> list[dict[str, str]]:
    """Where the videos came from."""
    return [
        {key: str(run.about(video).get(key) or "") for key in ("name", "path", "sha256", "codec")}
        for video in run.videos
    ]

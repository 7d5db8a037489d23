"""From the frames of a data set to its samples: OpenGait's pretreatment, to the digit.

Reference: golden/silhouette_normalisation (OpenGait datasets/pretreatment.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import natural
from pipeline.research.training.data import body_files, pictures, pose_files
from pipeline.research.training.data.dataset import Sample, sample_path, write_sample
from pipeline.research.training.data.processes import in_processes
from pipeline.segmentation.normalise import normalise, normalise_labels

FEW = 5  # the reference warns of samples with fewer silhouettes than this

RGBS = "-aligned-rgbs"  # of pictures with their ratios beside them

Array = NDArray[Any]
Read = tuple[Array, list[str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What frames are. suffixes: of their files; read: a file → its frames, and in which ways each was converted;
    prepare: frame, size → what is kept of it, None: nothing; unit: one of them, in words; name: of the file that is
    written, after the view.
    """

    suffixes: frozenset[str]
    read: Callable[[Path], Iterator[Read]]
    prepare: Callable[[Array, int], Array | None]
    unit: str
    name: str = ""


def _one(read: Callable[[Path], Read], file: Path) -> Iterator[Read]:
    """Of a file that holds a single frame."""
    yield read(file)


def _as_it_is(frame: Array, size: int) -> Array | None:
    return frame if len(frame) else None


def _resized(mask: Array, size: int) -> Array:
    return mask if mask.shape == (size, size) else np.asarray(cv2.resize(mask, (size, size)))


KINDS: Mapping[str, Kind] = {
    "silhouettes": Kind(
        pictures.SUFFIXES, partial(_one, pictures.read_mask), partial(normalise, reference=True), "silhouette"
    ),
    "aligned": Kind(pictures.SUFFIXES, partial(_one, pictures.read_mask), _resized, "silhouette"),
    "parsing": Kind(pictures.SUFFIXES, partial(_one, pictures.read_labels), normalise_labels, "label picture"),
    "rgb": Kind(pictures.SUFFIXES, partial(_one, pictures.read_colours), pictures.fit_colours, "picture", RGBS),
    "videos": Kind(frozenset((".avi",)), pictures.read_video, pictures.stretch_colours, "picture", RGBS),
    "poses": Kind(frozenset((".txt", ".json")), partial(_one, pose_files.read_people), _as_it_is, "pose"),
    "smpl": Kind(frozenset((".npz",)), partial(_one, body_files.read_smpl), _as_it_is, "SMPL frame"),
    "points": Kind(frozenset((".pcd",)), partial(_one, body_files.read_points), _as_it_is, "cloud"),
    "depths": Kind(
        pictures.SUFFIXES | {".pcd"},
        partial(_one, body_files.read_depth),
        body_files.depth_picture,
        "depth picture",
        "-depths",
    ),
}


@dataclass(frozen=True, slots=True)
class Pretreatment:
    """What is made of a data set's frames. size: height and width of silhouettes and labels. kind: a name in KINDS.

    silhouettes: of the same data set, arranged, to choose the right person of several in a frame of poses.
    """

    size: int = 64
    overwrite: bool = False
    kind: str = "silhouettes"
    silhouettes: Path | None = None


@dataclass(frozen=True, slots=True)
class Pictures(Sample):
    """A sample whose files are frames, in natural order (2.png before 10.png).

    gei: pictures beside them that hold no frame but the mean of all.
    """

    gei: int = 0


@dataclass(frozen=True, slots=True)
class Pretreated:
    """What became of a sample: frames kept and dropped; kept 0: nothing was written.

    refused: files that are none of this kind, and why; converted: how many were, by the way (see read_mask).
    """

    name: str
    kept: int
    dropped: int
    refused: tuple[tuple[Path, str], ...] = ()
    converted: Mapping[str, int] = field(default_factory=dict)


def find_pictures(source: Path, kind: str = "silhouettes") -> list[Pictures]:
    """The samples in source/identity/type/view/*.png, sorted; also those whose folder holds no picture.

    Hidden files and folders are passed over, and GREW's …_gei.png, as OpenGait does. Raises InputError where there is
    no file of this kind at all.
    """
    suffixes = KINDS[kind].suffixes
    example = f"*{min(suffixes)}" if suffixes != pictures.SUFFIXES else "*.png"
    if not source.is_dir():
        raise InputError(f"{source}: no such folder. Expected pictures in {source.name}/identity/type/view/{example}.")
    samples = []
    for view in sorted(path for path in source.glob("[!.]*/[!.]*/[!.]*") if path.is_dir()):
        files = [path for path in view.glob("[!.]*") if path.suffix.lower() in suffixes and path.is_file()]
        frames = [path for path in files if not path.stem.lower().endswith("_gei")]
        frames.sort(key=lambda path: natural(path.name))
        identity, kind_of_walk = view.parts[-3:-1]
        samples.append(Pictures(identity, kind_of_walk, view.name, tuple(frames), len(files) - len(frames)))
    if not any(sample.files for sample in samples):
        raise InputError(f"{source}: no pictures in identity/type/view/{example}.")
    return samples


def pretreat(
    samples: Sequence[Pictures], target: Path, how: Pretreatment = Pretreatment(), workers: int = 1
) -> Iterator[Pretreated]:
    """Write target/identity/type/view/view.pkl, T×size×size uint8, for every sample; yields each as it is done.

    Silhouettes are aligned as OpenGait aligns them, and those dropped that it drops. Samples that are there already are
    passed over (kept −1) unless `overwrite` says otherwise, so that a second run goes on where the first was stopped.
    """
    yield from in_processes(partial(_pretreat, target=target, how=how), samples, workers)


def _pretreat(sample: Pictures, target: Path, how: Pretreatment) -> Pretreated:
    kind = KINDS[how.kind]
    path = sample_path(target, sample.identity, sample.type, sample.view, sample.view + kind.name)
    if path.is_file() and not how.overwrite:
        return Pretreated(sample.name, -1, 0)
    kept, ratios, refused, converted = list[Array](), list[float](), list[tuple[Path, str]](), Counter[str]()
    dropped = 0
    for file in sample.files:
        try:
            for one in kind.read(file):
                chosen = pose_files.choose_person(one[0], file, how.silhouettes) if how.kind == "poses" else one
                read, conversions = chosen
                converted.update(conversions)
                if (frame := kind.prepare(read, how.size)) is None:
                    dropped += 1
                    continue
                kept.append(frame)
                ratios.append(read.shape[1] / read.shape[0] if kind.name == RGBS else 0)
        except ValueError as error:
            refused.append((file, str(error)))
            kept = [] if how.kind == "videos" else kept  # half a walk is none
    shapes = {frame.shape for frame in kept}
    if len(shapes) > 1 and how.kind != "points":
        told = " and ".join(sorted("×".join(map(str, shape)) for shape in shapes))
        refused.append((sample.files[0].parent, f"frames of {told}, not of one walk"))
        kept = []
    if kind.name == RGBS and kept:
        write_sample(path.with_name(f"{sample.view}-ratios.pkl"), np.array(ratios))
    if kept:
        write_sample(path, kept if how.kind == "points" else np.stack(kept))
    return Pretreated(sample.name, len(kept), dropped, tuple(refused), dict(converted))

"""What a network wants of a walk's files, and whether they are that: compared before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import InputError
from pipeline.research.training.data.dataset import Modality as Read
from pipeline.research.training.data.dataset import Walk
from pipeline.skeletons import BY_JOINTS
from pipeline.types import Modality

SIDES: Mapping[str, Callable[[int], bool]] = {  # what the letters in a shape stand for
    "H": lambda side: side % 64 == 0 and side > 0,  # every network for pictures cuts them into parts of its height
    "W": lambda side: side % 4 == 0 and side > 8,  # a point has fewer values
    "N": lambda points: points > max(BY_JOINTS),
    "C": lambda values: 3 <= values <= 8,  # x, y, z and perhaps more
    "J": lambda joints: joints in BY_JOINTS,
}
PICTURE = ("H", "W")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file of a walk. sides: of a frame, numbers or letters of SIDES; more: what to say of them."""

    what: str
    sides: tuple[int | str, ...]
    more: str = ""

    def __str__(self) -> str:
        return f"{self.what} {'×'.join(map(str, ('T', *self.sides)))}{self.more}"

    def is_like(self, frame: tuple[int, ...]) -> bool:
        """Whether a frame of this shape is one of these. A picture may lie flat: BaseSilTransform's img_shape."""
        if self.sides == PICTURE and (len(frame) == 1 or frame[:1] == (1,)):
            return (len(frame) == 3 and self.is_like(frame[1:])) or (len(frame) == 1 and frame[0] >= 64 * 4)
        return len(frame) == len(self.sides) and all(
            SIDES[side](found) if isinstance(side, str) else side == found
            for side, found in zip(self.sides, frame, strict=True)
        )


def pictures(channels: int = 1, what: str = "pictures") -> Wanted:
    """Silhouettes, labels or depths of one channel T×H×W, or of several T×C×H×W."""
    return Wanted(what, PICTURE if channels == 1 else (channels, *PICTURE), " (H a multiple of 64, W of 4)")


SILHOUETTES = pictures(what=Modality.SILHOUETTES)
MAPS = pictures(2, Modality.SKELETON_MAPS)
SMPL = Wanted(Modality.SMPL, (85,))
POINTS = Wanted(Modality.POINTS, ("N", "C"))


def keypoints(joints: int | str = "J") -> Wanted:
    """x, y and confidence of so many joints, or of any skeleton that is known."""
    return Wanted(Modality.KEYPOINTS, (joints, 3))


OF_ENCODERS: Mapping[Modality, Wanted] = {  # which know every skeleton
    Modality.SILHOUETTES: SILHOUETTES,
    Modality.SKELETON_MAPS: MAPS,
    Modality.KEYPOINTS: keypoints(),
    Modality.PARSING: pictures(what=Modality.PARSING),
    Modality.SMPL: SMPL,
    Modality.POINTS: POINTS,
}
Files = tuple[Wanted, ...]


def refuse_other(walk: Walk, found: Sequence[Read], wanted: Sequence[Files], who: str, advice: str) -> None:
    """Raise InputError, naming the file and its shape, unless a walk's files are what `who` wants.

    wanted: one list of files or several, of different lengths, that will do. advice: how to choose other files.
    """
    files = next((files for files in wanted if len(files) == len(found)), None)
    if files is None:
        said = ", or ".join(f"{len(files)} ({', '.join(map(str, files))})" for files in wanted)
        here = "1 file" if len(found) == 1 else f"{len(found)} files"
        raise InputError(f"{walk.files[0].parent}: {here} of a walk, {who} wants {said}. {advice}")
    for path, modality, file in zip(walk.files, found, files, strict=False):
        frames = _frames(modality)
        if len(frames) != 1 or not file.is_like(frames[0]):
            raise InputError(f"{path}: {_shape(modality)}; {who} wants {file}. {advice}")


def _frames(modality: Read) -> list[tuple[int, ...]]:
    """Shapes of a walk's frames. Of clouds that differ in the number of points alone the largest; and an empty one."""
    if not isinstance(modality, list):
        return [modality.shape[1:]]
    shapes = sorted(frame.shape for frame in modality)
    return [*{shape[1:]: shape for shape in shapes}.values(), *(shape for shape in shapes[:1] if 0 in shape)]


def _shape(modality: Read) -> str:
    if not isinstance(modality, list) and not modality.ndim:
        return "a single number"
    frames = ["×".join(map(str, frame)) or "one number" for frame in _frames(modality)]
    return f"{len(modality)} frames of {' and '.join(frames)}"

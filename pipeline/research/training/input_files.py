"""Which files a network takes of a sample, and the check that a sample has them, before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import InputError
from pipeline.research.training.data.dataset import Frames, Sample
from pipeline.skeletons import BY_JOINTS, COCO17
from pipeline.types import Modality

COCO_JOINTS = len(COCO17.joints)
SIDES: Mapping[str, Callable[[int], bool]] = {  # what the letters in a shape stand for
    "H": lambda side: side % 64 == 0 and side > 0,  # every network for images cuts them into parts of its height
    "W": lambda side: side % 4 == 0 and side > 8,  # a point has fewer values
    "N": lambda points: points > max(BY_JOINTS),
    "C": lambda values: 3 <= values <= 8,  # x, y, z and perhaps more
    "J": lambda joints: joints in BY_JOINTS,
}
IMAGE = ("H", "W")


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of a sample. sides: of a frame, numbers or letters of SIDES; remark: for messages."""

    what: str
    sides: tuple[int | str, ...]
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.what} {'×'.join(map(str, ('T', *self.sides)))}{self.remark}"

    def fits(self, frame: tuple[int, ...]) -> bool:
        """Whether a frame of this shape is one of these. An image may lie flat: BaseSilTransform's img_shape."""
        if self.sides == IMAGE and (len(frame) == 1 or frame[:1] == (1,)):
            return (len(frame) == 3 and self.fits(frame[1:])) or (len(frame) == 1 and frame[0] >= 64 * 4)
        return len(frame) == len(self.sides) and all(
            SIDES[side](found) if isinstance(side, str) else side == found
            for side, found in zip(self.sides, frame, strict=True)
        )


def image_file(channels: int = 1, what: str = "pictures") -> InputFile:
    """Silhouettes, labels or depths of one channel T×H×W, or of several T×C×H×W."""
    return InputFile(what, IMAGE if channels == 1 else (channels, *IMAGE), " (H a multiple of 64, W of 4)")


def keypoints(joints: int | str = "J") -> InputFile:
    """x, y and confidence of so many joints, or of any skeleton that is known."""
    return InputFile(Modality.KEYPOINTS, (joints, 3))


SILHOUETTES = image_file(what=Modality.SILHOUETTES)
MAPS = image_file(2, Modality.SKELETON_MAPS)
PARSING = image_file(what=Modality.PARSING)
SMPL = InputFile(Modality.SMPL, (85,))
POINTS = InputFile(Modality.POINTS, ("N", "C"))
DIFFUSED = InputFile(Modality.DIFFUSION, (4, 96, 48)), InputFile(Modality.SILHOUETTES, (96, 48))
RATIOS = InputFile(Modality.ASPECT_RATIOS, ())
OF_ENCODERS: Mapping[Modality, InputFile] = {  # which know every skeleton
    Modality.DEPTH: image_file(3, Modality.DEPTH),
    Modality.SILHOUETTES: SILHOUETTES,
    Modality.SKELETON_MAPS: MAPS,
    Modality.KEYPOINTS: keypoints(),
    Modality.PARSING: PARSING,
    Modality.SMPL: SMPL,
    Modality.POINTS: POINTS,
    Modality.RGB: image_file(3, Modality.RGB),
    Modality.ASPECT_RATIOS: RATIOS,
    Modality.BODIES: image_file(what=Modality.BODIES),
}
Files = tuple[InputFile, ...]


def files_of(needs: Sequence[Modality]) -> Files:
    """A sample's files for an encoder that needs these modalities, in their order."""
    return DIFFUSED if Modality.DIFFUSION in needs else tuple(OF_ENCODERS[need] for need in needs)


def refuse_other_files(
    sample: Sample, found: Sequence[Frames], expected: Sequence[Files], network: str, advice: str
) -> None:
    """Raise InputError, naming the file and its shape, unless a sample's files are those that `network` takes.

    Args:
        sample: Whose files are in question.
        found: What they hold.
        expected: One list of files or several, of different lengths, that will do.
        network: Its name, for the message.
        advice: How to choose other files.
    """
    files = next((files for files in expected if len(files) == len(found)), None)
    if files is None:
        lists = ", or ".join(f"{len(files)} ({', '.join(map(str, files))})" for files in expected)
        count = "1 file" if len(found) == 1 else f"{len(found)} files"
        raise InputError(f"{sample.files[0].parent}: {count} of a walk, {network} takes {lists}. {advice}")
    for path, frames, file in zip(sample.files, found, files, strict=False):
        shapes = _frame_shapes(frames)
        if len(shapes) != 1 or not file.fits(shapes[0]):
            sides = " and ".join("×".join(map(str, shape)) or "one number" for shape in shapes)
            scalar = not isinstance(frames, list) and not frames.ndim
            shape = "a single number" if scalar else f"{len(frames)} frames of {sides}"
            raise InputError(f"{path}: {shape}; {network} takes {file}. {advice}")


def _frame_shapes(frames: Frames) -> list[tuple[int, ...]]:
    """Of a sample. Of clouds that differ in the number of points alone the largest, and an empty one."""
    if not isinstance(frames, list):
        return [frames.shape[1:]]
    shapes = sorted(frame.shape for frame in frames)
    return [*{shape[1:]: shape for shape in shapes}.values(), *(shape for shape in shapes[:1] if 0 in shape)]

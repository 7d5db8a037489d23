"""Stage 1: where is everybody in each frame, and who is who from frame to frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline import registry
from pipeline.types import Detections, Frame, TrackedBoxes

if TYPE_CHECKING:
    from pipeline.config import RuntimeConfig, TrackingConfig
    from pipeline.weights.checkpoints import Checkpoint


class Detector(Protocol):
    """Finds people. Made from (TrackingConfig, RuntimeConfig, Checkpoint | None); used for one video after another.

    looks_at: "foreground" where frames have to come with theirs.
    """

    looks_at: Literal["image", "foreground"]

    @property
    def batch(self) -> int:
        """Frames that are best given at once."""

    def warm(self, height: int, width: int) -> None:
        """Get ready for pictures of this size: compile, allocate. The answers are the same without."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The people of each frame. Frames come in order; an index that does not rise starts another video.

        Where a detector looks at the image, an answer may depend on earlier frames of the same stretch only, those
        between two multiples of TrackingConfig.stretch: one call holds no frames of two.
        """


class Tracker(Protocol):
    """Follows people through one video. Made from (TrackingConfig, frames per second)."""

    def update(self, detections: Detections, elapsed: int = 1) -> TrackedBoxes:
        """The people of the next frame with their ids, 1-based. Called for every look, also where nobody is seen.

        elapsed: frames since the last call; more than 1 where frames were left out.
        """

    def expect(self, frame_index: int, elapsed: int) -> TrackedBoxes:
        """Where those of the last call must be `elapsed` frames after it, in a frame that nobody looks at."""


DETECTORS: Mapping[str, str] = {
    "motion": "pipeline.tracking.motion.detector:MotionDetector",
    "yolox": "pipeline.tracking.yolox.detector:YoloxDetector",
}
TRACKERS: Mapping[str, str] = {"bytetrack": "pipeline.tracking.bytetrack:ByteTracker"}


def open_detector(config: TrackingConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Detector:
    """Open the configured detector.

    Raises:
        ConfigError: Its name is unknown.
        CheckpointError: The weights are unusable.
    """
    detector: Detector = registry.load(DETECTORS, config.detector, "tracking.detector")(config, runtime, checkpoint)
    return detector


def open_tracker(config: TrackingConfig, fps: float) -> Tracker:
    """A new tracker, for one video of `fps` frames per second. Raises ConfigError for an unknown name."""
    tracker: Tracker = registry.load(TRACKERS, config.tracker, "tracking.tracker")(config, fps)
    return tracker

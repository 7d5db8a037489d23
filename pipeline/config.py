"""One typed tree of settings: the YAML profiles, `--set a.b=c` and the record in run.json are all this tree."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

DEFAULT_PROFILE = "light"


def _off(value: Any) -> Any:
    return "off" if value is False else value  # YAML reads a bare off as false


Side = Annotated[int, Field(ge=32, le=8192)]  # pixels


class Section(BaseModel):
    """A part of the tree: unknown keys are refused, values cannot be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class VideoConfig(Section):
    """How videos are turned before anything else."""

    rotate: Literal["auto", 0, 90, 180, 270] = Field(
        "auto", description="degrees clockwise; auto: a video in which nobody is found upright, but turned, is turned"
    )


class ByteTrackConfig(Section):
    """ByteTrack (Zhang et al., ECCV 2022). Defaults are the reference demo's, but for new_track_margin (0.1 there)."""

    track_threshold: float = Field(0.5, ge=0, le=1, description="scores above take part in the first association")
    low_threshold: float = Field(
        0.1, ge=0, le=1, description="scores between this and track_threshold: second association"
    )
    new_track_margin: float = Field(0.15, ge=0, description="a new track needs track_threshold + this")
    match_threshold: float = Field(0.8, ge=0, le=1, description="highest 1 − IoU in the first association")
    buffer_seconds: float = Field(1.0, ge=0, description="a lost track is kept this long")
    fuse_score: bool = Field(True, description="weigh IoU by the detection score (off for MOT20)")
    filtered_boxes: bool = Field(True, description="boxes as the Kalman filter smooths them (off: as detected)")
    empty_frames_advance: bool = Field(
        True, description="frames without any detection count as time (off: as in All-in-One-Gait's demo)"
    )


class TilesConfig(Section):
    """Overlapping tiles: the detector also sees parts of the picture at higher scale, for small people."""

    rows: int = Field(1, ge=1, le=8)
    columns: int = Field(1, ge=1, le=8)
    overlap: float = Field(0.2, ge=0, le=0.5, description="share of a tile's side that overlaps its neighbour")


class BackgroundConfig(Section):
    """The empty scene before a fixed camera; only the detector and the segmenter `motion` use it."""

    threshold: float = Field(3.2, gt=0, le=50, description="difference that makes a person, in deviations of the noise")
    shadows: bool = Field(True, description="what only darkens the background is a shadow, not a person")


class TrackingConfig(Section):
    """Stage 1: where is everybody, and who is who from frame to frame."""

    detector: str = Field("yolox", description="name in pipeline.tracking.DETECTORS")
    checkpoint: str | None = Field(
        "yolox_nano", description="card name, or a file (then set `card` too); motion needs none"
    )
    card: str | None = Field(None, description="card whose conventions a checkpoint given as a file follows")
    input_size: tuple[Side, Side] | None = Field(
        None, description="height, width fed to the network; default: the card's"
    )
    rectangular: bool = Field(True, description="leave out the letterbox's padding where the network takes any size")
    zoom: Literal["auto"] | Annotated[float, Field(ge=1, le=4)] = Field(
        "auto", description="input that many times larger, for small people; auto: 1 to 4, by how tall people are"
    )
    score_threshold: float = Field(0.1, ge=0, le=1, description="detections below are dropped")
    nms_threshold: float = Field(
        0.6, ge=0, le=1, description="IoU above which the weaker of two boxes is dropped; above 0.6 ghosts remain"
    )
    tiles: TilesConfig = TilesConfig()
    rate: Literal["auto", "all"] | Annotated[float, Field(gt=0, le=1000)] = Field(
        "auto",
        description="frames a second that are looked at; boxes in between are on the way; auto: at least 8, all for a "
        "second where somebody is fast; motion looks at all",
    )
    stretch: int = Field(
        9000, ge=10, description="frames after which zoom is chosen anew; where a cluster may cut a longer video"
    )
    tracker: str = Field("bytetrack", description="name in pipeline.tracking.TRACKERS")
    bytetrack: ByteTrackConfig = ByteTrackConfig()
    min_area: float = Field(10.0, ge=0, description="smaller boxes (px²) are not followed")
    max_aspect: float = Field(1.6, gt=0, description="boxes with width / height above this are not pedestrians")
    min_frames: int = Field(5, ge=1, description="shorter tracks are dropped")

    def stretch_of(self, frame_index: int) -> int:
        """The number of the stretch that a frame is in."""
        return frame_index // self.stretch


SEGMENTER = "segmenter"  # as pose.estimator: no network of its own


class SegmentationConfig(Section):
    """Stage 2: cut everybody out."""

    segmenter: str = Field(
        "auto", description="name in pipeline.segmentation.SEGMENTERS; auto: as the checkpoint's card says"
    )
    checkpoint: str | None = Field(
        "mediapipe_pose_full", description="card name, or a file or folder; motion needs none"
    )
    card: str | None = Field(None, description="card whose conventions a checkpoint given as a file follows")
    every: int = Field(1, ge=1, description="segment every n-th frame")
    enough: Literal["auto", "all"] | Annotated[int, Field(ge=1, le=100_000)] = Field(
        "auto",
        description="usable silhouettes that are cut out of a track, spread over its way; auto: as many as the encoder "
        "takes, all where it takes consecutive ones or joints",
    )
    surroundings: Literal["scene", "blank"] = Field(
        "scene", description="what is around the box in the network's input: scene: the frame; blank: white, or black"
    )
    margin: float | None = Field(
        None,
        ge=0,
        le=1,
        description="added on each side: of the box's longer side; where blank, of each side (as the segmenter likes)",
    )
    background: bool = Field(
        False, description="join the network's answer with what differs from the empty scene: for fixed cameras"
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="probability above which a pixel is person")
    clean: bool = Field(True, description="keep only the person of the box: no neighbours, no specks, no holes")
    normalise: bool = Field(True, description="align to 64×44; off: the raw square masks are the network's input")
    reject: bool = Field(True, description="leave out frames whose silhouette is not good enough")
    min_height: int = Field(32, ge=1, description="people less tall than this many pixels are left out")
    batch: int = Field(16, ge=1, description="crops in one call of the network")


class PoseConfig(Section):
    """Beside stage 2: where everybody's joints are. Only for encoders that take them, unless `always` is set."""

    estimator: str = Field(
        SEGMENTER, description="segmenter: the joints that the segmenter finds; or a name in pipeline.pose.ESTIMATORS"
    )
    checkpoint: str | None = Field(
        "movenet_singlepose_lightning_int8", description="card name, or a file; the segmenter's joints need none"
    )
    card: str | None = Field(None, description="card whose conventions a checkpoint given as a file follows")
    always: bool = Field(False, description="write poses even where the encoder does not take them")
    every: int = Field(1, ge=1, description="estimate poses in every n-th frame")
    min_score: float = Field(0.3, ge=0, le=1, description="mean score of a frame's joints, below which it is left out")
    use_score: bool = Field(True, description="in skeleton maps, draw joints as bright as their score")
    batch: int = Field(16, ge=1, description="crops in one call of the network")


class RecognitionConfig(Section):
    """Stage 3: turn a sequence of silhouettes into an embedding."""

    encoder: str = Field("gei", description="name in pipeline.recognition.ENCODERS")
    checkpoint: str | None = Field(
        None, description="card name, or a file (then set `card` too); gei and hog need none"
    )
    card: str | None = Field(None, description="card whose conventions a checkpoint given as a file follows")
    parts: int = Field(16, ge=1, le=64, description="gei only: horizontal parts")
    mirroring: Annotated[Literal["off", "heading", "both"], BeforeValidator(_off)] = Field(
        "off", description="heading: mirror who walks to the left; both: the mean of a sequence and its mirror image"
    )
    features: Literal["auto", "embeddings", "neck", "logits"] = Field(
        "auto", description="neck: batch-normalised by the training head; logits: its output; auto: as the card says"
    )
    set_size: int | None = Field(
        None,
        ge=1,
        description="silhouettes pooled together; longer sequences are the mean of interleaved sets (card; all)",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="untrained only: seed of the random weights")
    min_frames: int = Field(10, ge=1, description="tracks with fewer usable silhouettes are unusable")
    max_frames: int = Field(60, ge=1, description="silhouettes taken from longer tracks (docs/performance.md: why 60)")
    window: int | None = Field(
        None, ge=1, description="in runs of so many consecutive ones; default: 1, max_frames for encoders of motion"
    )


class MatchingConfig(Section):
    """Stage 4: who is it?"""

    metric: Literal["euclidean", "cosine", "frobenius"] = "euclidean"
    transform: Literal["none", "lda"] = Field(
        "none", description="before distances: the gallery's stored one, or fitted; several templates of a person"
    )
    score_norm: Literal["none", "z", "t", "s"] = Field(
        "none", description="distances in deviations from those to strangers: of the template, the probe, both"
    )
    cohort: str | None = Field(
        None, description="folder of a gallery or a run with other people: what both are fitted on, not the gallery"
    )
    threshold: Annotated[float | Literal["off"] | None, BeforeValidator(_off)] = Field(
        None,
        description="best distance above this: unknown; default: the probability decides, or the gallery's "
        "calibration; off: the nearest is named unless a gallery is calibrated",
    )
    min_confidence: float = Field(
        0.5, ge=0, le=1, description="no name is given below this probability that it is right (without a threshold)"
    )
    one_to_one: bool = Field(True, description="tracks seen in the same frame never share an identity")
    templates: Literal["nearest", "mean", "weighted"] = Field(
        "nearest", description="of a person's several templates: the nearest counts, or their (weighted) mean"
    )
    stitch_seconds: float = Field(
        2.0, ge=0, description="tracks that break off and go on within so long are one person's; 0: never joined"
    )
    temperature: float = Field(
        0.1,
        gt=0,
        description="softmax temperature of the confidence beside a threshold, relative to it (or the median distance)",
    )

    @model_validator(mode="after")
    def _sensible(self) -> MatchingConfig:
        if self.cohort and self.transform == self.score_norm == "none":
            raise ValueError("matching.cohort: nothing is fitted on it. Set matching.transform or matching.score_norm")
        if isinstance(self.threshold, float) and self.threshold <= 0 and not self.signed:
            raise ValueError("matching.threshold must be above 0: distances are")
        return self

    @property
    def signed(self) -> bool:
        """Whether distances may be negative: deviations from what is usual."""
        return self.score_norm != "none"


class LiveConfig(Section):
    """`gait live`: when somebody on a camera is looked up, and when the name that is shown changes."""

    window: int = Field(60, ge=1, description="silhouettes of a person, the newest, that are embedded")
    refresh: int = Field(10, ge=1, description="new usable silhouettes of a person from one embedding to the next")
    agree: int = Field(2, ge=1, description="answers in a row that it takes to show another name")


class OutputConfig(Section):
    """What is written."""

    folder: str = Field("output", min_length=1)
    silhouettes: bool = Field(True, description="write the mask of every segmented crop as PNG")
    crops: bool = Field(
        True,
        description="keep the crops that an encoder of colour looks at, pictures of people; false: until they are "
        "embedded, and never in the cache",
    )
    videos: bool = Field(True, description="draw annotated videos")
    report: bool = Field(True, description="write report.html, and a picture of each person for it")
    blur_faces: bool = Field(False, description="blur the heads of tracked people in annotated videos and the report")
    cache_gb: float = Field(2.0, ge=0, description="kept in <folder>/.cache to reuse in later runs; 0: nothing")
    crf: int = Field(23, ge=0, le=51, description="H.264 quality, smaller is better and larger files")


class RuntimeConfig(Section):
    """How networks are run."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine: Literal["auto", "openvino", "onnxruntime", "torch", "paddle"] = Field(
        "auto", description="runs the networks; auto: the fastest that reads the checkpoint"
    )
    precision: Literal["f32", "bf16", "f16", "auto"] = Field(
        "f32",
        description="auto: f32, but for BigGait, BiggerGait and DenoisingGait f16 on a GPU, and bf16 on a CPU that has "
        "it, where embeddings stay as they are (cosine 0.999)",
    )
    threads: int = Field(0, ge=0, description="CPU threads for networks; 0: all cores")
    workers: int = Field(
        1, ge=1, le=256, description="processes that track people in videos, each with its share of the cores"
    )
    cluster: Literal["local", "ray"] = Field(
        "local", description="ray: videos, long ones in stretches, are processed on a Ray cluster"
    )
    address: str | None = Field(
        None, description="address of the Ray cluster, or auto; default: one on this machine alone"
    )


class Config(Section):
    """All settings of a run."""

    profile: str = DEFAULT_PROFILE
    video: VideoConfig = VideoConfig()
    background: BackgroundConfig = BackgroundConfig()
    tracking: TrackingConfig = TrackingConfig()
    segmentation: SegmentationConfig = SegmentationConfig()
    pose: PoseConfig = PoseConfig()
    recognition: RecognitionConfig = RecognitionConfig()
    matching: MatchingConfig = MatchingConfig()
    live: LiveConfig = LiveConfig()
    output: OutputConfig = OutputConfig()
    runtime: RuntimeConfig = RuntimeConfig()

    @model_validator(mode="after")
    def _bytetrack_bands(self) -> Config:
        band = self.tracking.bytetrack
        if band.low_threshold > band.track_threshold:
            raise ValueError("tracking.bytetrack.low_threshold must not exceed track_threshold")
        return self

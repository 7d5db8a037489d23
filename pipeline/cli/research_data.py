"""Data sets: arrange, pretreat, skeleton-maps, join, from-run, check, picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer import Argument, Option

from pipeline.cli.app import command, group

TARGET: Any = Argument(help="Folder of the dataset to make.", metavar="DATASET")
PROCESSES: Any = Option(None, "--workers", min=1, help="Processes (default: one a core).", metavar="N")
OUT: Any = Option(..., "--out", help="Folder of the dataset to make; started again, it goes on.", metavar="DIR")

datasets = group("dataset", "Make and check datasets to train and evaluate on.")


@command(
    datasets,
    "commands.dataset:arrange_command",
    "gait dataset arrange --dataset oumvlp --source OUMVLP --out OUMVLP-arranged",
)
def arrange(
    dataset: str = Option(
        ..., metavar="NAME",
        help="casia-b, oumvlp, grew, gait3d, casia-e, hid, ccpg, ccgr, ccgr-mini, sustech1k, freegait, scoliosis1k, "
        "gaitlu-1m.",
    ),
    part: str | None = Option(
        None, metavar="NAME",
        help="Which of its modalities: silhouettes (the default), poses, parsing, smpl, rgb, points, depths.",
    ),
    source: Path = Option(..., help="The dataset as its authors publish it: folders or archives.", metavar="DIR"),
    target: Path = OUT,
    workers: int | None = PROCESSES,
) -> None:  # fmt: skip
    """Arrange a dataset as published into identity/type/view: folders are linked, archives unpacked.

    Zips with a password: it is asked for, or taken from the variable GAIT_ARCHIVE_PASSWORD.
    """


@command(datasets, "commands.dataset:pretreat_command", "gait dataset pretreat CASIA-B CASIA-B-pkl --workers 4")
def pretreat(
    source: Path = Argument(
        help="Silhouettes in identity/type/view/*.png, GaitGraph's pose CSV, or OUMVLP-Pose's folder.",
        metavar="SOURCE",
    ),
    target: Path = TARGET,
    kind: str = Option(
        "silhouettes", metavar="NAME",
        help="silhouettes; aligned (silhouettes that are only resized, as GREW's, HID's and CASIA-E's); parsing; rgb; "
        "videos (.avi with black around people, as CCGR-MINI's); poses; smpl; points; depths.",
    ),
    size: int = Option(64, min=64, help="Height and width, a multiple of 64."),
    silhouettes: Path | None = Option(
        None, metavar="DIR",
        help="For poses: the arranged silhouettes, which tell whose joints count where several people are in a frame.",
    ),
    overwrite: bool = Option(False, "--overwrite", help="Make again what is there already."),
    workers: int | None = PROCESSES,
) -> None:  # fmt: skip
    """Align silhouettes as OpenGait does, one .pkl a sequence; or convert other files into the same layout."""


@command(
    datasets,
    "commands.dataset:skeleton_maps_command",
    "gait dataset skeleton-maps --poses Gait3D-pose --out Gait3D-maps",
    name="skeleton-maps",
)
def skeleton_maps(
    poses: Path = Option(..., help="Keypoints: DIR/identity/type/view/*.pkl, T×17×3 or T×18×3.", metavar="DIR"),
    target: Path = OUT,
    dataset: str = Option("", help="SUSTech1K: of each folder the file 03*.pkl alone.", metavar="NAME"),
    extension: str | None = Option(
        None, "--ext", metavar="NAME",
        help="Put them into DIR/DATASET_sigma_8.0_NAME/pkl, as SkeletonGait's script does.",
    ),
    settings: Path | None = Option(
        None, "--config", help="A pretreatment_heatmap.yaml: sigma, use_score, align.", metavar="FILE"
    ),
    workers: int | None = PROCESSES,
) -> None:  # fmt: skip
    """Draw poses as skeleton maps, as SkeletonGait does: limbs and joints, T×2×64×64."""


@command(
    datasets,
    "commands.dataset:join_command",
    "gait dataset join --maps Gait3D-maps --silhouettes Gait3D-pkl --out Gait3D-both",
)
def join(
    maps: Path | None = Option(None, help="Skeleton maps: 0_heatmap.pkl.", metavar="DIR"),
    silhouettes: Path | None = Option(None, help="Silhouettes: 1_sil.pkl beside maps, else 0_sil.pkl.", metavar="DIR"),
    parsing: Path | None = Option(None, help="Labels of body parts.", metavar="DIR"),
    smpl: Path | None = Option(None, help="SMPL values.", metavar="DIR"),
    ending: str = Option(".pkl", "--ext", help="How the silhouettes' file ends, among several.", metavar="NAME"),
    target: Path = OUT,
    workers: int | None = PROCESSES,
) -> None:
    """Put the files of several datasets side by side, for networks that look at both: linked, no bytes are copied."""


@command(
    datasets,
    "commands.dataset:from_run_command",
    "gait dataset from-run output/2026_01_31_18_05_09 mine --labels who.csv",
    name="from-run",
)
def from_run(
    run: Path = Argument(help="Folder of a run.", metavar="RUN_DIR"),
    target: Path = TARGET,
    labels: Path | None = Option(
        None, help="CSV: video,track,identity[,type,view]; none: a person a track.", metavar="FILE"
    ),
    held_out: float = Option(0.5, min=0, max=1, help="Share of the people that become the test set."),
) -> None:
    """The silhouettes of a run as a dataset, with its partition.json."""


@command(datasets, "commands.dataset:check_command", "gait dataset check CASIA-B-pkl --name CASIA-B")
def check(
    root: Path = Argument(help="Folder of the dataset.", metavar="DATASET"),
    partition: Path | None = Option(None, help="Its partition JSON (default: the one in it).", metavar="FILE"),
    name: str = Option("", help="CASIA-B, OUMVLP, GREW …: the authors' partition."),
    min_frames: int = Option(15, min=0, help="Shorter sequences are named."),
    json_file: Path | None = Option(None, "--json", help="Write all findings here.", metavar="FILE"),
    fix: Path | None = Option(None, help="New folder for a copy in which it is put right.", metavar="DIR"),
) -> None:
    """Read a whole dataset; say what is missing, unreadable, short, noisy or twice there: the exit status is 2 then."""


@command(
    datasets,
    "commands.pictures:dataset_picture_command",
    "gait dataset picture CASIA-B-pose views.png --identity 075 --type nm-01",
)
def picture(
    root: Path = Argument(help="Folder of a dataset of poses.", metavar="DATASET"),
    file: Path = Argument(help="Picture to write.", metavar="FILE.png"),
    identity: str | None = Option(None, help="Whose walks (default: the first person's).", metavar="ID"),
    kind: str | None = Option(None, "--type", help="Of which type (default: the first).", metavar="TYPE"),
) -> None:
    """The skeletons of one person, a row for each view: nine frames of each, all at one scale."""

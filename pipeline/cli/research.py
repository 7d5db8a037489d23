"""Training, evaluation, data sets and timings: evaluate, train, dataset, synth, bench."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer import Argument, Option

from pipeline.cli.app import CHECKPOINTS, app, command, group
from pipeline.cli.run import GALLERY, PROBES

JSON: Any = Option(None, "--json", help="Write the figures here.", metavar="FILE")
TARGET: Any = Argument(help="Folder of the dataset to make.", metavar="DATASET")
SEED: Any = Option(0, help="The same seed gives the same bytes.", metavar="N")
PROCESSES: Any = Option(None, "--workers", min=1, help="Processes (default: one a core).", metavar="N")
OUT: Any = Option(..., "--out", help="Folder of the dataset to make; started again, it goes on.", metavar="DIR")

evaluate = group("evaluate", "Measure how often people are recognised.")
datasets = group("dataset", "Make and check datasets to train and evaluate on.")
synth = group("synth", "Walkers who do not exist: silhouettes to train with, videos to test and to show.")


@command(
    evaluate,
    "commands.evaluate:evaluate_clips_command",
    "gait evaluate clips --manifest clips.csv --config light --baselines",
    "overrides output device workers checkpoints",
)
def clips(
    manifest: Path = Option(
        ..., metavar="FILE",
        help="CSV with the columns video, first, last, person, condition, role (gallery or probe); paths relative to "
        "it, frames counted from 1.",
    ),
    profiles: list[str] = Option(
        [], "--config", metavar="NAME|FILE",
        help="Profile name or YAML file; repeat to compare several on the silhouettes of the first.",
    ),
    baselines: bool = Option(
        False, "--baselines", help="Compare with GEI, HOG of the GEI and untrained networks, too."
    ),
    untrained_seeds: int = Option(5, help="Untrained networks among the baselines.", min=1, max=100),
    sequences: Path | None = Option(
        None, metavar="DIR",
        help="Keep the silhouettes of every clip here; where they already are, no video is read again.",
    ),
    open_set: bool = Option(
        False, "--open-set", help="Leave half of the people out, again and again: TPIR at FPIR, DET, EER."
    ),
    splits: int = Option(50, help="How often who is enrolled is drawn.", min=1, max=10_000, metavar="N"),
    json_file: Path | None = JSON,
) -> None:  # fmt: skip
    """Recognise labelled clips: rank-1, rank-5, mAP and CMC by condition, with 95 % intervals over people.

    A clip stands for its track with the most silhouettes. A person is as far away as the nearest of the
    person's gallery clips. Clips without a usable track count as wrong.
    """


@command(
    evaluate,
    "commands.evaluate_dataset:evaluate_dataset_command",
    "gait evaluate dataset --protocol casia-b --root CASIA-B-pkl --checkpoint gaitbase_casiab",
    "overrides output device checkpoints",
)
def dataset(
    protocol: str | None = Option(
        None, metavar="NAME",
        help="casia-b, oumvlp, casia-e, sustech1k, ccpg, ccgr-mini, gait3d, freegait, grew, scoliosis1k; "
        "grew-submission or hid for a competition's file.",
    ),
    root: Path | None = Option(None, help="The dataset: DIR/identity/type/view/*.pkl.", metavar="DIR"),
    partition: Path | None = Option(
        None, help="JSON with the TEST_SET (default: DIR/partition.json).", metavar="FILE"
    ),
    training: Path | None = Option(
        None, help="Folder of a gait train: its network, on its dataset.", metavar="DIR"
    ),
    features: Path | None = Option(
        None, help="Features of an earlier evaluation, instead of a network.", metavar="FILE"
    ),
    profile: str | None = Option(
        None, "--config", metavar="NAME|FILE",
        help="Profile or YAML file that names the encoder; or a training's YAML file (OpenGait's too).",
    ),
    encoder: str | None = Option(None, help="Encoder, such as gaitbase.", metavar="NAME"),
    checkpoint: str | None = Option(None, help="Its weights: a card's name, or a file.", metavar="NAME|FILE"),
    card: str | None = Option(None, help="Card whose conventions a file follows.", metavar="NAME"),
    metric: str | None = Option(
        None, help="euclidean or cosine (default: the training's or profile's).", metavar="NAME"
    ),
    cross_view: bool = Option(False, "--cross-view", help="casia-b, oumvlp: one gallery of all views at once."),
    rerank: bool | None = Option(
        None, "--rerank/--no-rerank", help="By k-reciprocal neighbours (default: for hid only)."
    ),
    files: str | None = Option(
        None, metavar="PLACES",
        help="For several modalities: which of a sequence's files, by place, in the encoder's order.",
    ),
    as_opengait: bool = Option(
        False, "--as-opengait", help="With OpenGait's quirks, to compare files digit by digit."
    ),
    json_file: Path | None = JSON,
) -> None:  # fmt: skip
    """Evaluate an encoder on a public dataset by its protocol: tables, CMC and pictures, or a competition's file."""


@command(
    app,
    "commands.train:train_command",
    "gait train --config gaitbase_casiab --set data_cfg.dataset_root=CASIA-B-pkl",
)
def train(
    config: str = Option(
        ..., help="A configuration in configs/train, or a YAML file (OpenGait's too).", metavar="FILE"
    ),
    overrides: list[str] = Option(
        [], "--set", help="Change one setting, such as trainer_cfg.seed=1; repeatable.", metavar="KEY=VALUE"
    ),
    resume: bool = Option(False, "--resume", help="Go on from the furthest checkpoint of this name."),
    output: Path = Option(Path("output/training"), help="Where trainings are kept.", metavar="DIR"),
    device: str | None = Option(None, help="auto, cpu or cuda.", metavar="DEVICE"),
    processes: int = Option(1, min=1, help="Processes that share each batch: one a GPU.", metavar="N"),
) -> None:
    """Train a gait network on a dataset in OpenGait's layout."""


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
        help="Which of its modalities: silhouettes (the default), poses, parsing, smpl, rgb, points.",
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
        "poses; smpl; points.",
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
    config: Path | None = Option(None, help="A pretreatment_heatmap.yaml: sigma, use_score, align.", metavar="FILE"),
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
    synth,
    "commands.synth:synth_dataset",
    "gait synth dataset --out data/walkers --people 1000 --workers 2",
    name="dataset",
)
def synth_dataset(
    out: Path = Option(..., help="New folder for the data set.", metavar="DIR"),
    people: int = Option(100, help="Identities.", metavar="N"),
    sequences: int = Option(10, "--sequences", "--walks", help="Sequences of each person.", metavar="K"),
    frames: int = Option(30, help="Silhouettes of each sequence.", metavar="T"),
    seed: int = SEED,
    workers: int = Option(1, help="Processes.", metavar="N"),
    segmented: float = Option(
        0.0, min=0, max=1, metavar="SHARE",
        help="Share of the sequences that the light profile's segmenter cuts out of pictures.",
    ),
    checkpoints: Path | None = CHECKPOINTS,
    varied: bool = Option(False, "--varied", help="Each person from many sides, mostly with bags or coats."),
) -> None:  # fmt: skip
    """Silhouettes of walkers who do not exist, in OpenGait's layout, to train with."""


@command(synth, "commands.synth:synth_videos", "gait synth videos --out data/street --people 4 --probes 4")
def videos(
    out: Path = Option(..., help="Folder for the videos and their truth.", metavar="DIR"),
    people: int = Option(4, help="Walkers, the same in all videos.", metavar="N"),
    probes: int = Option(4, help="Videos beside the gallery.", metavar="N"),
    seconds: float = Option(10.0, help="Length of each video.", metavar="S"),
    handheld: bool = Option(False, "--handheld", help="Every second probe is hand-held."),
    seed: int = SEED,
) -> None:
    """Videos of walkers who do not exist, with the truth: boxes, identities, masks, joints, visibility."""


@command(synth, "commands.synth:synth_cohort", "gait synth cohort --out made_up.npz")
def cohort(
    out: Path = Option(..., help="The file.", metavar="FILE"),
    people: int = Option(60, help="People, three walks each.", metavar="N"),
    seed: int = SEED,
    checkpoints: Path | None = CHECKPOINTS,
) -> None:
    """The made-up people who tell what a distance is worth: silhouettes and joints, as the light profile sees them."""


bench = typer.Typer(
    help="Time a run stage by stage; bench segmenters: how well people are cut out; bench gallery: large galleries."
)
app.add_typer(bench, name="bench")


@command(
    bench,
    "research.bench.run:bench_command",
    "gait bench --gallery g.mp4 --probe p.mp4 --json figures.json",
    "profile overrides device checkpoints",
    alone=True,
)
def bench_run(
    gallery: str | None = GALLERY,
    probes: list[str] = PROBES,
    against: list[str] = Option(
        [], "--against", metavar="KEY=VALUE", help="Run with this setting, too, in turns, and compare; repeatable."
    ),
    json_file: Path | None = JSON,
) -> None:
    """Time a run stage by stage, and compare it with its bare networks on the same data.

    Without --gallery and --probe: two short videos of made-up walkers. Where the truth lies beside the videos
    (NAME.gt.txt), it says how tracks and names came out, too.
    """


@command(
    bench,
    "research.bench.segmenters:bench_segmenters_command",
    "gait bench segmenters --json figures.json",
    "checkpoints",
    name="segmenters",
)
def bench_segmenters(
    names: list[str] = Option(
        [], "--segmenter", metavar="CARD", help="Card or file; repeat for several. Default: every card that is here."
    ),
    json_file: Path | None = JSON,
) -> None:
    """Cut made-up walkers out, whose pixels are known: how much of a mask is right, and how long it takes.

    People of 40, 80 and 160 pixels, before a plain and a cluttered wall, alone and where they cross.
    """


@command(
    bench,
    "research.bench.gallery:bench_gallery_command",
    "gait bench gallery --sizes 10000,100000 --json figures.json",
    name="gallery",
)
def bench_gallery(
    sizes: str = Option("10000,100000,1000000", help="Numbers of templates.", metavar="N,N,…"),
    parts: str = Option("256x16", help="Values of an embedding, C×P.", metavar="CxP"),
    metric: str = Option("euclidean", help="euclidean or cosine.", metavar="NAME"),
    folder: Path | None = Option(None, help="Where the galleries are made; a million takes 10 GB.", metavar="DIR"),
    keep: bool = Option(False, "--keep", help="Leave the galleries there."),
    json_file: Path | None = JSON,
) -> None:
    """Enrol, index and search galleries of made-up templates: seconds, memory, disk, how often the nearest is found."""

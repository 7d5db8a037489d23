"""Training, evaluation, made-up walkers and timings: evaluate, train, synth, bench."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import typer
from typer import Option

from pipeline.cli.app import CHECKPOINTS, app, command, group
from pipeline.cli.run import GALLERY, PROBES

JSON: Any = Option(None, "--json", help="Write the figures here.", metavar="FILE")
SEED: Any = Option(0, help="The same seed gives the same bytes.", metavar="N")

evaluate = group("evaluate", "Measure how often people are recognised.")
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
    iteration: int | None = Option(
        None, "--iter", min=0, metavar="N",
        help="Of a training: the checkpoint of this iteration (default: the furthest).",
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
    processes: int = Option(
        1, min=1, help="Processes that share walks and distances: one a GPU. The figures are the same.", metavar="N"
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
    metric: Literal["euclidean", "cosine"] = Option("euclidean", help="How far templates are apart."),
    json_file: Path | None = JSON,
) -> None:
    """Enrol, index and search galleries of made-up templates: seconds, memory, disk, how often the nearest is found.

    They are made where the variable TMPDIR says, and removed; a million takes 10 GB.
    """

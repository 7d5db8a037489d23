"""`gait evaluate`: on labelled clips of one's own, and by the protocols of the public datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app, help_without_command
from pipeline.cli.options import Checkpoints, Device, Output, Settings, Verbose, Workers, settings_of

evaluate_app = typer.Typer(help="Measure how often people are recognised.")
evaluate_app.callback(invoke_without_command=True)(help_without_command)
app.add_typer(evaluate_app, name="evaluate")

Json = Annotated[Path | None, typer.Option("--json", help="Write the figures here.", metavar="FILE")]
Profiles = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        help="Profile name or YAML file; repeat to compare several on the silhouettes of the first.",
        metavar="NAME|FILE",
    ),
]


@evaluate_app.command(epilog="Example: gait evaluate clips --manifest clips.csv --config light --baselines")
def clips(
    manifest: Annotated[
        Path,
        typer.Option(
            "--manifest",
            help="CSV with the columns video, first, last, person, condition, role (gallery or probe); "
            "paths relative to it, frames counted from 1.",
            metavar="FILE",
        ),
    ],
    config: Profiles = None,
    set_: Settings = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Compare with GEI, HOG of the GEI and untrained networks, too.")
    ] = False,
    seeds: Annotated[
        int, typer.Option("--untrained-seeds", help="Untrained networks among the baselines.", min=1, max=100)
    ] = 5,
    sequences: Annotated[
        Path | None,
        typer.Option(
            "--sequences",
            help="Keep the silhouettes of every clip here; where they already are, no video is looked at again.",
            metavar="DIR",
        ),
    ] = None,
    open_set: Annotated[
        bool,
        typer.Option("--open-set", help="Leave half of the people out, again and again: TPIR at FPIR, DET, EER."),
    ] = False,
    splits: Annotated[
        int, typer.Option("--splits", help="How often who is enrolled is drawn.", min=1, max=10_000, metavar="N")
    ] = 50,
    json_: Json = None,
    output: Output = None,
    device: Device = None,
    workers: Workers = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Recognise labelled clips: rank-1, rank-5, mAP and CMC by condition, with 95 % intervals over people.

    A clip's walk is the track with the most silhouettes in it. A person is as far away as the nearest of the
    person's gallery clips. Clips without a usable walk count as wrong.
    """
    from pipeline.commands.evaluate import evaluate_clips_command

    settings = settings_of(set_, output, device, workers)
    evaluate_clips_command(
        manifest, config or [], settings, baselines, seeds, sequences, checkpoints, json_, splits if open_set else 0
    )


@evaluate_app.command(
    epilog="Example: gait evaluate dataset --protocol casia-b --root CASIA-B-pkl --checkpoint gaitbase_casiab"
)
def dataset(
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            help="casia-b, oumvlp, casia-e, sustech1k, ccpg, gait3d, freegait, grew, scoliosis1k; "
            "grew-submission or hid for a competition's file.",
            metavar="NAME",
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="The dataset: DIR/identity/type/view/*.pkl.", metavar="DIR")
    ] = None,
    partition: Annotated[
        Path | None,
        typer.Option("--partition", help="JSON with the TEST_SET (default: DIR/partition.json).", metavar="FILE"),
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option("--training", help="Folder of a gait train: its network, on its dataset.", metavar="DIR"),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="Features of an earlier evaluation, instead of a network.", metavar="FILE"),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            help="Profile or YAML file that names the encoder; or a training's YAML file (OpenGait's too).",
            metavar="NAME|FILE",
        ),
    ] = None,
    encoder: Annotated[str | None, typer.Option("--encoder", help="Encoder, gaitbase say.", metavar="NAME")] = None,
    checkpoint: Annotated[
        str | None, typer.Option("--checkpoint", help="Its weights: a card's name, or a file.", metavar="NAME|FILE")
    ] = None,
    card: Annotated[
        str | None, typer.Option("--card", help="Card whose conventions a file follows.", metavar="NAME")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="euclidean or cosine (default: the training's or profile's).", metavar="NAME"),
    ] = None,
    cross_view: Annotated[
        bool, typer.Option("--cross-view", help="casia-b, oumvlp: one gallery of all views at once.")
    ] = False,
    rerank: Annotated[
        bool | None,
        typer.Option("--rerank/--no-rerank", help="By k-reciprocal neighbours (default: for hid only)."),
    ] = None,
    files: Annotated[
        str | None,
        typer.Option(
            "--files",
            help="For several modalities: which of a walk's files, by place, in the encoder's order.",
            metavar="PLACES",
        ),
    ] = None,
    as_opengait: Annotated[
        bool, typer.Option("--as-opengait", help="With OpenGait's quirks, to compare files digit by digit.")
    ] = False,
    set_: Settings = None,
    json_: Json = None,
    output: Output = None,
    device: Device = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Evaluate an encoder on a public dataset by its protocol: tables, CMC and pictures, or a competition's file."""
    from pipeline.commands.evaluate_dataset import Wanted, evaluate_dataset_command

    evaluate_dataset_command(
        Wanted(
            protocol=protocol,
            root=root,
            partition=partition,
            training=training,
            features=features,
            profile=config,
            overrides=settings_of(set_, output, device),
            encoder=encoder,
            checkpoint=checkpoint,
            card=card,
            metric=metric,
            cross_view=cross_view,
            rerank=rerank,
            files=files,
            as_opengait=as_opengait,
            checkpoints=checkpoints,
            json_file=json_,
        )
    )

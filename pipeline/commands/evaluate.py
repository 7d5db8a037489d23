"""`gait evaluate clips`: settle what is compared, show progress, print the figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.commands.printing import percent, print_table, with_bars
from pipeline.config import DEFAULT_PROFILE, Config
from pipeline.files import write_bytes, write_json
from pipeline.profiles import Options, load_config
from pipeline.research.charts import as_png, curves
from pipeline.research.evaluation.manifest import POOLED
from pipeline.research.evaluation.pictures import open_set_pictures

if TYPE_CHECKING:
    pass


def evaluate_clips_command(
    manifest: Path,
    profiles: Sequence[str],
    baselines: bool,
    untrained_seeds: int,
    sequences: Path | None,
    open_set: bool,
    splits: int,
    json_file: Path | None,
    options: Options,
) -> None:
    """Evaluate every profile on the manifest's clips; print a table, and write the report to `json_file`."""
    from pipeline.research.evaluation.baselines import baselines_beside
    from pipeline.research.evaluation.clips import Contestant, evaluate_clips

    configs = {profile: load_config(profile, options.overrides) for profile in profiles or [DEFAULT_PROFILE]}
    contestants = [Contestant(name, [config]) for name, config in configs.items()]
    _tell_whose_silhouettes(configs)
    if baselines:
        contestants += baselines_beside(contestants[0].configs[0], untrained_seeds, taken=list(configs))

    draws = splits if open_set else 0
    tree, folder = with_bars(
        lambda bars: evaluate_clips(manifest, contestants, options.checkpoints, sequences, bars, draws),
        "videos that are done are kept. Give the same command again.",
    )
    lines = {_short(name, list(tree)): 100 * np.array(entry[POOLED]["cmc"]) for name, entry in tree.items()}
    write_bytes(folder / "cmc.png", as_png(curves("Probe clips whose person is among the first k people (CMC)", lines)))
    for name, picture in (open_set_pictures(_open_set(tree)) if open_set else {}).items():
        write_bytes(folder / name, as_png(picture))
    if json_file is not None:
        write_json(json_file, tree)
    show(tree)
    if open_set:
        show_open_set(tree)
    print(folder)


def _tell_whose_silhouettes(configs: dict[str, Config]) -> None:
    """One line where the profiles disagree about finding people and cutting them out: the first one decides."""
    (name, first), *others = configs.items()
    differ = [
        other
        for other, config in others
        if (config.tracking, config.segmentation) != (first.tracking, first.segmentation)
    ]
    if differ:
        print(
            f"gait: all are compared on the silhouettes of {name}; "
            f"tracking and segmentation of {', '.join(differ)} are left out of it.",
            file=sys.stderr,
        )


def show(tree: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Rank-1 by encoder and condition with intervals, then the pooled differences to the first, on standard output."""
    names = list(tree)
    pooled = {name: tree[name][POOLED] for name in names}
    conditions = list(tree[names[0]])
    rows = []
    for name, entries in tree.items():
        cells = [percent(entries[condition]["rank1"], entries[condition]["ci95"]) for condition in conditions]
        rows.append([_short(name, names), *cells, f"{pooled[name]['rank5']:.1%}", f"{pooled[name]['map']:.1%}"])
    columns = [f"{condition} ({tree[names[0]][condition]['n']})" for condition in conditions]
    columns = ["", *columns, f"{POOLED} rank-5", f"{POOLED} mAP"]
    print_table(columns, rows, "rank-1 in %, with 95 % intervals over people")
    for name, one in pooled.items():
        if one["unusable"] or one["gallery_unusable"]:
            print(
                f"{name}: too few usable frames in {one['unusable']} of {one['n']} probe clips (counted as wrong) "
                f"and in {one['gallery_unusable']} of {one['gallery']} gallery clips"
            )
    for name, one in pooled.items():
        if (ways := one["directions"]) is not None:
            same, opposite = (percent(ways[way]["rank1"], ways[way]["ci95"]) for way in ("same", "opposite"))
            print(
                f"{name}: {ways['n']} probe clips against gallery clips in their own walking direction {same}, "
                f"in the opposite one {opposite}"
            )
    for other, difference in pooled[names[0]]["against"].items():
        interval = difference["ci95"]
        within = f" (95 %: {100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})" if interval else ""
        print(f"{names[0]} − {other}: {100 * difference['rank1']:+.1f} points{within}")


def show_open_set(tree: dict[str, dict[str, dict[str, Any]]]) -> None:
    """How many are named rightly while few strangers are named at all, by encoder, on standard output."""
    figures = _open_set(tree)
    first = next(iter(figures.values()))
    rates = [key for key in first if key.startswith("tpir@")]

    def named(one: dict[str, Any]) -> str:
        return "–" if one["tpir"] is None else percent(one["tpir"], one["ci95"]) + ("" if one["enough"] else " *")

    rows = []
    for name, one in figures.items():
        error = "–" if one["confidence"] is None else percent(one["confidence"]["ece"])
        rows.append([name, *(named(one[key]) for key in rates), percent(one["eer"]), error])
    columns = [f"TPIR at FPIR {float(key.partition('=')[2]):.0%}" for key in rates]
    print_table(
        ["", *columns, "EER", "calibration error"],
        rows,
        f"open set: {first['enrolled']} of {first['people']} people enrolled, {first['splits']} draws; "
        "in %, with 95 % intervals over people",
    )
    show_unlabelled(figures)
    show_one_to_one(figures)
    if not all(first[key]["enough"] for key in rates):
        print(
            f"* a draw has {first['strangers_clips']:g} searches for strangers, too few for this rate: it comes from "
            "the same clips in several draws and is not significant"
        )


def show_unlabelled(figures: dict[str, dict[str, Any]]) -> None:
    """What `gait identify` would have done without a calibration, on standard output."""
    rows = []
    for name, one in figures.items():
        found = one["unlabelled"]
        names = [percent(found[key]) if found[key] is not None else "–" for key in ("said", "right", "ece_names")]
        keys = ("fpir", "close", "fixed", "named_strangers", "named_rightly")
        rates = [percent(found[key], found.get(f"{key}_ci95")) for key in keys]
        rows.append([name, *rates, *names, percent(found["ece"])])
    columns = ["strangers as near", "draws within 5", "of one limit", "strangers named", "enrolled named rightly"]
    print_table(
        ["", *columns, "said of names", "right", "error", "error of all"],
        rows,
        "without a labelled clip, at a promise of 10 %; in %, with 95 % intervals over people",
    )


def show_one_to_one(figures: dict[str, dict[str, Any]]) -> None:
    """How right `gait verify` would have been on pairs of clips, on standard output."""
    rows = []
    for name, one in figures.items():
        if (found := one["one_to_one"]) is not None:
            shares = [percent(share) for share in (*found["same"], *found["different"])]
            rows.append([name, *shares, percent(found["eer"]), percent(found["ece"]), f"{found['inside']} of 10"])
    if rows:
        said = [f"{side}: said {what}" for side in ("one person", "two") for what in ("same", "different", "neither")]
        print_table(["", *said, "EER", "calibration error", "tenths inside"], rows, "pairs of clips, one to one; in %")


def _open_set(tree: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {_short(name, list(tree)): entry[POOLED]["open_set"] for name, entry in tree.items()}


def _short(name: str, names: Sequence[str]) -> str:
    """A file's name without its folder and suffix, where that is clear."""
    stem = Path(name).stem
    return stem if [Path(other).stem for other in names].count(stem) == 1 else name

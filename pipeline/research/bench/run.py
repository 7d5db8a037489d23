"""`gait bench`: how fast a run is, stage by stage, and how far from what its bare networks alone would take."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.engine.memory import peak_memory
from pipeline.engine.progress import Bars, Lines, on_a_terminal
from pipeline.files import read_json, write_json
from pipeline.inference.runtime import Arrays, OpenVinoNetwork, device
from pipeline.inference.tally import Calls, tally_networks
from pipeline.profiles import Options
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Job, plan

REPLAYS = 200  # of one network with one input shape; more calls than that are extrapolated
ROUNDS = 3
TURNS = 2  # of a comparison: runs each way
WARM_UP = 8
PEOPLE, SECONDS = 4, 4.0  # of the synthetic videos
ITEMS = {  # stage of run.json → what it counts
    "decode": "frames",
    "detect": "frames",
    "track": "frames",
    "crop": "boxes",
    "segment": "crops",
    "pose": "crops",
    "silhouette": "crops",
    "write": "silhouettes",
    "recognise": "silhouettes",
    "match": "tracks",
    "draw": "frames",
}


@dataclass(frozen=True, slots=True)
class Bare:
    """What the calls of one stage's networks take without anything around them, in seconds.

    alone: one call after another, each on all cores, as anybody would call the network. side_by_side: as many calls at
    a time as there are cores, a core each, which is how a run uses them: the least that this machine can take.
    """

    alone: float
    side_by_side: float


@dataclass(frozen=True, slots=True)
class Timed:
    """One run. wall, processor: seconds, of all cores; score: tracks and names against the truth, None without one."""

    path: Path
    wall: float
    processor: float
    score: dict[str, Any] | None


def bench_command(
    gallery: str | None, probes: Sequence[str], against: Sequence[str], json_file: Path | None, options: Options
) -> None:
    """Run the job in a temporary folder, nothing taken from earlier runs, then its networks alone; print both.

    against: settings, in whose place the job is run twice more each way, in turns.
    """
    logger.remove()
    logger.add(sys.stderr, level="WARNING", format="{message}")
    config = options.config()
    others = replace(options, overrides=[*options.overrides, *against]).config()
    with tempfile.TemporaryDirectory(prefix="gait-bench-") as folder:
        if gallery is None and not probes:
            gallery, probes = _synthetic_videos(Path(folder))
        job = plan(gallery, probes)

        def timed(*settings: str) -> Timed:
            temporary = [*options.overrides, *settings, f"output.folder={folder!r}", "output.cache_gb=0"]
            return _timed(job, replace(options, overrides=temporary))

        with tally_networks() as tally:
            first = timed()
        record = read_json(first.path / "run.json")
        report = summary(record, first, peak_memory(), bare_networks(tally.calls()), config)
        if config.runtime.precision != "f32":
            report["against_f32"] = effect_of_precision(tally.calls(), first.path, config, options.checkpoints)
        if others != config:
            rounds = [(timed(*against), timed()) for _ in range(TURNS)]
            report["against"] = {"settings": list(against), **compared(rounds)}
    show(report)
    if json_file is not None:
        write_json(json_file, report)


def _timed(job: Job, options: Options) -> Timed:
    from pipeline.jobs.run import run  # imports every stage: not for --help
    from pipeline.research.evaluation.identities import score_run

    config = options.config()
    begun, busy = time.perf_counter(), _processor_seconds()
    with Bars() if on_a_terminal() else nullcontext(Lines()) as bars:
        path = run(job, config, options.checkpoints, progress=bars)
    wall, processor = time.perf_counter() - begun, _processor_seconds() - busy
    gallery, *others = (Path(video.source) for video in job.videos)
    known = all(video.with_suffix(".gt.txt").is_file() for video in (gallery, *others))
    return Timed(path, wall, processor, score_run(RunFolder(path), gallery, others) if known else None)


def _processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def compared(rounds: Sequence[tuple[Timed, Timed]]) -> dict[str, Any]:
    """Runs with other settings (first of each pair) and with these, in turns: seconds, ratios, what became of names."""
    others, these = zip(*rounds, strict=True)
    wall, processor = (
        [round(getattr(one, name), 2) for side in (these, others) for one in side] for name in ("wall", "processor")
    )
    turns = len(rounds)
    return {
        "wall_seconds": [wall[:turns], wall[turns:]],
        "processor_seconds": [processor[:turns], processor[turns:]],
        "wall_ratio": round(sum(wall[:turns]) / sum(wall[turns:]), 3),
        "processor_ratio": round(sum(processor[:turns]) / sum(processor[turns:]), 3),
        "scores": [these[0].score, others[0].score],
    }


def _synthetic_videos(folder: Path) -> tuple[str, list[str]]:
    """A gallery and a probe of the same four made-up walkers, four seconds each."""
    from pipeline.research.synth.videos import Show, write_video

    show = Show(people=PEOPLE, seconds=SECONDS, seed=1, fps=30)
    videos = [folder / "gallery.mp4", folder / "probe.mp4"]
    for number, video in zip((1, 6), videos, strict=True):  # both from the side, in lanes, all in view
        write_video(video, show, number)
    return str(videos[0]), [str(videos[1])]


def bare_networks(calls: Sequence[Calls]) -> dict[str, Bare]:
    """Run every tallied network on its own inputs again, as often as the run did, and take the time, by stage."""
    found: dict[str, Bare] = {}
    for call in calls:
        bare, before = _replay(call), found.get(call.name, Bare(0, 0))
        found[call.name] = Bare(before.alone + bare.alone, before.side_by_side + bare.side_by_side)
    return found


def _replay(call: Calls) -> Bare:
    times = min(call.count, REPLAYS)

    def seconds(run: Callable[[Iterator[Any]], Any]) -> float:
        """Of all calls: the best of three rounds, after a few calls to warm up."""
        run(iter(call.samples[:WARM_UP]))
        rounds = [_seconds(lambda: run(itertools.islice(itertools.cycle(call.samples), times))) for _ in range(ROUNDS)]
        return min(rounds) * call.count / times

    if not isinstance(call.run, OpenVinoNetwork):
        alone = seconds(lambda inputs: _in_turn(call.run, inputs))
        return Bare(alone, alone)
    network, twin = call.run, call.run.one_at_a_time()
    return Bare(
        seconds(lambda inputs: _in_turn(twin, inputs)),
        seconds(lambda inputs: deque(network.each(inputs), maxlen=0)),
    )


def _in_turn(run: Callable[[Any], Any], inputs: Iterator[Any]) -> None:
    import torch

    with torch.inference_mode():
        for batch in inputs:
            run(batch)
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def effect_of_precision(
    calls: Sequence[Calls], path: Path, config: Config, checkpoints: Path | None
) -> dict[str, float]:
    """What the run's precision changes against f32, on the run's own data.

    mask_pixels_changed: share of the pixels that become person or cease to be; embedding_difference: rms of the
    difference over the rms of the embeddings.
    """
    from pipeline.extraction.networks import find_checkpoints, open_fitting_encoder
    from pipeline.recognition.features import read_features
    from pipeline.runs.tracks import read_input

    exact = config.model_copy(update={"runtime": config.runtime.model_copy(update={"precision": "f32"})})
    found = {}
    changed, pixels = 0, 0
    for call in calls:
        if call.name == "segment" and isinstance(call.run, OpenVinoNetwork):
            twin = call.run.at_precision("f32")
            for blob in call.samples:
                marked, as_f32 = _marked(call.run(blob)), _marked(twin(blob))
                changed += int(np.count_nonzero(marked != as_f32))
                pixels += marked.size
    if pixels:
        found["mask_pixels_changed"] = changed / pixels
    encoder = open_fitting_encoder(exact, find_checkpoints(exact, checkpoints, ("encoder",)))
    differences, values = [], []
    for file in sorted((path / "features").glob("*/*.npz")):
        track = file.parent.name, int(file.stem)
        here = read_features(file, *track).parts
        (exactly,) = encoder.encode([read_input(track, RunFolder(path), encoder.needs, config)])
        differences.append(np.square(here - exactly.parts).mean())
        values.append(np.square(exactly.parts).mean())
    if values:
        found["embedding_difference"] = float(np.sqrt(np.mean(differences) / max(np.mean(values), 1e-30)))
    return found


def _marked(outputs: Arrays) -> NDArray[np.bool_]:
    """The pixels that a segmenter's network marks: of its largest output, two maps, labels or logits."""
    maps = max(outputs, key=lambda output: output.size)
    two = maps.ndim == 4 and maps.shape[1] == 2
    return np.asarray(maps.argmax(axis=1) == 1 if two else maps > 0)


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def summary(record: dict[str, Any], run: Timed, peak: int, bare: dict[str, Bare], config: Config) -> dict[str, Any]:
    """The report as it is written to --json."""
    stages, wall = {}, run.wall
    for stage, entry in record["stages"].items():
        items = int(entry.get(ITEMS.get(stage, ""), 0))
        alone = bare.get(stage)
        stages[stage] = {
            "items": items,
            "unit": ITEMS.get(stage, ""),
            "seconds": entry["seconds"],
            "items_per_second": round(items / max(entry["seconds"], 1e-9), 2),
            "share_of_wall": round(entry["seconds"] / wall, 4),
            "network_seconds": round(alone.alone, 4) if alone else None,
            "network_seconds_side_by_side": round(alone.side_by_side, 4) if alone else None,
        }
    networks = sum(one.alone for one in bare.values())
    floor = sum(one.side_by_side for one in bare.values())
    frames = int(record["stages"].get("decode", {}).get("frames", 0))
    inputs = record["inputs"]
    length = sum((video["frames"] or 0) / video["fps"] for video in (inputs["gallery"], *inputs["probes"]))
    return {
        "profile": config.profile,
        "device": device(config.runtime),
        "precision": config.runtime.precision,
        "versions": record["versions"],
        "frames": frames,
        "frames_per_second": round(frames / wall, 2),
        "video_seconds": round(length, 3),
        "wall_seconds": round(wall, 4),
        "processor_seconds": round(run.processor, 2),
        "real_time_factor": round(length / wall, 3),
        "score": run.score,
        "networks_seconds": round(networks, 4),
        "wall_over_networks": round(wall / networks, 4) if networks else None,
        "networks_seconds_side_by_side": round(floor, 4),
        "wall_over_networks_side_by_side": round(wall / floor, 4) if floor else None,
        "peak_rss_bytes": peak,
        "stages": stages,
    }


def show(report: dict[str, Any]) -> None:
    """The report as a table on standard output."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"gait bench: {report['profile']}, {report['device']}, {report['precision']}")
    for name in ("stage", "items", "items/s", "busy s", "of wall", "bare network s", "side by side s"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for stage, row in report["stages"].items():
        bare = [row["network_seconds"], row["network_seconds_side_by_side"]]
        table.add_row(
            stage,
            f"{row['items']}",
            f"{row['items_per_second']:.0f}",
            f"{row['seconds']:.2f}",
            f"{row['share_of_wall']:.0%}",
            *("" if value is None else f"{value:.2f}" for value in bare),
        )
    console = Console()
    console.print(table)
    over, least = report["wall_over_networks"], report["wall_over_networks_side_by_side"]
    console.print(
        f"{report['frames']} frames in {report['wall_seconds']:.2f} s ({report['frames_per_second']:.0f}/s), "
        f"peak memory {report['peak_rss_bytes'] / 1e6:.0f} MB"
    )
    if length := report["video_seconds"]:
        console.print(
            f"{length:.1f} s of video: {report['real_time_factor']:.2f} times real time, "
            f"{report['processor_seconds'] / length:.2f} s of processor time a second"
        )
    if report["score"]:
        console.print(_told(report["score"]))
    if other := report.get("against"):
        console.print(
            f"against {' '.join(other['settings'])}: {other['wall_ratio']:.2f} times the time, "
            f"{other['processor_ratio']:.2f} times the processor time"
        )
        for name, score in zip(("these settings", "the others"), other["scores"], strict=True):
            if score:
                console.print(f"{name}: {_told(score)}")
    for name, value in report.get("against_f32", {}).items():
        console.print(f"{report['precision']} against f32: {name.replace('_', ' ')} {value:.3%}")
    if over and least:
        alone, beside = report["networks_seconds"], report["networks_seconds_side_by_side"]
        console.print(f"networks alone {alone:.2f} s, one call after another: the run takes {over:.2f} times that")
        console.print(f"networks alone {beside:.2f} s, a call a core: the run takes {least:.2f} times that")


def _told(score: dict[str, Any]) -> str:
    """What was found, against the truth, in a line."""
    lowest = min(score["idf1"].values())
    return (
        f"of {score['people']} people {score['named_right']} named rightly, {score['named_wrong']} wrongly, "
        f"{score['likeliest_right']} most like themselves; IDF1 {lowest:.3f} at the least"
    )

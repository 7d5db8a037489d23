"""`gait synth`: data sets and videos of walkers who do not exist."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ConfigError, OutputError


def synth_dataset(
    out: Path,
    people: int,
    seed: int,
    sequences: int,
    frames: int,
    workers: int,
    segmented: float = 0.0,
    checkpoints: Path | None = None,
    varied: bool = False,
) -> None:
    """Write silhouettes in OpenGait's layout. Raises ConfigError for counts that make no sense, OutputError."""
    from rich.progress import track

    from pipeline.extraction.networks import find_checkpoints
    from pipeline.profiles import load_config
    from pipeline.research.synth.dataset import PARTITION, Plan, write_dataset

    counts = {"--people": people, "--sequences": sequences, "--frames": frames, "--workers": workers}
    for option, value in counts.items():
        if value < 1:
            raise ConfigError(f"{option} {value}: must be at least 1.")
    if seed < 0:
        raise ConfigError(f"--seed {seed}: must not be negative.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out}: is not an empty folder. Choose a new one with --out.")
    if segmented:  # downloaded, or refused, before any process starts
        find_checkpoints(load_config(), checkpoints, ["segmenter"])
    done = write_dataset(Plan(out, people, seed, sequences, frames, segmented, checkpoints, varied), workers)
    for _ in track(done, "Walkers", total=people, transient=True):
        pass
    print(f"{people} people, {people * sequences} sequences of {frames} silhouettes, partition: {out / PARTITION}")


def synth_videos(out: Path, people: int, probes: int, seed: int, seconds: float, handheld: bool) -> None:
    """Film a gallery and probes with their truth. Raises ConfigError for what makes no sense, OutputError."""
    from rich.progress import track

    from pipeline.research.synth.videos import Show, write_videos

    for option, value, most in (("--people", people, 12), ("--probes", probes, 99), ("--seconds", seconds, 120)):
        if not 1 <= value <= most:
            raise ConfigError(f"{option} {value}: must be from 1 to {most}.")
    if seed < 0:
        raise ConfigError(f"--seed {seed}: must not be negative.")
    show = Show(people=people, probes=probes, seed=seed, seconds=seconds, handheld=handheld)
    for path in track(write_videos(out, show), "Filming", total=probes + 1, transient=True):
        print(path)


def synth_cohort(out: Path, people: int, seed: int, checkpoints: Path | None = None) -> None:
    """Write the made-up people of `recognition/made_up.py`. Raises ConfigError for what makes no sense, OutputError."""
    from rich.progress import track

    from pipeline.extraction.networks import find_checkpoints
    from pipeline.profiles import load_config
    from pipeline.research.synth.cohort import write_cohort

    if people < 4 or seed < 0:
        raise ConfigError("--people must be at least 4, and --seed must not be negative.")
    find_checkpoints(load_config(), checkpoints, ["segmenter"])
    for _ in track(write_cohort(out, people, seed, checkpoints), "Walkers", total=people, transient=True):
        pass
    print(f"{people} people: {out}")

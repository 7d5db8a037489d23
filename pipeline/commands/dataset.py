"""`gait dataset`: pictures, poses and runs become datasets in OpenGait's layout, and datasets are checked."""

from __future__ import annotations

import getpass
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.commands.printing import FAILED, OK, count_of, print_problems, print_table
from pipeline.engine.progress import Bars, Progress, Silent, on_a_terminal
from pipeline.errors import ConfigError
from pipeline.files import private, safe_name, write_json
from pipeline.inference.runtime import usable_cores
from pipeline.research.arranging.archives import PASSWORD, Secret
from pipeline.research.arranging.arrange import Arranged, Found, arrange, find
from pipeline.research.arranging.layouts import LAYOUTS, Part
from pipeline.research.training.data.dataset import (
    ROWS,
    list_samples,
    partition_of,
    read_partition,
    sample_path,
    write_sample,
)
from pipeline.research.training.data.from_run import dataset_from_run, read_labels
from pipeline.research.training.data.inspection import (
    Finding,
    Inspected,
    inspect,
    missing,
    partition_of_copy,
    repeated,
    uneven,
)
from pipeline.research.training.data.pose_files import PoseSample, read_casia_b_csv, read_oumvlp_folder
from pipeline.research.training.data.pose_maps import (
    ORDER,
    THERE,
    Done,
    MapSettings,
    draw_maps,
    find_poses,
    join,
    read_map_settings,
)
from pipeline.research.training.data.pretreat import FEW, KINDS, Pretreatment, find_pictures, pretreat
from pipeline.research.training.data.processes import in_processes

FEW_WALKS = 64  # are looked at before other processes have begun
EXAMPLES = 5  # of each kind of finding that are printed


def pretreat_command(source: Path, target: Path, workers: int | None, **how: Any) -> int:
    """Make a dataset of frames (identity/type/view/*.png …), GaitGraph's CSV or OUMVLP-Pose's folders.

    how: see `Pretreatment`. The status is 2 when files were left out, since they cannot be read or are none of the kind
    that is wanted, or when nothing is left; the rest is written nevertheless. Raises GaitError for a source or
    a target that cannot be used at all.
    """
    with _bars() as bars:
        if source.suffix.lower() == ".csv":
            return _write_poses(read_casia_b_csv(source), target, bars)
        if _holds_poses(source):
            return _write_poses(read_oumvlp_folder(source), target, bars)
        return _pretreat_pictures(source, target, Pretreatment(**how), _processes(workers), bars)


def arrange_command(dataset: str, part: str | None, source: Path, target: Path, workers: int | None) -> int:
    """Arrange a data set as its authors publish it; the status is 2 when something in it was refused.

    The password of zips comes from the variable GAIT_ARCHIVE_PASSWORD, or is asked for without echo.
    Raises GaitError for an unknown data set or part, a source without any of its files, or zips without a password.
    """
    parts = LAYOUTS.get(dataset.lower())
    if parts is None:
        raise ConfigError(f"--dataset {dataset}: unknown. Known are {', '.join(LAYOUTS)}.")
    chosen = parts.get(part or next(iter(parts)))
    if chosen is None:
        raise ConfigError(f"--part {part}: {dataset} has {', '.join(parts)}.")
    found = find(source, target)
    password = _password(found)
    with _bars() as bars:
        bars.start("arrange", len(found.work), "folders")
        done = []
        for one in arrange(found, chosen, target, password, _processes(workers)):
            done.append(one)
            bars.advance("arrange")
        bars.finish("arrange")
    return _say_arranged(source, target, chosen, found, done)


def _password(found: Found) -> Secret | None:
    if (given := os.environ.get(PASSWORD)) is not None:
        return Secret(given)
    if not found.encrypted():
        return None
    if not sys.stdin.isatty():
        raise ConfigError(f"{found.source}: its zips are encrypted. Set {PASSWORD}, or run on a terminal, which asks.")
    return Secret(getpass.getpass("Password of the data set's archives: "))


def _say_arranged(source: Path, target: Path, part: Part, found: Found, done: list[Arranged]) -> int:
    files, there = sum(one.files for one in done), sum(one.there for one in done)
    places = ", ".join(place.path for place in part.places)
    print(f"{target}: {len(set().union(*(one.walks for one in done)))} walks, {files} files")
    if there:
        print(f"{there} files were there already")
    if others := sum(one.others for one in done):
        print(f"{others} files left out, which are no {places}: {next(one.other for one in done if one.other)} …")
    refused = [*found.refused, *(each for one in done for each in one.refused)]
    problems = [f"{source / path}: {why}; left out." for path, why in refused]
    if not files and not there:
        problems.insert(0, f"{source}: no {places} in it; nothing was written.")
    elif part.kind:
        print(f"Next: gait dataset pretreat {target} {target}-pkl --kind {part.kind}")
    print_problems(problems)
    return FAILED if problems else OK


def skeleton_maps_command(
    poses: Path, target: Path, dataset: str, extension: str | None, settings: Path | None, workers: int | None
) -> int:
    """Draw the skeleton maps of a data set of poses; the status is 2 when some could not be drawn.

    extension: put them where SkeletonGait's own script does, DATASET_sigma_8.0_NAME/pkl in the target.
    Raises GaitError where there are no poses, or for settings that cannot be followed.
    """
    how = read_map_settings(settings) if settings else MapSettings()
    if extension is not None:
        target = target / safe_name(f"{dataset}_sigma_{how.sigma}_{extension}") / "pkl"
    files = find_poses(poses, dataset)
    return _each("maps", "skeleton maps", target, len(files), draw_maps(files, target, how, _processes(workers)))


def join_command(target: Path, workers: int | None, ending: str, **roots: Path | None) -> int:
    """Put the files of two data sets side by side; the status is 2 when samples of one are not in the other, or differ.

    Raises GaitError for fewer than two data sets, or one that cannot be read.
    """
    given = {name: root for name, root in roots.items() if root is not None}
    if len(given) < 2:
        raise ConfigError(f"which data sets? Name two of {', '.join('--' + name for name in ORDER)}.")
    samples, done = join(given, target, _processes(workers), ending)
    return _each("join", "frames", target, samples, done)


@private()
def from_run_command(run: Path, target: Path, labels: Path | None, held_out: float) -> int:
    """Make a dataset of a run's sequences. Raises GaitError for a run, labels or a target that cannot be used."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target}: is not empty. Name a new folder.")
    written = list(dataset_from_run(run, target, read_labels(labels) if labels else None, held_out))
    partition = read_partition(target / "partition.json")
    print(
        f"{target}: {len(written)} walks, {sum(frames for _, frames in written)} silhouettes; "
        f"{len(partition.train)} people to train on, {len(partition.test)} to test with"
    )
    return OK


def check_command(
    root: Path, partition: Path | None, name: str, min_frames: int, json_file: Path | None, fix: Path | None = None
) -> int:
    """Read the whole dataset and say what is wrong with it; the status is 2 when something is.

    fix: a new folder for a copy in which it is put right where that can be. Raises InputError when there is no dataset
    or no partition where one was named, ConfigError for a folder of the copy that has something in it.
    """
    walks = list_samples(root)
    if fix is not None and fix.exists() and any(fix.iterdir()):
        raise ConfigError(f"--fix {fix}: is not empty. Name a new folder.")
    chosen = None
    if partition is not None or (root / "partition.json").is_file() or name:
        chosen = partition_of(root, partition, name)
    look = partial(inspect, least=min_frames, copy=fix)
    with _bars() as bars:
        bars.start("check", len(walks), "walks")
        inspected = []
        for walk in in_processes(look, walks, _processes(None) if len(walks) >= FEW_WALKS else 1):
            inspected.append(walk)
            bars.advance("check")
        bars.finish("check")
    findings = [*missing(root, chosen), *(finding for walk in inspected for finding in walk.findings)]
    findings += [*uneven(inspected), *repeated(inspected)]
    _report(root, inspected, findings)
    if fix is not None:
        if chosen is not None:
            partition_of_copy(fix, chosen)
        counts = Counter(walk.copied for walk in inspected)
        print(f"{fix}: {', '.join(f'{counts[how]} walks {how}' for how in ('as it was', 'put right', 'left out'))}")
    if json_file is not None:
        found = [{"kind": one.kind, "where": one.where, "what": one.what} for one in findings]
        frames = sum(walk.frames for walk in inspected)
        write_json(json_file, {"walks": len(walks), "frames": frames, "findings": found})
    return FAILED if findings else OK


@contextmanager
def _bars() -> Iterator[Progress]:
    """Bars on a terminal; elsewhere the totals that are printed at the end are enough."""
    if not on_a_terminal():
        yield Silent()
        return
    with Bars() as bars:
        yield bars


def _processes(workers: int | None) -> int:
    return workers or usable_cores()


def _each(stage: str, unit: str, target: Path, total: int, done: Iterable[Done]) -> int:
    """Show how far it is, then say what was written and, on standard error, what was not and why."""
    found = []
    with _bars() as bars:
        bars.start(stage, total, "walks")
        for one in done:
            found.append(one)
            bars.advance(stage)
        bars.finish(stage)
    written = [one for one in found if not one.why and one.frames != THERE]
    print(f"{target}: {len(written)} walks, {sum(one.frames for one in written)} {unit}")
    if there := sum(one.frames == THERE for one in found):
        print(f"{there} walks were there already")
    problems = [f"{one.why}; left out." for one in found if one.why]
    print_problems(problems)
    return FAILED if problems else OK


def _holds_poses(source: Path) -> bool:
    return source.is_dir() and next(source.glob("*/*/*.json"), None) is not None


def _write_poses(walks: Iterator[PoseSample], target: Path, bars: Progress) -> int:
    bars.start("poses", None, "walks")
    count = frames = 0
    for walk in walks:
        write_sample(sample_path(target, walk.identity, walk.type, walk.view), walk.poses)
        count, frames = count + 1, frames + len(walk.poses)
        bars.advance("poses")
    bars.finish("poses")
    print(f"{target}: {count} walks, {frames} poses")
    return OK


def _pretreat_pictures(source: Path, target: Path, how: Pretreatment, workers: int, bars: Progress) -> int:
    if how.size % ROWS:
        raise ConfigError(
            f"--size {how.size}: networks take silhouettes of {ROWS} rows, or of a multiple. Give {ROWS}."
        )
    if how.kind not in KINDS:
        raise ConfigError(f"--kind {how.kind}: unknown. Known are {', '.join(KINDS)}.")
    walks = find_pictures(source, how.kind)
    bars.start("pretreat", len(walks), "walks")
    done = []
    for walk in pretreat(walks, target, how, workers):
        done.append(walk)
        bars.advance("pretreat")
    bars.finish("pretreat")
    unit = KINDS[how.kind].unit
    written = [walk for walk in done if walk.kept > 0]
    there = sum(walk.kept < 0 for walk in done)
    frames, dropped = sum(walk.kept for walk in written), sum(walk.dropped for walk in done)
    print(f"{target}: {len(written)} walks, {count_of(frames, unit)}; {dropped} faint or empty ones dropped")
    if there:
        print(f"{there} walks were there already (--overwrite makes them anew)")
    for said, count in sorted(sum((Counter(walk.converted) for walk in done), Counter[str]()).items()):
        print(f"{count} pictures converted: {said}")
    if means := sum(walk.gei for walk in walks):
        print(f"{means} pictures …_gei left out, as OpenGait does")
    empty, few = ([walk.name for walk in done if walk.kept in some] for some in ((0,), range(1, FEW)))
    for names, said in ((empty, f"without a usable {unit}, left out"), (few, f"with fewer than {FEW} {unit}s")):
        if names:
            print(f"{len(names)} walks {said}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}")
    refused = [f"{path}: {why}; left out." for walk in done for path, why in walk.refused]
    if not written and not there:
        refused.insert(0, f"{source}: no walk has a usable {unit}; nothing was written.")
    print_problems(refused)
    return FAILED if refused else OK


def _report(root: Path, inspected: list[Inspected], findings: list[Finding]) -> None:
    lengths = sorted(walk.frames for walk in inspected if walk.shapes) or [0]
    middle = lengths[len(lengths) // 2]
    rows: dict[str, object] = {
        "identities": len({walk.sample.identity for walk in inspected}),
        "walks": len(inspected),
        "files a walk": ", ".join(map(str, sorted({len(walk.sample.files) for walk in inspected}))),
        "frames": f"{sum(lengths)} (shortest {lengths[0]}, middle {middle}, longest {lengths[-1]})",
        **dict(sorted(Counter(finding.kind for finding in findings).items())),
    }
    print_table(("", ""), [(name, str(value)) for name, value in rows.items()], str(root), show_header=False)
    for kind in dict.fromkeys(finding.kind for finding in findings):
        some = [finding for finding in findings if finding.kind == kind]
        for finding in some[:EXAMPLES]:
            print(f"✗ {kind}: {finding.where}: {finding.what}")
        if len(some) > EXAMPLES:
            print(f"✗ {kind}: and {len(some) - EXAMPLES} more (--json FILE has them all)")
    if not findings:
        print("✓ nothing is missing, unreadable, too short, noisy or twice there")

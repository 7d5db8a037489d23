"""Shared fixtures: where the real material lies, how the golden weights are made, what is made once for all workers."""

from __future__ import annotations

import os

# Before torch is loaded: two workers with as many threads as there are cores take each other's time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import faulthandler
import gc
import importlib.util
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import allowed_skips
import compiled_once
import numpy as np
import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from filelock import FileLock
from made_templates import made  # noqa: F401 - a fixture

from pipeline.inference import runtime

SHARED = Path(os.environ.get("GAIT_SHARED", Path(__file__).resolve().parents[2] / "shared"))

# Started in a shell's background this process ignores Ctrl-C, and those it starts would too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "fail the run on a skip that tests/allowed_skips.txt does not list"
    parser.addoption("--fail-on-skip", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fail-on-skip") and not hasattr(config, "workerinput"):  # the workers report to one
        config.pluginmanager.register(allowed_skips.Judge(allowed_skips.listed()))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error: object) -> None:
    """Say how a worker ended that died: negative for a signal."""
    if error:
        print(f"\n{node.gateway.id} ended with {node.gateway._io.popen.wait(20)}", flush=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A worker that crashes says where. Lightning, after a training, gives every signal back to the system."""
    if fault_handler_stderr_fd_key in item.config.stash:
        faulthandler.disable()
        faulthandler.enable(item.config.stash[fault_handler_stderr_fd_key])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: what comes last must be short, so that all workers end together."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """What was loaded to collect the tests stays: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        compiled_once.install(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _a_core_for_each_worker() -> Iterator[None]:
    """Networks in a worker see one core: with a thread for every core the workers would wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setattr(runtime, "os", SimpleNamespace(sched_getaffinity=lambda process: {0}))
        yield


@pytest.fixture(scope="session", autouse=True)
def _cache_of_no_user(once) -> Iterator[None]:
    """All workers, and what they start, share a cache folder that is empty at first: not that of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(once("cache", lambda folder: None)))
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str, Callable[[Path], None]], Path]:
    """once("name", make) is a folder that make(folder) has filled, by whichever worker came first."""
    root = tmp_path_factory.getbasetemp()
    root = (root if worker_id == "master" else root.parent) / "once"
    root.mkdir(exist_ok=True)

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        place, whole = root / name, root / f"{name}.whole"
        with FileLock(root / f"{name}.lock"):
            if not whole.exists():
                place.mkdir()
                make(place)
                whole.touch()
        return place

    return folder


def _need(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"reference material missing: {path} (set GAIT_SHARED to where it lies)")
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material; the test skips where it is missing."""
    return _need(SHARED)


@pytest.fixture(scope="session")
def golden(shared: Path) -> Callable[[str], Path]:
    """golden("bytetrack") is that reference's folder."""
    return lambda name: _need(shared / "golden" / name)


@pytest.fixture(scope="session")
def weight_rule(shared: Path):
    """The rule that fills every tensor of a golden model from its key and shape (golden/RULE.txt)."""
    spec = importlib.util.spec_from_file_location("weight_rule", _need(shared / "golden/weight_rule.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def assert_close_to_rms() -> Callable[..., None]:
    """Golden parity: the largest difference is at most `tolerance` of the reference's rms."""

    def check(actual: np.ndarray, reference: np.ndarray, tolerance: float = 1e-4) -> None:
        actual, reference = np.asarray(actual, np.float64), np.asarray(reference, np.float64)
        assert actual.shape == reference.shape, f"{actual.shape} against {reference.shape}"
        rms = float(np.sqrt(np.mean(reference**2)))
        worst = float(np.abs(actual - reference).max())
        assert worst <= tolerance * rms, f"max difference {worst:.3g} is {worst / rms:.3g} of rms {rms:.3g}"

    return check

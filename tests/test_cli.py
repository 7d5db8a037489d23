"""The command line itself: help, versions, wrong usage, and how its errors end."""

from __future__ import annotations

import importlib
import inspect
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from inprocess import gait
from processes import PROGRAMS, run_program, run_python

from pipeline.cli import app
from pipeline.cli.app import options_of
from pipeline.profiles import load_config
from pipeline.version import __version__

GAIT = [sys.executable, "-m", "pipeline"]
COMMANDS = ["run", "demo", "doctor", "evaluate", "checkpoints", "cache"]


def test_the_version_is_the_packages(tmp_path):
    done = gait("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"gait {__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=["nothing", "--help", "-h"])
def test_help_lists_the_commands(tmp_path, arguments):
    done = gait(*arguments, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tmp_path, command):
    done = gait(command, "--help", cwd=tmp_path)
    assert done.returncode == 0 and "Usage: gait" in done.stdout


def test_run_offers_the_options_of_the_contract(tmp_path):
    shown = gait("run", "--help", cwd=tmp_path).stdout
    for option in ("gallery", "probe", "config", "set", "output", "device", "resume", "checkpoints"):
        assert f"--{option}" in shown


def test_help_loads_nothing_heavy():
    code = (
        "import sys, pipeline.cli; print([m for m in ('torch', 'cv2', 'av', 'openvino', 'numpy') if m in sys.modules])"
    )
    done = run_python(code)
    assert done.stdout == "[]\n"


def test_threads_of_numpy_are_told_to_sleep_before_it_is_loaded():
    code = (
        "import os, sys; from pipeline.cli import main; loaded = 'numpy' in sys.modules\n"
        "sys.argv = ['gait', '--help']\n"
        "try: main()\n"
        "except SystemExit: print(loaded, os.environ['OPENBLAS_THREAD_TIMEOUT'])"
    )
    for given, there in (({}, "4"), ({"OPENBLAS_THREAD_TIMEOUT": "9"}, "9")):
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_THREAD_TIMEOUT"} | given
        done = run_python(code, env=environment)
        assert done.stdout.splitlines()[-1] == f"False {there}"


def test_gait_and_python_m_pipeline_are_one_program():
    installed = Path(sys.executable).with_name("gait")
    if not installed.exists():
        pytest.skip("the package is not installed beside this Python")
    done = subprocess.run([installed, "--help"], capture_output=True, text=True, check=True)
    module = subprocess.run([*GAIT, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout == module.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["walk"], ["walk", "gait --help"]),
        (["run", "--galery", "g.mp4"], ["--galery", "--gallery", "gait run --help"]),
        (["run", "--gallery"], ["--gallery", "requires an argument"]),
        (["run", "surplus"], ["surplus", "gait run --help"]),
        (["checkpoints", "fetch"], ["gait checkpoints fetch --help"]),
        (["run", "--config", "lihgt"], ["lihgt", "did you mean 'light'?"]),
        (["run", "--config", "none.yaml"], ["none.yaml", "no such configuration file", "light"]),
        (["run", "--set", "matching.metrik=cosine"], ["did you mean 'matching.metric'?"]),
        (["run", "--device", "tpu"], ["runtime.device", "cuda"]),
        (["run", "--resume", "nowhere"], ["nowhere", "not a run folder"]),
        (["run", "--gallery", "", "--probe", "p.mp4"], ["empty argument"]),
        (["run", "--probe=", "--gallery", "g.mp4"], ["empty argument"]),
        (["run", "--set", "output.folder="], ["output.folder"]),
        (["run", "--probe", "p.mp4"], ["--probe was given without --gallery"]),
        (["run"], ["inputs/gallery.mp4", "not found", "--gallery"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[:1] == ["run"] else "",
)
def test_wrong_usage_is_one_line_and_status_2(tmp_path, arguments, words):
    done = gait(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("gait: ")
    for word in words:
        assert word in line
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_would_steer_the_terminal_is_spelt_out(tmp_path):
    done = gait("run", "--gallery", "\x1b[2J\u202eg.mp4", "--probe", "p.mp4", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("gait: \\x1b[2J\\u202eg.mp4: ") and done.stderr[:-1].isprintable()


@pytest.mark.parametrize(
    "arguments",
    [["-v", "run", "--resume", "nowhere"], ["run", "--verbose", "--resume", "nowhere"]],
    ids=["before the command", "after it, as it was until this release"],
)
def test_verbose_shows_where_an_error_comes_from(tmp_path, arguments):
    done = gait(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" in done.stderr and done.stderr.splitlines()[-1].startswith("gait: nowhere: not a run folder")


def test_a_signal_before_there_is_a_command_is_one_line():
    code = "import signal; from pipeline import cli; cli.app = lambda **_: signal.raise_signal(15); cli.main()"
    assert run_python(code, status=130).stderr == "gait: interrupted.\n"


def test_a_fault_is_one_line_and_status_1(tmp_path):
    done = run_program("faulty_doctor", cwd=tmp_path, status=1)
    (line,) = done.stderr.splitlines()
    assert line == "gait: fault: ZeroDivisionError: by zero (a bug; -v shows the traceback to report)"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "--resume", "n" * 300], f"gait: {'n' * 300}/run.json: File name too long. Give a shorter path."),
        (["run", "--gallery=~nobody-at-all/g.mp4", "--probe", "p"], "gait: ~nobody-at-all/g.mp4: no such file. Check"),
        (["run", "--config=~nobody-at-all/c.yaml"], "gait: ~nobody-at-all/c.yaml: no such configuration file."),
    ],
    ids=["a name that is too long", "nobody's video", "nobody's settings"],
)
def test_paths_that_the_system_refuses_are_no_faults(tmp_path, arguments, line):
    done = gait(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith(line) and len(done.stderr.splitlines()) == 1


def test_a_full_disk_behind_standard_output_is_no_fault(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*GAIT, "checkpoints", "list"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (
        2,
        "gait: output: No space left on device. Free some space, or choose another disk.\n",
    )


def test_a_folder_that_was_removed_meanwhile_is_said_to_be(tmp_path):
    call = f"rmdir '{tmp_path}' && {shlex.join([*GAIT, 'checkpoints', 'list'])}"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        ["sh", "-c", call], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "has been removed. Change to another one." in done.stderr.splitlines()[-1]


def test_what_a_library_warns_of_does_not_join_our_line(tmp_path):
    import cv2
    import numpy as np

    for name in ("a.tiff", "b.tiff"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.float32))  # which OpenCV writes, but does not read
    # A process of its own: OpenCV reads how much it may say when it is loaded.
    call = [*GAIT, "run", "--gallery", ".", "--probe", ".", "--config", "offline"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "gait: .: none of its 2 images can be read. Pass whole image files.\n"


def test_letters_that_the_terminal_lacks_stop_nothing(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*GAIT, "checkpoints", "list"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0 and rb"\u2193" in done.stdout and done.stderr == b""


def test_closed_streams_stop_nothing_and_no_file_takes_their_place(tmp_path):
    call = f"{shlex.join([sys.executable, str(PROGRAMS / 'list_checkpoints_and_open.py')])} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", call], check=False).returncode == 3  # 0 for the command, 3 for the next file


@pytest.mark.parametrize(
    "folder",
    ["plain", "it's", 'say "hi"', 'it\'s "both"', "back\\slash", "2026", "null", "[1]", "人 é 😀", "a: b #c", " x "],
)
def test_any_output_folder_is_taken_literally(folder):
    assert load_config(overrides=options_of(output=Path(folder)).overrides).output.folder == folder


def test_options_win_over_set():
    overrides = options_of(None, ["output.folder=a", "runtime.device=cuda"], output=Path("b"), device="cpu").overrides
    config = load_config(overrides=overrides)
    assert (config.output.folder, config.runtime.device) == ("b", "cpu")


def _examples(command, *path):
    """Every command that does something of its own, with its path."""
    below = getattr(command, "commands", {})
    if not below or command.epilog:
        yield pytest.param(command, path, id=" ".join(path) or "gait")
    for name, one in below.items():
        yield from _examples(one, *path, name)


@pytest.mark.parametrize(("command", "path"), list(_examples(typer.main.get_command(app))))
def test_every_command_has_an_example_that_it_would_take(command, path):
    start, _, example = (command.epilog or "").partition("Example: ")
    words = shlex.split(example)
    assert start == "" and tuple(words[: len(path) + 1]) == ("gait", *path)
    context = command.make_context(
        path[-1] if path else "gait", words[len(path) + 1 :]
    )  # raises for what it does not know
    assert context.params


def test_every_option_is_explained():
    def commands(group):
        for command in group.commands.values():
            yield from commands(command) if hasattr(command, "commands") else [command]

    for command in commands(typer.main.get_command(app)):
        assert command.help
        shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        assert all(getattr(parameter, "help", None) for parameter in shown), command.name


def test_every_command_gives_its_function_what_it_takes():
    def commands(group):
        for command in group.commands.values():
            yield command
            yield from commands(command) if hasattr(command, "commands") else []

    called = [one.callback for one in commands(typer.main.get_command(app)) if hasattr(one.callback, "target")]
    assert len(called) > 40
    for callback in called:
        module, _, name = callback.target.partition(":")
        function = getattr(importlib.import_module(f"pipeline.{module}"), name)
        inspect.signature(function).bind(**dict.fromkeys(callback.gives))  # raises for what it does not take


def test_lancedbs_client_is_left_out_in_our_own_process_alone(tmp_path):
    code = "import pipeline.cli, lance_namespace_urllib3_client as client; print(hasattr(client, '__file__'))"
    assert run_python(code).stdout == "True\n"
    code = f"""
import sys
from pipeline.cli import main
sys.argv = ["gait", "gallery", "list", "--db", {str(tmp_path)!r}]
try: main()
except SystemExit: import lancedb; print(hasattr(sys.modules["lance_namespace_urllib3_client"], "__file__"))
"""
    assert run_python(code).stdout == "False\n"

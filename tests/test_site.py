"""The generated pages hold every command and setting; the site builds without a warning and needs no network."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import pipeline
from pipeline.cli import app
from pipeline.config import Config
from pipeline.profiles import known_keys, profiles
from pipeline.research.training.config import TrainingConfig

ROOT = Path(__file__).resolve().parents[1]
GAIT = typer.main.get_command(app)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_every_command_and_option_is_on_a_page(pages):
    sections = dict(
        re.findall(r"^##+ gait ([\w -]+)\n(.*?)(?=^##|\Z)", pages["reference/cli.md"], re.MULTILINE | re.DOTALL)
    )
    commands = dict(GAIT.commands)
    for name, group in GAIT.commands.items():
        commands |= {f"{name} {sub}": one for sub, one in getattr(group, "commands", {}).items()}
    assert set(sections) == set(commands)
    for name, command in commands.items():
        shown = [one for one in command.params if not getattr(one, "hidden", False)]  # of before a renaming
        options = {option for one in shown for option in one.opts if option.startswith("-")}
        assert {option for option in options if f"`{option}" not in sections[name]} == set(), name


def test_every_setting_and_profile_is_on_a_page(pages):
    page = pages["reference/settings.md"]
    keys = [*known_keys(Config), *known_keys(TrainingConfig)]
    assert len(keys) > 100
    assert [key for key in keys if f"| `{key}` |" not in page and f" {key}\n" not in page] == []
    assert [name for name in profiles() if f"- **{name}**: " not in page] == []


def test_everything_that_python_is_offered_is_on_a_page(pages):
    offered = getattr(pipeline, "__all__", [])
    assert [name for name in offered if f"heading: gait.{name}," not in pages["reference/python.md"]] == []


def test_angle_brackets_of_a_help_are_no_tags(pages):
    assert "as &lt;video>-&lt;track>" in pages["reference/cli.md"]


def test_the_site_is_built_without_a_warning_and_loads_nothing_from_a_network(tmp_path):
    if not (importlib.util.find_spec("material") and importlib.util.find_spec("mkdocstrings_handlers")):
        pytest.skip("the site's packages are missing: pip install '.[docs]'")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    built = sorted(tmp_path.rglob("*.html"))
    assert len(built) > 25
    for page in built:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]* src=\"?([^\" >]+)", text)
        loaded += re.findall(r"<link[^>]* href=\"?([^\" >]+)", text)
        assert [address for address in loaded if re.match(r"(https?:)?//", address)] == [], page.name
        assert "<video>" not in text, f"{page.name}: <video> of a docstring needs backticks"
    assert "gaitbase_synth" in (tmp_path / "search" / "search_index.js").read_text(encoding="utf-8")

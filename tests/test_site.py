"""The site is built without a warning, holds every command and setting, and loads nothing from a network."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from importlib.util import find_spec
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

pytestmark = pytest.mark.skipif(
    not (find_spec("material") and find_spec("mkdocstrings_handlers")),
    reason="the site's packages are missing: pip install '.[docs]'",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def words(page: Path) -> str:
    """What a reader sees of a page."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_every_command_and_option_is_on_a_page(site):
    page = words(site / "reference" / "cli.html")
    for name, command in GAIT.commands.items():
        for path, each in [
            (name, command),
            *((f"{name} {sub}", one) for sub, one in getattr(command, "commands", {}).items()),
        ]:
            assert re.search(rf"^gait {path}\b", page, re.MULTILINE), path
            assert {
                option for one in each.params for option in one.opts if option.startswith("-") and option not in page
            } == set()


def test_every_setting_and_profile_is_on_a_page(site):
    page = words(site / "reference" / "settings.html")
    keys = [*known_keys(Config), *known_keys(TrainingConfig)]
    assert len(keys) > 100
    assert [key for key in keys if not re.search(rf"(?<![\w.]){re.escape(key)}(?!\w)", page)] == []
    assert [name for name in profiles() if f"{name}:" not in page] == []


def test_everything_that_python_is_offered_is_on_a_page(site):
    page = words(site / "reference" / "python.html")
    assert [name for name in getattr(pipeline, "__all__", []) if f"gait.{name}" not in page] == []


def test_nothing_is_loaded_from_a_network(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]* src=\"?([^\" >]+)", text)
        loaded += re.findall(r"<link[^>]* href=\"?([^\" >]+)", text)
        assert [address for address in loaded if re.match(r"(https?:)?//", address)] == [], page.name
    assert "gaitbase_synth" in (site / "search" / "search_index.js").read_text(encoding="utf-8")

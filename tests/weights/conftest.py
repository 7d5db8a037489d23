"""Every test here has its own cache folder and working directory, so that nothing of the user's is read or written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fileserver import FileServer


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.delenv("GAIT_CHECKPOINTS", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running

"""`gait doctor` with a bug in it."""

import sys
from pathlib import Path
from typing import Any

from pipeline.cli import main
from pipeline.commands.doctor import machine


def broken(folder: Path, **_: Any) -> None:
    raise ZeroDivisionError("by zero")


machine.doctor = broken  # type: ignore[assignment]
sys.argv = ["gait", "doctor"]
main()

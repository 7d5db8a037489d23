"""`gait doctor` with a bug in it."""

import sys
from typing import Any

import pipeline.commands.doctor as commands
from pipeline.cli import main


def broken(**_: Any) -> None:
    raise ZeroDivisionError("by zero")


commands.doctor = broken  # type: ignore[assignment]
sys.argv = ["gait", "doctor"]
main()

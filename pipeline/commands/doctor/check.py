"""One finding of `gait doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "broken", "absent"]  # absent: something optional, or still to be fetched


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. remedy: what to do, "" where nothing is to be done."""

    name: str
    state: State
    detail: str = ""
    remedy: str = ""


def unless(fine: bool, state: State, name: str, detail: str = "", remedy: str = "") -> Check:
    """A check that is ok if it is fine, else in this state and with this remedy."""
    return Check(name, "ok", detail) if fine else Check(name, state, detail, remedy)

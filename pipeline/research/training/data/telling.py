"""What readers of a dataset let pass, but not in silence."""

from __future__ import annotations

import sys
from functools import cache


@cache
def tell_once(line: str) -> None:
    """Put this line on standard error the first time that it is asked for in this process."""
    print(f"gait: {line}", file=sys.stderr, flush=True)

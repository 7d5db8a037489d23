"""What is logged, as lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Everything that is logged while the test runs."""
    found: list[str] = []
    handler = logger.add(lambda line: found.append(line.strip()), level="DEBUG", format="{message}")
    yield found
    logger.remove(handler)

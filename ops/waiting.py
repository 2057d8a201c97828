"""Look until something is seen, but not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T | None], *, timeout_seconds: float, poll_seconds: float) -> T | None:
    """Look until something is seen, and return it; None when nothing was seen in time."""
    deadline = time.monotonic() + timeout_seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            return None
        time.sleep(poll_seconds)
    return seen

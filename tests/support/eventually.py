"""Waiting for what takes its time."""

import time
from collections.abc import Callable


def eventually(check: Callable[[], bool], seconds: float = 60, pause: float = 0.05) -> None:
    """Wait until `check` holds. The limit is for what will never happen, so it is long enough for a machine that is busy.

    pause: seconds between two looks; more where a look is work for what is looked at.
    """
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(pause)

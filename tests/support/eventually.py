"""Waiting for what takes its time."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator


def eventually(check: Callable[[], bool], seconds: float = 60, pause: float = 0.05) -> None:
    """Wait until `check` holds. The limit is for what will never happen, so it is long enough for a machine that is busy.

    pause: seconds between two looks; more where a look is work for what is looked at.
    """
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(pause)


@contextlib.contextmanager
def once(check: Callable[[], bool], act: Callable[[], object], pause: float = 0.02) -> Iterator[None]:
    """Do something as soon as `check` holds while the block runs, once; nothing where it does not come to that.

    pause: seconds between two looks.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(pause):
            if check():
                act()
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()

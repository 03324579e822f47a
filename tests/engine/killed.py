"""One stack whose engine is killed again and again, and mended by the steps of docs/runbooks/state-locked.md."""

import time
from collections.abc import Collection, Iterable

import pytest

from tests.engine.moments import Moments, short
from tests.engine.platform import Platform
from tests.engine.resumed import resumed

DELAYS = (0.0, 1.0, 2.5)
"""Seconds for which the engine still works on it: before it has asked the cloud, while it waits for the answer, afterwards."""


class Killed:
    """One stack whose engine is killed again and again. everything: whether its plug-ins and its program are killed, too."""

    def __init__(self, dev: Platform, capsys: pytest.CaptureFixture[str], book: Moments, *, everything: bool) -> None:
        self.dev, self.capsys, self.book, self.everything = dev, capsys, book, everything

    def at_each(self, operation: str, moments: Iterable[str], delays: tuple[float, ...], words: str, goes: Collection[str] = ()) -> int:
        """Kill an operation once at each moment, and mend it each time. Returns how often it was killed before it came to its end.

        goes: kinds and names of what it replaces. All goes that is destroyed.
        """
        left, kills = list(moments), 0
        while True:
            delay, before = delays[kills % len(delays)], self.book.stands()
            met = self._killed(left, operation, delay)
            if not met:
                return kills
            kills += 1
            self._mend(f"`{operation}`, {delay} s after it began to {words} {met.removesuffix('-')}", before, operation, goes)

    def after(self, operation: str, seconds: float) -> None:
        """Kill an operation after some seconds, and mend it."""
        end, before = time.monotonic() + seconds, self.book.stands()
        self.dev.killed(lambda: time.monotonic() > end, operation, everything=self.everything)
        self._mend(f"`{operation}`, {seconds} s after its start", before, operation)

    def _killed(self, left: list[str], operation: str, delay: float) -> str:
        """The moment at which the engine was killed, which is taken from `left`; "" where it came to its end."""
        met = ""

        def meets() -> bool:
            nonlocal met
            # What is replaced is deleted at first: it is the making that may happen twice.
            pending = [name for name, what in self.dev.pending().items() if (what == "deleting") == (operation == "destroy")]
            met = next((each for each in left if any(name == each or (each[-1] == "-" and name.startswith(each)) for name in pending)), "")
            if met:
                time.sleep(delay)
            return bool(met)

        outcome = self.dev.killed(meets, operation, everything=self.everything)
        assert met or not outcome.error, outcome.output[-3000:]
        if met:
            left.remove(met)
        return met

    def _mend(self, when: str, before: dict[str, str], operation: str, goes: Collection[str] = ()) -> None:
        told, mended = resumed(self.dev, self.book.project, self.capsys)
        assert "creating" not in self.dev.pending().values(), (when, told)
        told_next = told.partition("Go on with: ")[2].split(" --stack")[0]
        next_step = "pulumi destroy" if operation == "destroy" else " ".join(told_next.split())
        going = set(before.values()) if operation == "destroy" else goes
        self.book.saw(when, short(told), ["pulumi cancel", *mended, next_step], before, goes=going)

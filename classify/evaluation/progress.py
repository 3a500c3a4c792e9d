"""A bar that says what a training is doing, and moves with every round of trees."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Bar"]

STEPS = 10_000
"""Of a part. They are counted, so that rounding never leaves a bar short of its end or beyond."""


class Bar:
    """A bar on stderr over parts of different kinds, which several threads may work on.

    A part of minutes is no single step: the bar moves by the share of it that is done.

    Parameters
    ----------
    parts : mapping of str to int
        How many parts there are of each kind, such as ``{"honest folds": 15}``.
    shown : bool
        Whether there is anything to see.
    """

    def __init__(self, parts: Mapping[str, int], *, shown: bool) -> None:
        from tqdm import tqdm

        self._parts = dict(parts)
        self._done = dict.fromkeys(parts, 0)
        self._lock = threading.Lock()
        self._bar = tqdm(
            total=STEPS * sum(parts.values()),
            desc=next(iter(parts), ""),
            bar_format="{l_bar}{bar}| {elapsed}<{remaining}",
            # Steps are far apart or dense: the clock alone says when to draw.
            mininterval=0.5,
            miniters=0,
            disable=not shown,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    @contextlib.contextmanager
    def part(self, kind: str) -> Iterator[Callable[[int, int], None]]:
        """Work on a part; what is given is told how many of how many steps of it are done."""
        seen = 0

        def moved(done: int, of: int) -> None:
            nonlocal seen
            self._move(STEPS * done // of - seen)
            seen = STEPS * done // of

        self._say(kind, 0)
        yield moved
        # Whoever stops early, or counts no steps, is done all the same.
        self._move(STEPS - seen)
        self._say(kind, 1)

    def _move(self, steps: int) -> None:
        with self._lock:
            self._bar.update(steps)

    def _say(self, kind: str, more: int) -> None:
        with self._lock:
            self._done[kind] += more
            of = self._parts[kind]
            counted = f" {self._done[kind]}/{of}" if of > 1 else ""
            self._bar.set_description(f"{kind}{counted}")

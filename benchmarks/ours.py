"""Earmark's own contestants: decoding alone, the sets, the stages, and many files with workers.

Each function here prepares one contestant and returns what is run on every file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import time
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from earmark.extract.audio import decode
from earmark.extract.audio.resample import resampled
from earmark.extract.audio.sources import Track
from earmark.extract.batch import executors, run
from earmark.extract.batch.track import Extraction, analyse
from earmark.extract.config import DEFAULTS
from earmark.extract.engine import aggregate, registry
from earmark.extract.signal import frames
from earmark.extract.signal.loudness import LoudnessMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def decoding() -> Callable[[str], int]:
    """Decode a file and keep nothing."""

    def action(path: str) -> int:
        with decode.open_audio(path) as audio:
            for _ in audio.blocks:
                pass
        return 0

    return action


def features(name: str, windows: float | None = None) -> Callable[[str], int]:
    """Analyse a file from its bytes to its rows; give the number of values in a row."""
    job = Extraction(name, DEFAULTS, windows)

    def action(path: str) -> int:
        outcome = analyse(Track(path, Path(path)), job)
        if outcome.failure is not None:
            raise RuntimeError(": ".join(outcome.failure))
        return int(outcome.values.shape[1])

    return action


def folder(name: str, workers: int) -> Callable[[str], int]:
    """Analyse a folder as `earmark extract` does; give the number of rows.

    Every round starts the workers anew, as every command does.
    """
    job = Extraction(name, DEFAULTS)

    def action(path: str) -> int:
        result = run.extract([path], job, executor=executors.Processes(workers, isolate=False))
        if result.failures:
            raise RuntimeError(": ".join(result.failures[0]))
        return len(result.table)

    return action


class Stopwatch:
    """Time spent in each stage, without that in the stages inside it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = clock
        self._open: list[str] = []
        self._since = 0.0

    def _turn(self) -> None:
        now = self._clock()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block to a stage."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def calls(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, its time counted to a stage."""

        def counted(*arguments: Any, **options: Any) -> Any:
            with self.stage(name):
                return function(*arguments, **options)

        return counted

    def draws(self, name: str, iterate: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
        """Return the generator function, the time of its steps counted to a stage."""

        def counted(*arguments: Any) -> Iterator[Any]:
            with self.stage(name):
                items = iterate(*arguments)
            while True:
                with self.stage(name):
                    item = next(items, None)
                if item is None:
                    return
                yield item

        return counted


@contextlib.contextmanager
def watched(watch: Stopwatch) -> Iterator[None]:
    """Count the stages of the analysis: the real one, with its functions wrapped from outside."""
    opened = decode.open_audio

    @contextlib.contextmanager
    def open_audio(path: Path) -> Iterator[decode.Audio]:
        # libsndfile reads the first block when it opens a file.
        with contextlib.ExitStack() as stack:
            with watch.stage("decode"):
                audio = stack.enter_context(opened(path))
            yield dataclasses.replace(audio, blocks=watch.draws("decode", iter)(audio.blocks))

    descriptors = {
        name: dataclasses.replace(entry, function=watch.calls(name, entry.function))
        for name, entry in registry._discover().items()
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(registry._discover(), descriptors))
        for target, name, wrapper in [
            (decode, "open_audio", open_audio),
            (LoudnessMeter, "feed", watch.calls("meter and mix down", LoudnessMeter.feed)),
            (frames, "resampled", watch.draws("resample", resampled)),
            (frames, "_spans", watch.draws("cut into frames", frames._spans)),
            (aggregate, "summarise", watch.calls("statistics", aggregate.summarise)),
            (aggregate, "row", watch.calls("statistics", aggregate.row)),
            (hashlib, "file_digest", watch.calls("sha256", hashlib.file_digest)),
        ]:
            stack.enter_context(mock.patch.object(target, name, wrapper))
        # What descriptors share is nobody's own: whoever asks first would pay for it.
        for name, shared in list(vars(frames.Block).items()):
            if isinstance(shared, cached_property):
                wrapped = cached_property(watch.calls(f"shared: {name}", shared.func))
                wrapped.__set_name__(frames.Block, name)
                stack.enter_context(mock.patch.object(frames.Block, name, wrapped))
        yield


def stages(name: str, clock: str) -> Callable[[str], dict[str, float]]:
    """Analyse a file; give the seconds of each stage."""
    whole = features(name)

    def action(path: str) -> dict[str, float]:
        watch = Stopwatch(time.process_time if clock == "cpu" else time.perf_counter)
        with watched(watch), watch.stage("everything else"):
            whole(path)
        return dict(watch.seconds)

    return action

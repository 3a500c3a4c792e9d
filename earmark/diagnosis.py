"""What Earmark finds on this machine: what works, what is missing, and how to install it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import platform
import re
import shutil
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

__all__ = ["BROKEN", "MISSING", "OK", "Finding", "findings", "table"]

OK, MISSING, BROKEN = "ok", "missing", "broken"
"""What is missing is optional; what is broken Earmark cannot do without."""

CODECS = (
    *("aac", "ac3", "alac", "ape", "dsd_lsbf", "eac3", "flac", "mp2", "mp3", "mpc7", "mpc8"),
    *("opus", "shorten", "tak", "truehd", "tta", "vorbis", "wavpack", "wmalossless", "wmav2"),
)
"""Codecs, by FFmpeg's names, that it must decode for the formats that folders hold."""

INSTEAD = {"xgboost": "xgboost-cpu"}
"""Distributions of the same module, which may stand there instead."""

CONTAINERS = {"AIFF", "AU", "CAF", "FLAC", "MP3", "OGG", "RF64", "W64", "WAV"}
"""What libsndfile must read, by its names."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    what : str
        Its name.
    state : {"ok", "missing", "broken"}
        How it is.
    detail : str
        Version, number or reason.
    remedy : str
        What to do where it is not ok.
    """

    what: str
    state: str
    detail: str
    remedy: str = ""


def table() -> pd.DataFrame:
    """Return all findings, a row for each."""
    import pandas as pd

    names = [field.name for field in fields(Finding)]
    return pd.DataFrame([astuple(each) for each in findings()], columns=names)


def findings() -> Iterator[Finding]:
    """Look at everything; whatever goes wrong with one thing is a finding and ends nothing."""
    for what, look in LOOKS.items():
        try:
            yield from look()
        except Exception as error:
            # A doctor that dies of the disease is none.
            yield Finding(what, BROKEN, f"{type(error).__name__}: {error}", "install Earmark again")


def _program() -> Iterator[Finding]:
    from earmark.extract.provenance import commit
    from earmark.version import __version__

    yield Finding("earmark", OK, " ".join(filter(None, (__version__, commit()))))
    yield Finding("python", OK, f"{platform.python_version()}, {platform.platform()}")


def _libraries() -> Iterator[Finding]:
    """Look at every distribution that is required, and those of the extras for users."""
    seen: set[str] = set()
    for requirement in importlib.metadata.requires("earmark") or ():
        extra = re.search(r"extra == ['\"](.+?)['\"]", requirement)
        name = re.match(r"[\w.-]+", requirement)
        if name is None or name[0] in seen | {"earmark"} or (extra and extra[1] in ("test", "dev")):
            continue
        seen.add(name[0])
        if found := _installed(name[0]):
            yield Finding(name[0], OK, found)
        elif extra:
            why, remedy = f"for the extra {extra[1]}", f"pip install 'earmark[{extra[1]}]'"
            yield Finding(name[0], MISSING, why, remedy)
        else:
            yield Finding(name[0], BROKEN, "required", f"pip install '{requirement}'")


def _installed(name: str) -> str:
    """Return the version of a distribution, or of another of the same module; else nothing."""
    for own in (name, INSTEAD.get(name, name)):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(own) + ("" if own == name else f" ({own})")
    return ""


def _decoders() -> Iterator[Finding]:
    import av
    import soundfile

    absent = sorted(CONTAINERS - soundfile.available_formats().keys())
    remedy = "pip install --force-reinstall soundfile"
    yield _all_of("libsndfile", soundfile.__libsndfile_version__, absent, remedy)
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    absent = sorted({*CODECS} - av.codec.codecs_available)
    yield _all_of("ffmpeg", f"libavcodec {version}", absent, "pip install --force-reinstall av")


def _all_of(what: str, version: str, absent: list[str], remedy: str) -> Finding:
    if absent:
        return Finding(what, BROKEN, f"{version}, cannot read {', '.join(absent)}", remedy)
    return Finding(what, OK, version)


def _formats() -> Iterator[Finding]:
    from earmark.extract.audio.formats import SUFFIXES

    yield Finding("formats", OK, " ".join(sorted(each.removeprefix(".") for each in SUFFIXES)))


def _caches() -> Iterator[Finding]:
    """Look where numba keeps what it has compiled: without it, every process compiles anew."""
    from earmark.extract.signal import kernels

    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else Path(kernels.__file__).parent / "__pycache__"
    place = next(each for each in (folder, *folder.parents) if each.exists())
    size = sum(each.stat().st_size for each in folder.rglob("*.nb[ic]")) if folder.exists() else 0
    if os.access(place, os.W_OK):
        yield Finding("compiled kernels", OK, f"{folder}, {size / 1e6:.1f} MB")
    else:
        remedy = "set NUMBA_CACHE_DIR to a folder that can be written"
        yield Finding("compiled kernels", MISSING, f"{folder} cannot be written", remedy)


def _machine() -> Iterator[Finding]:
    import joblib

    yield Finding("cores", OK, f"{joblib.cpu_count()} of {os.cpu_count()} may be used")
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield Finding("memory", OK, f"{memory / 2**30:.1f} GiB")
    free = shutil.disk_usage(Path()).free
    yield Finding("free disk, here", OK, f"{free / 2**30:.1f} GiB")


def _gpu() -> Iterator[Finding]:
    from earmark.classify.model import boosting

    logger = logging.getLogger(boosting.__name__)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        found = boosting.usable_device("cuda") != "cpu"
    finally:
        logger.setLevel(level)
    if found:
        yield Finding("gpu", OK, "--device cuda trains on it")
    else:
        yield Finding("gpu", MISSING, "optional, for training", "an NVIDIA driver and card")


def _analysis() -> Iterator[Finding]:
    """Analyse a second of noise, all the way from a file."""
    import tempfile

    import numpy as np
    import soundfile

    import earmark

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "noise.wav")
        soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 44100), 44100)
        row = earmark.features(path)
    yield Finding("analysis", OK, f"{len(row)} descriptors of a second of noise")


def _model() -> Iterator[Finding]:
    import earmark

    yield Finding("model", OK, f"the default one, {len(earmark.load().genres)} genres")


LOOKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "earmark": _program,
    "libraries": _libraries,
    "decoders": _decoders,
    "formats": _formats,
    "compiled kernels": _caches,
    "machine": _machine,
    "gpu": _gpu,
    "analysis": _analysis,
    "model": _model,
}
"""What is looked at, by what it is called where the look itself fails."""

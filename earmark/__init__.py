"""A folder of music becomes a table of descriptors and a genre for every track.

Examples
--------
In a copy of the project, whose folder ``data/raw`` holds six short tracks:

>>> import earmark
>>> table = earmark.table(["data/raw"])
>>> table["path"].tolist()[:2]
['hip-hop-90bpm-d-minor.mp3', 'house-128bpm-a-minor.mp3']
>>> table["tempo"].round().tolist()
[90.0, 128.0, 120.0, 150.0, 76.0, 96.0]

The shipped models name the likeliest genres of each; the one called light looks at these columns:

>>> genres = earmark.load("light").predict(table, top=2)
>>> list(genres.columns)
['path', 'genre', 'probability', 'genre_2', 'probability_2']
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.version import __version__

if TYPE_CHECKING:
    from earmark.classify import load
    from earmark.classify.model.estimator import GenreClassifier
    from earmark.extract import beats, concat, features, table, tracks_and_windows
    from earmark.extract.feature_table import FeatureTable
    from earmark.extract.transformer import AudioFeatures

__all__ = [
    "AudioFeatures",
    "FeatureTable",
    "GenreClassifier",
    "__version__",
    "beats",
    "concat",
    "features",
    "load",
    "table",
    "tracks_and_windows",
]

_CHECKOUT = Path(__file__).resolve().parents[1]
if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "extract").is_dir():
    # In a checkout the folders `extract` and `classify`, `pipeline.py` and `app.py` stand at the
    # top, where they are worked on; installed, they stand in this package.
    __path__.append(str(_CHECKOUT))

_HOME = {
    "AudioFeatures": "earmark.extract.transformer",
    "FeatureTable": "earmark.extract.feature_table",
    "GenreClassifier": "earmark.classify.model.estimator",
    "beats": "earmark.extract",
    "concat": "earmark.extract",
    "features": "earmark.extract",
    "load": "earmark.classify",
    "table": "earmark.extract",
    "tracks_and_windows": "earmark.extract",
}
"""Where each public name is defined; it is imported when somebody asks for it."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})

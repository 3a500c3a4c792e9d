"""A trained model: the data that it consists of, and the log-odds that it gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, FiniteFloat

from earmark.classify.model import genre_profiles  # noqa: TC001 (pydantic reads annotations)
from earmark.classify.model.ensemble import Ensemble, softmax
from earmark.classify.model.linear import Linear
from earmark.extract.errors import BundleError

if TYPE_CHECKING:
    import pandas as pd
    import xgboost
    from numpy.typing import NDArray

__all__ = ["LENGTH", "MOTION", "SHORTEST", "Bundle"]

LENGTH, SHORTEST = "duration_ms", 60_000
"""What is shorter than this is taken for an excerpt: its length says nothing of the song. Of
Spotify's table one track in a hundred is."""

MOTION = tuple(f"mfcc_{number:02d}_std" for number in range(1, 6))
"""How much the timbre of a row moves: the standard deviations of the first cepstral coefficients
but that of the level."""

VECTOR_LEAVES, KNOWS_VECTORS = b"leaf_weights", (3, 2)
"""What only trees with vectors in their leaves have, and the XGBoost from which on they can be
used: older ones end the whole process over them."""


def _unknown(name: str, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which values of an input that has stand-ins say nothing."""
    missing = np.isnan(values)
    return missing | (values < SHORTEST) if name == LENGTH else missing


def _unique(names: list[str]) -> list[str]:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"it names {name!r} twice")
    return names


def _harmless(names: list[str]) -> list[str]:
    if any(ord(sign) < 32 or 127 <= ord(sign) < 160 for name in names for sign in name):
        raise ValueError("one of them holds signs that steer a terminal")
    return names


def _ascending(values: list[float]) -> list[float]:
    if values != sorted(set(values)):
        raise ValueError("these are no sorted numbers, each once")
    return values


Names = Annotated[list[str], Field(min_length=1), AfterValidator(_unique)]
Categories = Annotated[list[FiniteFloat], AfterValidator(_ascending)]


@dataclass(frozen=True, repr=False)
class Bundle:
    """A trained model with what is needed to use it and to judge it.

    What is annotated beyond the type is checked where a bundle is loaded
    (`earmark.classify.model.storage.load`).

    Parameters
    ----------
    model : bytes
        The trees, in XGBoost's UBJSON.
    genres : list of str
        In the order of the model's outputs.
    columns : list of str
        The descriptors of the tables that the model takes, in order.
    inputs : list of str
        Those of them that it looks at, in the order of its inputs.
    set : str, optional
        Versioned name of the feature set, such as ``default-1``; None for somebody else's table.
    fingerprint : str, optional
        Of the settings that the table was extracted with.
    windows : float, optional
        Seconds of the windows that the model was trained on; None for whole tracks.
    column_versions : dict
        The versions of the descriptors of the inputs, by column; empty where nobody knows.
    settings : dict
        Of the extraction.
    linear : dict, optional
        The linear part (`earmark.classify.model.linear.Linear.to_json`).
    linear_share : float
        Its share in the log-odds, 0–1.
    temperature : float
        What log-odds are divided by.
    categories : dict
        The sorted values of those inputs that are categories, by name.
    stand_ins : dict
        For inputs that audio files do not have, such as popularity, and the length, which an
        excerpt does not tell (`SHORTEST`): values to average over where they are missing, as many
        for each.
    learner : dict
        The parameters of the learner.
    metrics : dict
        What the evaluation gave.
    versions : dict
        Of Earmark and XGBoost.
    typical : dict
        What tracks of each genre measure (`earmark.classify.model.genre_profiles`); empty where
        nobody knows.
    least_motion : float
        What of its timbre moves less has no genre, such as noise and held tones: the largest of
        `MOTION`. 0 asks for none.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    model: bytes = field(repr=False)
    genres: Annotated[Names, AfterValidator(_harmless)]
    columns: Names
    inputs: Names
    set: str | None = None
    fingerprint: str | None = None
    windows: Annotated[float, Field(strict=True, gt=0, lt=1e6)] | None = None
    column_versions: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    linear: dict[str, Any] | None = field(default=None, repr=False)
    linear_share: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0
    temperature: Annotated[float, Field(strict=True, ge=1e-3, le=1e3)] = 1.0
    categories: dict[str, Categories] = field(default_factory=dict)
    stand_ins: dict[str, Annotated[list[FiniteFloat], Field(min_length=1)]] = field(
        default_factory=dict
    )
    learner: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    typical: genre_profiles.Typical = field(default_factory=dict)
    least_motion: Annotated[float, Field(strict=True, ge=0, le=1e3)] = 0.0

    def __repr__(self) -> str:
        parts = [
            f"{len(self.genres)} genres",
            f"{len(self.inputs)} of {len(self.columns)} columns of "
            f"{self.set or 'a table that Earmark did not extract'}",
            f"windows of {self.windows:g} s" if self.windows else "whole tracks",
        ]
        if isinstance(accuracy := self.metrics.get("accuracy"), int | float):
            parts.append(f"accuracy {accuracy:.3f}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def steady(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Tell which rows move so little that they are no music; where it is unknown, none."""
        known = frame.reindex(columns=list(MOTION))
        still: NDArray[np.bool_] = (known < self.least_motion).all(axis=1).to_numpy()
        return still

    @property
    def set_name(self) -> str | None:
        """The name of the feature set without its version."""
        return self.set.rsplit("-", 1)[0] if self.set else None

    @cached_property
    def booster(self) -> xgboost.Booster:
        """The trees, ready to predict."""
        import xgboost

        known = tuple(map(int, xgboost.__version__.split(".")[:2]))
        if VECTOR_LEAVES in self.model and known < KNOWS_VECTORS:
            raise BundleError(
                f"its trees are for all genres at once, which XGBoost {xgboost.__version__} does "
                f"not know; install {'.'.join(map(str, KNOWS_VECTORS))} or newer"
            )
        return xgboost.Booster(model_file=bytearray(self.model))

    @cached_property
    def ensemble(self) -> Ensemble:
        """The trees and the linear part, ready to predict."""
        categories = [
            np.array(self.categories[name], np.float32) if name in self.categories else None
            for name in self.inputs
        ]
        linear = None if self.linear is None else Linear.from_json(self.linear, categories)
        return Ensemble(self.booster, linear, categories, self.linear_share, self.temperature)

    def logits(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Return log-odds of shape (rows, genres) for checked features."""
        if not len(features):
            return np.empty((0, len(self.genres)))
        rows = self.filled(features)
        logits = [self.ensemble.logits(values) for values in rows]
        if len(logits) == 1:
            return logits[0]
        chances = np.mean([softmax(part) for part in logits], axis=0)
        mean_logits: NDArray[np.float64] = np.log(np.maximum(chances, 1e-9))
        return mean_logits

    def filled(self, features: pd.DataFrame) -> list[NDArray[np.float32]]:
        """Return the inputs, once for each stand-in of what the features do not have or not tell.

        A model of Spotify's table knows popularity, and audio has none: what a model says of a
        track is then the mean of what it says for several popularities.
        """
        known = features.reindex(columns=self.inputs)
        empty = {name: _unknown(name, known[name].to_numpy(np.float64)) for name in self.stand_ins}
        if not any(rows.any() for rows in empty.values()):
            return [known.to_numpy(np.float32)]
        draws = zip(*(self.stand_ins[name] for name in empty), strict=True)
        return [
            known.assign(
                **{
                    name: np.where(rows, value, known[name].to_numpy(np.float64))
                    for (name, rows), value in zip(empty.items(), draw, strict=True)
                }
            ).to_numpy(np.float32)
            for draw in draws
        ]

    def probabilities(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Return the probability of each genre, shape (rows, genres), for checked features."""
        return softmax(self.logits(features))

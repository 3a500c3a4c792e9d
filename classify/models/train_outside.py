"""What models say of corpora that they were not trained on, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classify.evaluation import metrics
from earmark.classify.evaluation.calibration import calibrate
from earmark.classify.model.ensemble import mixed, softmax
from earmark.classify.models.train_corpora import AMBIGUOUS
from earmark.classify.models.train_speech import SPEECH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from earmark.classify.model.ensemble import Floats

__all__ = ["SHARE", "Outside", "by_chance", "coverage", "measured", "temperature_of"]

SHARE = 0.7
"""Of the trees, and of the linear half in the log-odds."""

EITHER = ("pop", "rock", "metal")
"""What is right of it in a test: AllMusic's class holds all three."""

STEPS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.1)
"""Of how sure a model is."""


@dataclass(frozen=True)
class Outside:
    """What models say of a corpus that they were not trained on.

    Parameters
    ----------
    genres : list of str
        Those that the models know, in the order of the log-odds.
    trees, linear : ndarray of shape (seeds, tracks, genres)
        The log-odds of the two parts.
    made, truth, groups : list of str
        How each was made, or nothing; its genre and its artist.
    """

    genres: list[str]
    trees: Floats
    linear: Floats
    made: list[str]
    truth: list[str]
    groups: list[str]

    @property
    def plain(self) -> Outside:
        """The tracks themselves, without what was made of them."""
        return self._some([not how for how in self.made])

    @property
    def known(self) -> Outside:
        """The tracks that have one genre alone."""
        return self._some([label != AMBIGUOUS for label in self.truth])

    def _some(self, chosen: Sequence[bool]) -> Outside:
        places = np.flatnonzero(chosen)
        texts = ([own[at] for at in places] for own in (self.made, self.truth, self.groups))
        return Outside(self.genres, self.trees[:, places], self.linear[:, places], *texts)

    def chances(self, temperature: float, share: float = SHARE) -> Floats:
        """Return the probability of each genre, shape (seeds, tracks, genres)."""
        return softmax(mixed(self.trees, self.linear, share, temperature))

    def right(self, chances: Floats, top: int) -> NDArray[np.bool_]:
        """Return whether the genre of each track is among the first, of one seed."""
        names = np.array(self.genres, object)[chances.argsort(axis=1)[:, ::-1][:, :top]]
        accepted = [EITHER if label == AMBIGUOUS else (label,) for label in self.truth]
        return np.array([bool({*own} & {*of}) for own, of in zip(names, accepted, strict=True)])


def temperature_of(outside: Iterable[Outside]) -> float:
    """Return the temperature that makes the truth of corpora most likely that were left out.

    Every corpus counts alike: the largest must not say how sure the model may be.
    """
    found = []
    for known in (own.plain.known for own in outside):
        truth = metrics.codes(known.truth, known.genres)
        for trees, linear in zip(known.trees, known.linear, strict=True):
            found.append(calibrate(trees, linear, truth, SHARE)[1])
    return float(np.exp(np.mean(np.log(found))))


def by_chance(chances: Floats, genres: Sequence[str], draws: int = 20) -> float:
    """Return the calibration error of a model that is as right as it says: that of few tracks."""
    ends = chances.cumsum(axis=1)
    names = np.array(genres, object)
    generator = np.random.default_rng(0)
    found = []
    for _ in range(draws):
        places = (ends < generator.random((len(ends), 1)) * ends[:, -1:]).sum(axis=1)
        truth = names[places].tolist()
        found.append(metrics.expected_calibration_error(truth, chances, genres))
    return float(np.mean(found))


def measured(outside: Outside, temperature: float, share: float = SHARE) -> dict[str, Any]:
    """Return numbers of a corpus that was left out: means over the seeds, with their spread."""
    own, known = outside.plain, outside.plain.known
    chances = own.chances(temperature, share)
    first, third = (np.stack([own.right(part, top) for part in chances]) for top in (1, 3))
    low, high = metrics.interval(first.mean(axis=0), np.array(own.groups, object))
    errors = [
        metrics.expected_calibration_error(known.truth, part, known.genres)
        for part in known.chances(temperature, share)
    ]
    best = np.array(own.genres, object)[outside.chances(temperature, share).argmax(axis=2)]
    drawn = [by_chance(part, known.genres) for part in known.chances(temperature, share)]
    return {
        "tracks": len(own.truth),
        "genres": len(set(known.truth)),
        "accuracy": float(first.mean()),
        "interval": {"accuracy": [float(low), float(high)]},
        "spread": {"accuracy": float(first.mean(axis=1).std())},
        "top_3": float(third.mean()),
        "ece": float(np.mean(errors)),
        "ece_by_chance": float(np.mean(drawn)),
        "speech": float((best == SPEECH).mean()),
    }


def coverage(outside: Mapping[str, Outside], temperatures: Mapping[str, float]) -> dict[str, Any]:
    """Return, by how sure a model is, how many tracks there are and how many of them are right."""
    sure, right = [], []
    for name, own in ((name, own.plain) for name, own in outside.items()):
        for part in own.chances(temperatures[name]):
            sure.append(part.max(axis=1))
            right.append(own.right(part, 1))
    chance, hit = np.concatenate(sure), np.concatenate(right)
    found = {}
    for low, high in pairwise(STEPS):
        step = (low <= chance) & (chance < high)
        if step.any():
            found[f"{low:.1f}–{min(high, 1):.1f}"] = [float(step.mean()), float(hit[step].mean())]
    return found

"""How XGBoost grows the trees: parameters, rows in turn, what is held out, on which device."""

from __future__ import annotations

import json
import logging
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Told", "booster_parameters", "dealt", "held_out", "in_turn", "usable_device"]


logger = logging.getLogger(__name__)

DEALS = 2
"""How often rows are dealt into parts; each deal is binned for itself."""


def booster_parameters(
    chosen: dict[str, Any], genres: int, seed: int, device: str = "cpu"
) -> dict[str, Any]:
    """Return what XGBoost calls the parameters that were chosen."""
    return {
        "objective": "multi:softprob",
        "num_class": genres,
        "tree_method": "hist",
        "learning_rate": chosen["learning_rate"],
        "max_depth": chosen["max_depth"],
        "max_bin": chosen["max_bin"],
        "subsample": chosen["subsample"],
        "colsample_bynode": chosen["colsample_bynode"],
        "min_child_weight": chosen["min_child_weight"],
        "lambda": chosen["reg_lambda"],
        "device": device,
        "seed": seed,
        "verbosity": 0,
    }


def dealt(rows: NDArray[np.int64], parts: int, seed: int) -> list[NDArray[np.int64]]:
    """Deal rows into parts of one size at random, and once more: two rows may part company."""
    generator = np.random.default_rng(seed)
    shuffled = [generator.permutation(rows) for _ in range(DEALS)]
    parts = min(parts, len(rows))
    return [np.sort(part) for own in shuffled for part in np.array_split(own, parts)]


def in_turn(
    parameters: dict[str, Any],
    parts: Sequence[xgboost.DMatrix],
    rounds: int,
    told: Sequence[Told],
) -> xgboost.Booster:
    """Grow the trees of each round on one part of the rows, in turn.

    That is subsampling which saves the time, too: XGBoost's own goes over all rows, and those
    that were not drawn weigh nothing.
    """
    booster = xgboost.Booster(parameters, parts)
    for done in range(rounds):
        booster.update(parts[done % len(parts)], done)
        for own in told:
            own.after_iteration(booster, done, {})
    # What XGBoost remembers of the training data is not needed any more.
    return booster.reset()


class Told(xgboost.callback.TrainingCallback):
    """Tells somebody after each round of trees."""

    def __init__(self, after_round: Callable[[int, int], object], rounds: int) -> None:
        self._after_round, self._rounds = after_round, rounds

    def after_iteration(self, _model: Any, epoch: int, _log: Any) -> bool:
        """Tell; True would end the training."""
        self._after_round(epoch + 1, self._rounds)
        return False


def held_out(
    encoded: NDArray[np.int64], groups: ArrayLike | None, fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Choose whole groups at random; none where a genre would be left without a row."""
    own = np.arange(len(encoded)) if groups is None else np.asarray(groups)
    unique, of_row = np.unique(own, return_inverse=True)
    chosen = np.random.default_rng(seed).random(len(unique)) < fraction
    away = chosen[of_row]
    left = np.unique(encoded[~away])
    # XGBoost wants to see every genre; small genres of one group stay with the training.
    needed = np.unique(of_row[np.isin(encoded, np.setdiff1d(encoded, left))])
    return away & ~np.isin(of_row, needed)


@cache
def usable_device(device: str) -> str:
    """Return the device, or ``"cpu"`` with a line in the log where there is no GPU."""
    if device == "cpu":
        return device
    probe = xgboost.DMatrix(np.zeros((2, 1)), np.array([0, 1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parameters = {"device": device, "tree_method": "hist", "verbosity": 0}
            booster = xgboost.train(parameters, probe, 1)
        # XGBoost itself goes over to the CPU, more or less silently: its configuration tells.
        used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    except xgboost.core.XGBoostError:
        used = "cpu"
    if used == "cpu":
        logger.warning("no GPU can be used here: training on the CPU")
    return str(used)

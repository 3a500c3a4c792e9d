"""One tree for many genres, with a vector in each leaf: how it is grown and how it is explained.

A tree for each of a hundred genres in every round takes an hour where one tree with a vector in its
leaves takes minutes. Even then most of the time goes into summing a hundred gradients for every
split that is tried. Here (`objective`) splits are tried on a sketch: a few random mixtures of the
gradients, another few in every round; only the leaves are computed in full. That is faster, and as
every round looks at the genres from another side, the trees are less alike.

XGBoost gives no contributions for vector leaves. The trees of one genre (`single`) are the same
splits with one number of each vector, and those it explains.

References
----------
Iosipoi and Vakhrushev, "SketchBoost: fast gradient boosted decision tree for multioutput problems",
NeurIPS 2022 (random projection).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xgboost

__all__ = ["has_vector_leaves", "objective", "single"]

MIXTURES = 5
"""Columns of the sketch."""

CHUNK = 1024
"""Rows at a time: what fits into a core's cache."""

SMALLEST_HESSIAN = 1e-6

Singles = NDArray[np.float32]


def objective(encoded: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> Any | None:
    """Return softmax cross-entropy with sketched splits, as XGBoost's training takes it.

    Parameters
    ----------
    encoded : ndarray of shape (rows,)
        Genres by number.
    weights : ndarray of shape (rows,)
        Of the rows.
    seed : int
        Of the mixtures.

    Returns
    -------
    TreeObjective or None
        None where this version of XGBoost knows no sketches.
    """
    try:
        from xgboost.objective import TreeObjective
    except ImportError:
        return None

    class Sketch(TreeObjective):
        def __init__(self) -> None:
            self.generator = np.random.default_rng(seed)
            self.weights = weights.astype(np.float32)[:, None]
            self.sketch: Singles = np.empty((0, 0), np.float32)

        def __call__(self, _iteration: int, prediction: Any, _data: Any) -> tuple[Singles, Singles]:
            """Return gradients and hessians of shape (rows, genres)."""
            margins = np.asarray(prediction, np.float32).reshape(len(encoded), -1)
            genres = margins.shape[1]
            mixing = self.generator.standard_normal((genres, MIXTURES)) / np.sqrt(MIXTURES)
            mixing = mixing.astype(np.float32)
            gradients, hessians = np.empty_like(margins), np.empty_like(margins)
            self.sketch = np.empty((len(encoded), MIXTURES), np.float32)
            for start in range(0, len(encoded), CHUNK):
                rows = slice(start, start + CHUNK)
                chances = np.exp(margins[rows] - margins[rows].max(axis=1, keepdims=True))
                chances /= chances.sum(axis=1, keepdims=True)
                # Twice the diagonal, as XGBoost's own softmax has it.
                hessians[rows] = np.maximum(2 * chances * (1 - chances), SMALLEST_HESSIAN)
                chances[np.arange(len(chances)), encoded[rows]] -= 1
                gradients[rows] = chances * self.weights[rows]
                hessians[rows] *= self.weights[rows]
                self.sketch[rows] = gradients[rows] @ mixing
            return gradients, hessians

        def split_grad(self, _iteration: int, _gradients: Any, _hessians: Any) -> tuple[Any, Any]:
            """Return what splits are found on, of shape (rows, mixtures)."""
            return self.sketch, np.repeat(self.weights, MIXTURES, axis=1)

    return Sketch()


def has_vector_leaves(model: dict[str, Any]) -> bool:
    """Tell whether the trees of a model, in XGBoost's JSON, have vectors in their leaves."""
    trees = model["learner"]["gradient_booster"]["model"]["trees"]
    return bool(trees) and int(trees[0]["tree_param"]["size_leaf_vector"]) > 1


def single(model: dict[str, Any], genre: int) -> xgboost.Booster:
    """Return the trees of one genre, less the mean of all genres.

    Parameters
    ----------
    model : dict
        Of trees with vectors in their leaves, in XGBoost's JSON (`earmark.classify.model.ubjson`).
    genre : int
        Which number of each leaf.

    Returns
    -------
    xgboost.Booster
        A regression whose predictions are the genre's log-odds less the mean log-odds.
    """
    import xgboost

    learner = model["learner"]
    starts = np.array(json.loads(learner["learner_model_param"]["base_score"]), float)
    booster = learner["gradient_booster"]
    trees = [_scalar(tree, genre) for tree in booster["model"]["trees"]]
    own = {
        **learner,
        "learner_model_param": {
            **learner["learner_model_param"],
            "base_score": f"[{starts[genre] - starts.mean():.9E}]",
            "num_class": "0",
            "num_target": "1",
        },
        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
        "gradient_booster": {**booster, "model": {**booster["model"], "trees": trees}},
    }
    text = json.dumps({**model, "learner": own}, default=np.ndarray.tolist)
    return xgboost.Booster(model_file=bytearray(text.encode()))


def _scalar(tree: dict[str, Any], genre: int) -> dict[str, Any]:
    """Return a tree with one number of each leaf."""
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    vectors = np.array(tree["leaf_weights"]).reshape(
        -1, int(tree["tree_param"]["size_leaf_vector"])
    )
    values = vectors[:, genre] - vectors.mean(axis=1)
    leaves = left == -1
    conditions = np.array(tree["split_conditions"], float)
    # The right child of a leaf is the place of its vector.
    conditions[leaves] = values[right[leaves]]
    weights = np.zeros(len(left))
    weights[leaves] = conditions[leaves]
    ordinary = {name: value for name, value in tree.items() if name != "leaf_weights"}
    parents = np.array(tree["parents"])
    return ordinary | {
        "base_weights": weights.tolist(),
        "split_conditions": conditions.tolist(),
        "right_children": np.where(leaves, -1, right).tolist(),
        "parents": np.where(parents == -1, 2**31 - 1, parents).tolist(),
        "tree_param": {**tree["tree_param"], "size_leaf_vector": "1"},
    }

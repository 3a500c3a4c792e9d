"""One genre of trees that have a vector in their leaves, as trees that XGBoost can explain.

XGBoost gives no contributions for vector leaves. The trees of one genre are the same splits with
one number of each vector, and those it explains.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xgboost

__all__ = ["has_vector_leaves", "single"]


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

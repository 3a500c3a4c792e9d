"""What must hold of trees before XGBoost walks through them: it looks at nothing twice.

XGBoost trusts a model. A child that lies outside a tree, or above its parent, would let it read
memory that is not its own, or walk for ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from earmark.extract.errors import BundleError

__all__ = ["check"]


def check(model: dict[str, Any], inputs: int, genres: int) -> None:
    """Refuse trees that cannot be walked through.

    Parameters
    ----------
    model : dict
        In XGBoost's JSON.
    inputs, genres : int
        How many columns there are to split by, and genres to add to.

    Raises
    ------
    BundleError
        They are not whole.
    """
    booster = model["learner"]["gradient_booster"]
    if booster["name"] != "gbtree" or model["learner"]["objective"]["name"] != "multi:softprob":
        raise BundleError("its trees are of another kind than a model of genres has")
    trees, targets = booster["model"]["trees"], np.array(booster["model"]["tree_info"], int)
    if len(targets) != len(trees) or not ((targets >= 0) & (targets < genres)).all():
        raise BundleError("its trees belong to genres that it does not have")
    if not all(_whole(tree, inputs, genres) for tree in trees):
        raise BundleError("one of its trees is not whole: it is damaged, or was made to do harm")


def _whole(tree: dict[str, Any], inputs: int, genres: int) -> bool:
    left, right = np.array(tree["left_children"], int), np.array(tree["right_children"], int)
    count = len(left)
    names = ("right_children", "split_indices", "split_conditions", "split_type", "default_left")
    if not count or any(len(tree[name]) != count for name in names):
        return False
    inner = left != -1
    children = np.concatenate([left[inner], right[inner]])
    columns = np.array(tree["split_indices"], int)[inner]
    # Every node but the root is the child of one: then there are no circles but such as the root
    # cannot reach, and those of them would have no way in.
    if sorted(children) != list(range(1, count)) or not ((columns >= 0) & (columns < inputs)).all():
        return False
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        places = right[~inner]
        if int(tree["tree_param"]["size_leaf_vector"]) != genres:
            return False
        if not ((places >= 0) & (places < len(tree["leaf_weights"]) // genres)).all():
            return False
    starts, sizes = (np.array(tree[f"categories_{name}"], int) for name in ("segments", "sizes"))
    nodes = np.array(tree["categories_nodes"], int)
    return bool(
        len(starts) == len(sizes) == len(nodes)
        and ((starts >= 0) & (sizes >= 0) & (starts + sizes <= len(tree["categories"]))).all()
        and ((nodes >= 0) & (nodes < count)).all()
        and (np.array(tree["categories"], int) >= 0).all()
    )

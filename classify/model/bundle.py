"""A model on disk: a directory whose loading never runs code that it holds.

``model.ubj`` holds the trees in XGBoost's own format and ``bundle.json`` all that is needed to use
them, with the linear part in plain numbers. ``model.joblib`` and ``encoder.joblib`` are a courtesy
to those who work with scikit-learn directly; Earmark never opens them, because unpickling runs
whatever a stranger put there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classify.evaluation import report
from earmark.classify.model import genre_profiles as typicals
from earmark.classify.model import tree_check, ubjson
from earmark.classify.model.ensemble import Ensemble, softmax
from earmark.classify.model.linear import Linear
from earmark.extract import config, sets
from earmark.extract.errors import BundleError, SettingsError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import xgboost
    from numpy.typing import NDArray

    from earmark.extract.feature_table import FeatureTable

__all__ = ["DEFAULT", "PROTOCOL", "SHIPPED", "SPOTIFY", "Bundle", "copy", "load", "save"]

PROTOCOL = 3
"""Raised when a bundle has parts that older versions of Earmark do not know what to do with."""

READABLE = (1, 2, 3)
"""Protocols that are read. 1 had trees alone, without a temperature; 2 no typical values."""

DEFAULT = Path(__file__).parents[1] / "models" / "default"
"""The default model that ships with Earmark."""

SPOTIFY = DEFAULT.with_name("spotify")
"""The model of Spotify's table that ships with Earmark."""

SHIPPED = {path.name: path for path in (DEFAULT, SPOTIFY)}
"""Models that ship with Earmark, by the names that stand for their directories."""

MODEL, ABOUT, CARD = "model.ubj", "bundle.json", "MODEL_CARD.md"
PICKLES = ("model.joblib", "encoder.joblib")

KNOWN = frozenset({MODEL, ABOUT, CARD, *PICKLES, *report.FILES})
"""What there may be in the directory of a bundle."""

VECTOR_LEAVES, KNOWS_VECTORS = b"leaf_weights", (3, 2)
"""What only trees with vectors in their leaves have, and the XGBoost from which on they can be
used: older ones end the whole process over them."""


@dataclass(frozen=True)
class Bundle:
    """A trained model with what is needed to use it and to judge it.

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
        For inputs that audio files do not have, such as popularity: values to average over where
        they are missing, as many for each.
    learner : dict
        The parameters of the learner.
    metrics : dict
        What the evaluation gave.
    versions : dict
        Of Earmark and XGBoost.
    typical : dict
        What tracks of each genre measure (`earmark.classify.model.genre_profiles`); empty where
        nobody knows.
    """

    model: bytes = field(repr=False)
    genres: list[str]
    columns: list[str]
    inputs: list[str]
    set: str | None = None
    fingerprint: str | None = None
    windows: float | None = None
    column_versions: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    linear: dict[str, Any] | None = field(default=None, repr=False)
    linear_share: float = 0.0
    temperature: float = 1.0
    categories: dict[str, list[float]] = field(default_factory=dict)
    stand_ins: dict[str, list[float]] = field(default_factory=dict)
    learner: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    typical: typicals.Typical = field(default_factory=dict)

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
        return np.log(np.maximum(np.mean([softmax(own) for own in logits], axis=0), 1e-9))

    def filled(self, features: pd.DataFrame) -> list[NDArray[np.float32]]:
        """Return the inputs, once for each stand-in of what the features do not have.

        A model of Spotify's table knows popularity, and audio has none: what a model says of a
        track is then the mean of what it says for several popularities.
        """
        absent = [name for name in self.stand_ins if name not in features]
        known = features.reindex(columns=self.inputs)
        if not absent:
            return [known.to_numpy(np.float32)]
        draws = zip(*(self.stand_ins[name] for name in absent), strict=True)
        return [
            known.assign(**dict(zip(absent, draw, strict=True))).to_numpy(np.float32)
            for draw in draws
        ]

    def probabilities(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Return the probability of each genre, shape (rows, genres), for checked features."""
        return softmax(self.logits(features))

    def predict(self, table: pd.DataFrame | FeatureTable, *, top: int = 3) -> pd.DataFrame:
        """Return the most probable genres of each track; see `earmark.classify.score`."""
        from earmark.classify import score

        return score.predictions(self, table, top=top)

    def explain(self, table: pd.DataFrame | FeatureTable, *, top: int = 5) -> pd.DataFrame:
        """Return what spoke for and against each track's genre; see `earmark.classify.explain`."""
        from earmark.classify import explain

        return explain.explanations(self, table, top=top)


def save(bundle: Bundle, directory: Path, card: str, pickles: dict[str, Any] | None = None) -> None:
    """Write a bundle; the directory appears whole, in one step.

    Parameters
    ----------
    bundle : Bundle
        The model.
    directory : Path
        Where; a bundle that stands there is replaced, anything else refused.
    card : str
        The model card, Markdown.
    pickles : dict, optional
        Objects for scikit-learn users by file name.

    Raises
    ------
    WriteError
        Something else stands there, or the directory cannot be written.
    """
    about = {name: value for name, value in asdict(bundle).items() if name != "model"}
    about |= {"protocol": PROTOCOL, "sha256": hashlib.sha256(bundle.model).hexdigest()}
    with _appearing(directory) as temporary:
        (temporary / MODEL).write_bytes(bundle.model)
        (temporary / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        (temporary / CARD).write_text(card, encoding="utf-8")
        for name, value in (pickles or {}).items():
            import joblib

            # The leaves of most trees hold the same number for most genres.
            joblib.dump(value, temporary / name, compress=1)


def copy(source: Path, directory: Path) -> None:
    """Copy a bundle with its card and report; the directory appears whole, in one step.

    Raises
    ------
    WriteError
        Something else stands there, or the directory cannot be written.
    """
    with _appearing(directory) as temporary:
        for name in sorted(KNOWN):
            if (source / name).is_file():
                shutil.copyfile(source / name, temporary / name)


@contextlib.contextmanager
def _appearing(directory: Path) -> Iterator[Path]:
    """Yield a directory to fill, which then takes the place of another."""
    check_directory(directory)
    temporary = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
        temporary.chmod(0o755)
        yield temporary
        if directory.exists():
            _replace(temporary, directory)
        else:
            temporary.rename(directory)
    except OSError as error:
        raise WriteError(directory, f"cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)


def _replace(new: Path, old: Path) -> None:
    """Put one directory in the place of another; the old one is gone only when the new stands."""
    aside = Path(tempfile.mkdtemp(dir=old.parent, prefix=f".{old.name}.old."))
    old.rename(aside / old.name)
    new.rename(old)
    shutil.rmtree(aside)


def check_directory(directory: Path) -> None:
    """Refuse, before training, a place where a bundle cannot go.

    Raises
    ------
    WriteError
        Something other than a bundle stands there.
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise WriteError(directory, "is a file; name a directory for the model")
    others = sorted(entry.name for entry in directory.iterdir() if entry.name not in KNOWN)
    if others:
        raise WriteError(
            directory, f"holds other things than a model ({', '.join(others[:3])}); name a new one"
        )


def load(directory: str | Path) -> Bundle:
    """Read a bundle and check that its parts fit together.

    Parameters
    ----------
    directory : str or Path
        Where it is, or the name of one that ships with Earmark where nothing is called so.

    Raises
    ------
    BundleError
        A part is missing, damaged or inconsistent, or the protocol is not known here.
    """
    directory = Path(directory)
    if not directory.exists():
        directory = SHIPPED.get(str(directory), directory)
    for name in (ABOUT, MODEL):
        # A pipe, or a device without an end, would be waited for.
        if (directory / name).exists() and not (directory / name).is_file():
            raise BundleError(f"{directory}: {name} is no file")
    try:
        about = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        model = (directory / MODEL).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        name = Path(error.filename).name
        raise BundleError(
            f"{directory}: is no model (there is no {name} in it); train one with `earmark train`, "
            f"or name one that ships with Earmark: {', '.join(SHIPPED)}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{directory}: {ABOUT} cannot be read: {error}") from error
    if not isinstance(about, dict) or about.get("protocol") not in READABLE:
        found = about.get("protocol") if isinstance(about, dict) else None
        raise BundleError(
            f"{directory}: has protocol {found!r}, and this version of Earmark reads "
            f"{', '.join(map(str, READABLE))}; train the model again, or use the version that "
            "made it"
        )
    digest = about.pop("sha256", None)
    about.pop("protocol")
    if digest != hashlib.sha256(model).hexdigest():
        raise BundleError(
            f"{directory}: {MODEL} is not the one that {ABOUT} describes; it is damaged"
        )
    try:
        bundle = Bundle(model=model, **about)
        _check(bundle)
    except BundleError as error:
        raise BundleError(f"{directory}: {error}") from None
    except Exception as error:
        # XGBoost, like the constructor, has many ways to say that its input makes no sense.
        raise BundleError(f"{directory}: is inconsistent: {str(error).splitlines()[0]}") from error
    return bundle


def _check(bundle: Bundle) -> None:
    texts = (bundle.genres, bundle.columns, bundle.inputs)
    if not all(
        isinstance(names, list) and names and all(isinstance(name, str) for name in names)
        for names in texts
    ):
        raise BundleError("its genres, columns or inputs are no lists of names")
    if any(ord(sign) < 32 or 127 <= ord(sign) < 160 for name in bundle.genres for sign in name):
        raise BundleError("one of its genres holds signs that steer a terminal")
    for names in texts:
        twice = (
            sorted({name for name in names if names.count(name) > 1}) if len(names) < 5000 else []
        )
        if twice:
            raise BundleError(f"it names {twice[0]!r} twice")
    for name in (
        "column_versions",
        "settings",
        "metrics",
        "learner",
        "versions",
        "categories",
        "stand_ins",
        "typical",
    ):
        if not isinstance(getattr(bundle, name), dict):
            raise BundleError(f"its {name} are no table")
    if not all(isinstance(version, int) for version in bundle.column_versions.values()):
        raise BundleError("its column_versions are no whole numbers")
    for name in ("set", "fingerprint"):
        if not isinstance(getattr(bundle, name), str | None):
            raise BundleError(f"its {name} is no text")
    features = bundle.booster.num_features()
    outputs = json.loads(bundle.booster.save_config())["learner"]["learner_model_param"][
        "num_class"
    ]
    if features != len(bundle.inputs) or int(outputs) != len(bundle.genres):
        raise BundleError(
            f"its trees take {features} columns and give {outputs} genres, but it names "
            f"{len(bundle.inputs)} and {len(bundle.genres)}"
        )
    tree_check.check(ubjson.decode(bundle.booster.save_raw("ubj")), features, int(outputs))
    for name, known in (("inputs", bundle.columns), ("categories", bundle.inputs)):
        foreign = sorted(set(getattr(bundle, name)) - set(known))
        if foreign:
            raise BundleError(f"its {name} {', '.join(foreign[:5])} are not among its columns")
    for name, values in bundle.categories.items():
        if values != sorted(set(values)) or not np.isfinite(values).all():
            raise BundleError(f"the categories of {name} are no sorted numbers")
    typicals.check(bundle.typical, bundle.genres)
    if not set(bundle.stand_ins) <= set(bundle.inputs):
        raise BundleError(f"its stand-ins {sorted(bundle.stand_ins)} are not among its inputs")
    if len({len(values) for values in bundle.stand_ins.values()}) > 1 or not all(
        values and np.isfinite(values).all() for values in bundle.stand_ins.values()
    ):
        raise BundleError("its stand-ins are no lists of numbers of one length")
    share, temperature = float(bundle.linear_share), float(bundle.temperature)
    if not 0 <= share <= 1 or not 1e-3 <= temperature <= 1e3:
        raise BundleError(
            f"its linear share {bundle.linear_share} or its temperature {bundle.temperature} is "
            "out of range"
        )
    linear = bundle.ensemble.linear
    if (linear is None) != (bundle.linear_share == 0):
        raise BundleError("its linear part is there without a share, or the other way round")
    if linear is not None and len(linear.weights) != len(bundle.genres):
        raise BundleError(
            f"its linear part gives {len(linear.weights)} genres, but it names {len(bundle.genres)}"
        )
    if bundle.windows is not None and not 0 < float(bundle.windows) < 1e6:
        raise BundleError(f"its windows of {bundle.windows} s are none")
    if linear is not None and max(abs(linear.weights).max(), abs(linear.intercept).max()) > 1e6:
        raise BundleError("its linear part has weights beyond all measure")
    if bundle.set is not None:
        try:
            config.parse(bundle.settings, "its settings")
            sets.get(str(bundle.set_name))
        except SettingsError as error:
            raise BundleError(str(error)) from None
    if bundle.metrics:
        # What is shown of it must be there, and be numbers.
        report.summary(bundle.metrics)

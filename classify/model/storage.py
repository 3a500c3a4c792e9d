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
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from earmark.classify.model import genre_profiles, tree_check, ubjson
from earmark.classify.model.bundle import Bundle
from earmark.extract import config, sets, tables
from earmark.extract.errors import BundleError, SettingsError, WriteError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.classify.dataset.build import Dataset

__all__ = [
    "ABOUT",
    "CARD",
    "DEFAULT",
    "KNOWN",
    "LIGHT",
    "MODEL",
    "PICKLES",
    "PROTOCOL",
    "REPORT",
    "SHIPPED",
    "SPOTIFY",
    "check_directory",
    "check_replaced",
    "copy",
    "load",
    "save",
]

Form = TypeVar("Form", bound=Bundle)

PROTOCOL = 4
"""Raised when a bundle has parts that older versions of Earmark do not know what to do with."""

READABLE = (1, 2, 3, 4)
"""Protocols that are read. 1 had trees alone, without a temperature; 2 no typical values,
3 no least motion."""

DEFAULT = Path(__file__).parents[1] / "models" / "default"
"""The default model that ships with Earmark."""

LIGHT = DEFAULT.with_name("light")
"""The model of the hand-made descriptors alone that ships with Earmark: quicker, and less right."""

SPOTIFY = DEFAULT.with_name("spotify")
"""The model of Spotify's table that ships with Earmark."""

SHIPPED = {path.name: path for path in (DEFAULT, LIGHT, SPOTIFY)}
"""Models that ship with Earmark, by the names that stand for their directories."""

MODEL, ABOUT, CARD = "model.ubj", "bundle.json", "MODEL_CARD.md"
REPORT = ("report.html", "confusion.png", "genres.png", "calibration.png", "importance.png")
"""What a report consists of; the last picture is there only where importances are known."""

PICKLES = ("model.joblib", "encoder.joblib")

RENAMED = {"doubles": "duplicate_tracks"}
"""Metrics that older bundles have under another name."""

KNOWN = frozenset({MODEL, ABOUT, CARD, *PICKLES, *REPORT})
"""What there may be in the directory of a bundle."""


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


class GenreMetrics(BaseModel):
    """How well one genre is found; None where there is nothing to divide by."""

    model_config = ConfigDict(strict=True)

    tracks: int
    recall: float | None
    precision: float | None


class Metrics(BaseModel):
    """What is shown of an evaluation: these must be there, and be numbers; there may be more."""

    model_config = ConfigDict(extra="allow", strict=True)

    tracks: int
    commonest: float
    genres: dict[str, GenreMetrics]
    tested: int | None = None
    folds: int | None = None
    repeats: int | None = None
    groups: int | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    top_3: float | None = None
    top_5: float | None = None
    ece: float | None = None
    log_loss: float | None = None
    interval: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    spread: dict[str, float] = {}


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
        for part in [*temporary.iterdir(), temporary]:
            tables.settle(part)
        if directory.exists():
            _replace(temporary, directory)
        else:
            temporary.rename(directory)
        tables.settle(directory.parent)
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


def check_replaced(directory: Path, dataset: Dataset) -> None:
    """Refuse, before training, to replace a model by one that knows less or looks at other things.

    Parameters
    ----------
    directory : Path
        Where the model is to go.
    dataset : Dataset
        What it is to be trained on.

    Raises
    ------
    WriteError
        The model there was trained on more tracks, on another set, with other settings or windows,
        or knows other genres.
    """
    try:
        old = load(directory) if directory.exists() else None
    except BundleError:
        # What cannot be used is no loss.
        return
    if old is None:
        return
    about, tracks = dataset.about, int(dataset.tracks.nunique())
    lost = sorted(set(old.genres) - set(dataset.labels.dropna().astype(str)))
    more = int(old.metrics.get("tracks") or 0)
    if old.set != about.get("set"):
        reason = f"looks at the set {old.set}, not {about.get('set')}"
    elif old.set and dict(old.settings) != dict(about.get("settings") or {}):
        reason = "is of a table that was made with other settings"
    elif old.windows != about.get("windows"):
        reason = "is of a table with other rows (tracks, or windows of another length)"
    elif lost:
        reason = f"knows genres that the new one would not ({', '.join(lost[:5])})"
    elif more > tracks:
        reason = f"was trained on {more:,} tracks, and these are {tracks:,}"
    else:
        return
    raise WriteError(
        directory, f"holds a model already that {reason}; name another, or replace it with --force"
    )


def load(directory: str | Path, form: type[Form] = Bundle) -> Form:  # type: ignore[assignment]
    """Read a bundle and check that its parts fit together.

    Parameters
    ----------
    directory : str or Path
        Where it is, or the name of one that ships with Earmark where nothing is called so.
    form : type, optional
        The subclass of `Bundle` that is wanted.

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
    if isinstance(metrics := about.get("metrics"), dict):
        about["metrics"] = {RENAMED.get(name, name): value for name, value in metrics.items()}
    if digest != hashlib.sha256(model).hexdigest():
        raise BundleError(
            f"{directory}: {MODEL} is not the one that {ABOUT} describes; it is damaged"
        )
    try:
        bundle = TypeAdapter(form).validate_python(about | {"model": model})
        _check(bundle)
    except ValidationError as error:
        raise BundleError(f"{directory}: {_problem(error)}") from None
    except BundleError as error:
        raise BundleError(f"{directory}: {error}") from None
    except Exception as error:
        # XGBoost has many ways to say that its input makes no sense.
        raise BundleError(f"{directory}: is inconsistent: {str(error).splitlines()[0]}") from error
    return bundle


def _problem(error: ValidationError, prefix: str = "") -> str:
    """Say what the first problem is, and where."""
    first = error.errors(include_url=False)[0]
    where = ".".join([*([prefix] if prefix else []), *map(str, first["loc"])])
    what = str(first.get("ctx", {}).get("error", first["msg"]))
    given = first["input"]
    shown = f" (it is {given!r:.60})" if isinstance(given, str | int | float) else ""
    return printable(f"its {where}: {what}{shown}")


def _check(bundle: Bundle) -> None:
    """Refuse a bundle whose parts do not fit together."""
    for name, known in (("inputs", bundle.columns), ("categories", bundle.inputs)):
        foreign = sorted(set(getattr(bundle, name)) - set(known))
        if foreign:
            raise BundleError(f"its {name} {', '.join(foreign[:5])} are not among its columns")
    _check_trees(bundle)
    genre_profiles.check(bundle.typical, bundle.genres)
    if not set(bundle.stand_ins) <= set(bundle.inputs):
        raise BundleError(f"its stand-ins {sorted(bundle.stand_ins)} are not among its inputs")
    if len({len(values) for values in bundle.stand_ins.values()}) > 1:
        raise BundleError("its stand-ins are no lists of numbers of one length")
    _check_linear(bundle)
    if bundle.set is not None:
        try:
            config.parse(bundle.settings, "its settings")
            sets.get(str(bundle.set_name))
        except SettingsError as error:
            raise BundleError(str(error)) from None
    if bundle.metrics:
        try:
            Metrics.model_validate(bundle.metrics)
        except ValidationError as error:
            raise BundleError(_problem(error, "metrics")) from None


def _check_trees(bundle: Bundle) -> None:
    """Refuse trees that are not whole, or of other inputs or genres."""
    features = bundle.booster.num_features()
    learner = json.loads(bundle.booster.save_config())["learner"]
    outputs = int(learner["learner_model_param"]["num_class"])
    if features != len(bundle.inputs) or outputs != len(bundle.genres):
        raise BundleError(
            f"its trees take {features} columns and give {outputs} genres, but it names "
            f"{len(bundle.inputs)} and {len(bundle.genres)}"
        )
    tree_check.check(ubjson.decode(bundle.booster.save_raw("ubj")), features, outputs)


def _check_linear(bundle: Bundle) -> None:
    """Refuse a linear part without a share, of other genres, or with weights beyond all measure."""
    linear = bundle.ensemble.linear
    if (linear is None) != (bundle.linear_share == 0):
        raise BundleError("its linear part is there without a share, or the other way round")
    if linear is None:
        return
    if len(linear.weights) != len(bundle.genres):
        raise BundleError(
            f"its linear part gives {len(linear.weights)} genres, but it names {len(bundle.genres)}"
        )
    if max(abs(linear.weights).max(), abs(linear.intercept).max()) > 1e6:
        raise BundleError("its linear part has weights beyond all measure")

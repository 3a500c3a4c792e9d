"""Whether a table agrees with a model: its columns, their versions, the settings behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.extract import sets, tables
from earmark.extract.errors import SchemaError

if TYPE_CHECKING:
    from earmark.classify.model.bundle import Bundle
    from earmark.extract.feature_table import FeatureTable

__all__ = ["check"]


def check(bundle: Bundle, table: FeatureTable) -> None:
    """Refuse a table whose values are not those that the model was trained on.

    A model asks for the columns that it looks at and can't do without, in the version that it
    knows, and for nothing else.

    Raises
    ------
    SchemaError
        A column is missing or of another version, or other settings made the table.
    """
    needed = [name for name in bundle.inputs if name not in bundle.stand_ins]
    missing = [name for name in needed if name not in table.frame]
    if missing:
        known = {*bundle.columns, *bundle.stand_ins}
        unexpected = [name for name in sets.needed(bundle.set, table.columns) if name not in known]
        # Others are no fault, but say what may stand there under another name.
        parts = [
            f"{label} {len(names)} ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})"
            for label, names in (("missing", missing), ("unexpected", unexpected))
            if names
        ]
        raise SchemaError(
            f"{table.source} has other columns than the model: {'; '.join(parts)}. "
            f"{_remedy(bundle)}"
        )
    tables.check_scales(bundle.set, table.frame, table.source)
    if table.fingerprint in (None, bundle.fingerprint) or not bundle.fingerprint:
        return
    if difference := _difference(bundle, table):
        raise SchemaError(
            f"{table.source} was not extracted like the table that the model was trained on: "
            f"{difference}"
        )


def _difference(bundle: Bundle, table: FeatureTable) -> str | None:
    """Say what changes values in a table of another fingerprint, and what mends it."""
    expected, versions = bundle.column_versions, table.column_versions
    comparable = bool(expected and versions)
    # Where columns say their versions, the set may have got more of them since, or be joined with
    # another.
    names_of = _set_names if comparable else lambda versioned: {versioned}
    if table.set is not None and not names_of(str(bundle.set)) <= names_of(table.set):
        return f"set {table.set} (the model has {bundle.set}). {_remedy(bundle)}"
    settings = [
        f"{name} {value} (the model has {bundle.settings.get(name, 'none')})"
        for name, value in (table.provenance.get("settings") or {}).items()
        if value != bundle.settings.get(name)
    ]
    if settings:
        mending = "Extract again with the model's settings, or train on this table"
        return f"{', '.join(settings)}. {mending}."
    if not comparable:
        fingerprints = f"{table.fingerprint}, not {bundle.fingerprint}"
        return f"other versions ({fingerprints}). {_remedy(bundle)}"
    changed = {
        name: versions.get(name, 0) for name in expected if expected[name] != versions.get(name)
    }
    if not changed:
        return None
    listed = ", ".join(
        f"{name} of version {version} (the model has {expected[name]})"
        for name, version in [*changed.items()][:5]
    )
    older = all(version < expected[name] for name, version in changed.items())
    mending = f"Extract again with `earmark extract --set {bundle.set_name}`."
    more = ", …" if len(changed) > 5 else ""
    return f"{listed}{more}. {mending if older else _remedy(bundle)}"


def _set_names(versioned: str) -> set[str]:
    return set(versioned.rpartition("-")[0].split("+"))


def _remedy(bundle: Bundle) -> str:
    if not bundle.set:
        return "Train the model again on a table with these columns."
    remedy = (
        f"Make the table with `earmark extract --set {bundle.set_name}` of the version of Earmark "
        "that trained the model, or train the model again."
    )
    if bundle.set_name == "default+musicnn":
        remedy += " For tables of the set default there is the model light: `-m light`."
    return remedy

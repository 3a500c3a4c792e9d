"""A plan of tags as a file, to be looked at, edited, and carried out."""

from __future__ import annotations

import json
from pathlib import Path

from earmark.classify.library.tagging.changes import PLANNED, Change, FilePlan, Origin, Plan
from earmark.extract import tables
from earmark.extract.errors import SettingsError
from earmark.version import __version__

__all__ = ["load", "save"]

KIND = "plan of tags"

VERSION = 1


def save(plan: Plan, path: Path) -> None:
    """Write a plan as JSON, to be looked at, edited, and carried out.

    Raises
    ------
    WriteError
        The file cannot be written.
    """
    content = {
        "earmark": KIND,
        "version": VERSION,
        "by": __version__,
        "set": plan.origin.set,
        "model": plan.origin.model,
        "files": [
            {
                "path": file.path,
                "location": str(file.location),
                "sha256": file.sha256,
                **({"left": file.left} if file.left else {}),
                **({"notes": list(file.notes)} if file.notes else {}),
                "changes": [
                    {
                        "field": each.field,
                        "now": list(each.now),
                        "then": list(each.then),
                        "what": each.what,
                    }
                    for each in file.changes
                ],
            }
            for file in plan.files
        ],
    }
    with tables.atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def load(path: Path) -> Plan:
    """Read a plan that was saved, and perhaps edited.

    Raises
    ------
    SettingsError
        The file is not there, or no plan; the message says where.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: is no JSON ({error})") from error
    if not isinstance(content, dict) or content.get("earmark") != KIND:
        raise SettingsError(f"{path}: is no plan of `earmark tag --plan`")
    if content.get("version") != VERSION:
        raise SettingsError(
            f"{path}: is of version {content.get('version')}; plan again with this Earmark"
        )
    files = []
    for number, given in enumerate(content.get("files") or (), 1):
        try:
            files.append(_file_of(given))
        except (KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"{path}: file {number} of the plan: {error}") from error
    return Plan(tuple(files), Origin(content.get("set"), content.get("model")))


def _file_of(given: dict[str, object]) -> FilePlan:
    changes = []
    for each in given["changes"]:  # type: ignore[attr-defined]
        name, what = each["field"], each["what"]
        if name not in PLANNED:
            raise ValueError(f"there is no field {name!r}")
        if what not in ("add", "replace", "append", "keep"):
            raise ValueError(f"{name}: 'what' is {what!r}; add, replace, append or keep")
        for texts in (each["now"], each["then"]):
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise TypeError(f"{name}: 'now' and 'then' are lists of texts")
        changes.append(Change(name, tuple(each["now"]), tuple(each["then"]), what))
    texts = {name: given.get(name, "") for name in ("path", "location", "sha256", "left")}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["location"]:
        raise TypeError("path, location and sha256 are texts")
    return FilePlan(
        str(texts["path"]),
        Path(str(texts["location"])),
        str(texts["sha256"]),
        tuple(changes),
        str(texts["left"]),
    )

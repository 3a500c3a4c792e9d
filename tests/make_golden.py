"""Pin the values of the demo tracks: `python tests/make_golden.py` writes tests/golden.json.

It also pins the fingerprint of every feature set under the default settings, by name and version:
one that changes needs another version.

Run it after a descriptor was added, or after its version was raised because its values changed;
the difference that git then shows is what the change did.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np

import earmark
from earmark.extract import schema, sets
from earmark.extract.config import DEFAULTS

FINGERPRINTS = "fingerprints"
"""Beside the tracks, in tests/golden.json."""

SET = "default+musicnn"
"""Whose values are pinned."""

HERE = Path(__file__).parent
DEMO = HERE.parent / "data" / "raw"


def fingerprints() -> dict[str, str]:
    """Return the fingerprint of every feature set under the default settings."""
    schemas = (schema.of(name, DEFAULTS) for name in sets.SETS)
    return {entry.set: entry.fingerprint for entry in schemas}


def main() -> None:
    with (DEMO / "tracks.csv").open(encoding="utf-8") as file:
        names = sorted(row["path"] for row in csv.DictReader(file))
    golden: dict[str, dict[str, float | str | None]] = {
        name: {
            column: None if np.isnan(value) else float(f"{value:.6g}")
            for column, value in earmark.features(DEMO / name, set=SET).items()
        }
        for name in names
    }
    file = HERE / "golden.json"
    pinned = json.loads(file.read_text(encoding="utf-8")).get(FINGERPRINTS, {})
    current = fingerprints()
    changed = [name for name in current if pinned.get(name, current[name]) != current[name]]
    if changed:
        sys.exit(f"{', '.join(changed)} changed: raise the version in extract/sets.py first")
    golden[FINGERPRINTS] = pinned | current
    text = json.dumps(golden, indent=1) + "\n"
    file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""Pin the values of the demo tracks: `python tests/make_golden.py` writes tests/golden.json.

Run it after a descriptor was added, or after its version was raised because its values changed;
the difference that git then shows is what the change did.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

import earmark

HERE = Path(__file__).parent
DEMO = HERE.parent / "data" / "raw"


def main() -> None:
    with (DEMO / "tracks.csv").open(encoding="utf-8") as file:
        names = sorted(row["path"] for row in csv.DictReader(file))
    golden = {
        name: {
            column: None if np.isnan(value) else float(f"{value:.6g}")
            for column, value in earmark.features(DEMO / name).items()
        }
        for name in names
    }
    text = json.dumps(golden, indent=1) + "\n"
    (HERE / "golden.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

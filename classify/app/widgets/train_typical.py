"""Choose a track of each genre for the page By hand: in the middle of it, and found to be of it.

The table is not part of this project; what is kept of it are the values of one track a genre:

    python classify/app/widgets/train_typical.py ../shared/data/spotify/spotify_tracks.csv.gz

The middle of every column by itself is no track at all: with it, 5 of 114 genres were found.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

import earmark
from earmark.classify.app.widgets import form
from earmark.classify.dataset.build import CATEGORIES, SPOTIFY_EXTRAS

GENRE = "track_genre"

NEAREST = 500
"""Tracks of a genre that are looked at, those in its middle first."""

FARTHEST = 3.0
"""Ranges between the quartiles beyond which a value is not farther still."""


def main() -> None:
    """Choose the tracks and write their values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="Spotify's table of tracks")
    parser.add_argument("-o", "--output", type=Path, default=form.TYPICAL)
    arguments = parser.parse_args()
    found = chosen(pd.read_csv(arguments.table))
    lines = [f"{json.dumps(genre)}: {json.dumps(values)}" for genre, values in found.items()]
    arguments.output.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{len(found)} genres: {arguments.output}")


def chosen(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the values of a track of each genre that the model finds for one of its tracks."""
    model = earmark.load("spotify")
    fields = form.fields(model)
    columns = [name for name in fields if name not in SPOTIFY_EXTRAS]
    numbers = [name for name in columns if name not in CATEGORIES]
    away = table[numbers].astype(float)
    away = (away - away.median()) / (away.quantile(0.75) - away.quantile(0.25)).replace(0, 1)
    found = {}
    for genre in model.genres:
        own = away[table[GENRE] == genre]
        distances = ((own - own.median()).clip(-FARTHEST, FARTHEST) ** 2).sum(axis=1)
        near = distances.sort_values(kind="stable").index[:NEAREST]
        tracks = [
            {name: fields[name].fit(float(row[name])) for name in columns}
            for row in table.loc[near].to_dict("records")
        ]
        rows = pd.concat([form.row(model, values) for values in tracks])
        rows["path"] = [str(place) for place in range(len(rows))]
        right = np.flatnonzero(model.predict(rows)["genre"].to_numpy() == genre)
        if len(right):
            found[genre] = tracks[right[0]]
    return found


if __name__ == "__main__":
    main()

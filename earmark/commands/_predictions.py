"""Predictions, and what spoke for them, on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.commands._console import SHOWN, say
from earmark.commands._output import Format, show

if TYPE_CHECKING:
    import pandas as pd


WEAK = 0.3
"""Probability below which a genre gets a question mark."""

LEAST = 0.005
"""Probability below which another genre is not named: it would be one of 0 %."""


def show_predictions(found: pd.DataFrame) -> None:
    """Show the first predictions, a line for each, and how many there are of each genre."""
    import pandas as pd

    some = found.head(SHOWN)
    ranks = [
        int(name.removeprefix("genre_")) for name in map(str, found) if name.startswith("genre_")
    ]
    grid = pd.DataFrame({"track": some["path"]})
    grid["genre"] = list(map(marked, some["genre"], some["probability"]))
    grid["%"] = [f"{100 * chance:.0f}" if chance >= 0 else "" for chance in some["probability"]]
    grid["or"] = [
        ", ".join(
            f"{row[f'genre_{rank}']} {100 * row[f'probability_{rank}']:.0f}"
            for rank in ranks
            if row[f"probability_{rank}"] >= LEAST
        )
        if isinstance(row["genre"], str)
        else ""
        for row in some.to_dict("records")
    ]
    if "tags" in found:
        grid["tags"] = some["tags"].str.replace(";", ",")
    show(grid, Format.table)
    if len(found) > SHOWN:
        print(f"… and {len(found) - SHOWN} more")
    if len(found) > 1:
        print(counts(found["genre"]))


def counts(genres: pd.Series) -> str:
    """Return how many tracks there are of each genre, the most first.

    Examples
    --------
    >>> import pandas as pd
    >>> counts(pd.Series(["rock", "jazz", "rock", None]))
    'rock 2, jazz 1, no genre 1'
    """
    ranked = sorted(genres.value_counts().items(), key=lambda each: (-each[1], each[0]))
    named = [f"{genre} {count}" for genre, count in ranked]
    missing = int(genres.isna().sum())
    return ", ".join([*named, *([f"no genre {missing}"] if missing else [])])


def marked(genre: object, probability: float) -> str:
    """Return a genre with what says that it is weak, unsure or missing."""
    if not isinstance(genre, str):
        return "?" if probability >= 0 else "–"
    return f"{genre} ?" if probability < WEAK else genre


def show_doubts(found: pd.DataFrame, min_probability: float) -> None:
    """Count the tracks without a genre, and those whose genre is weak."""
    silent = found["probability"].isna()
    unsure = found["genre"].isna() & ~silent
    weak = found["genre"].notna() & (found["probability"] < WEAK)
    if silent.any():
        say(f"{silent.sum()} without a genre: silent, or shorter than a tenth of a second")
    if unsure.any():
        say(f"{unsure.sum()} without a genre: less probable than {min_probability:g}")
    if weak.any():
        say(f"{weak.sum()} with a question mark: less than {100 * WEAK:.0f} % sure")


def show_reasons(reasons: pd.DataFrame) -> None:
    """Show for each track what spoke for its genre and what against it, in words."""
    from earmark.classify.reasons import told

    for path, own in reasons.groupby("path", sort=False):
        print(f"{path}: {own['genre'].iloc[0]}")
        for sign, word in ((1, "for"), (-1, "against")):
            if found := told(own, sign):
                print(f"  {word:<8} {'; '.join(found)}")


def show_columns(reasons: pd.DataFrame) -> None:
    """Show for each track which descriptors spoke for its genre and which against it."""
    for path, own in list(reasons.groupby("path", sort=False))[:SHOWN]:
        print(f"{path}: {own['genre'].iloc[0]}")
        for sign, word in ((1, "for"), (-1, "against")):
            spoke = own[own["contribution"] * sign > 0]
            found = [
                f"{row.feature} {row.value:.3g} ({row.contribution:+.2f})"
                for row in spoke.itertuples()
            ]
            if found:
                print(f"  {word:<8} {', '.join(found)}")


def show_segments(segments: pd.DataFrame) -> None:
    """Show the genres of each track in order, each with when it begins."""
    for path, own in list(segments.groupby("path", sort=False))[:SHOWN]:
        print(path)
        for row in own.head(SHOWN).to_dict("records"):
            minutes, seconds = divmod(round(row["start"]), 60)
            chance = row["probability"]
            sure = f" {100 * chance:.0f} %" if chance >= 0 else ""
            print(f"  {minutes:3}:{seconds:02}  {marked(row['genre'], chance)}{sure}")
        if len(own) > SHOWN:
            print(f"  … and {len(own) - SHOWN} more")

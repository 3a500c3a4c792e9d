"""The pictures of a table and their words: what is drawn, what is not and why."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from earmark.classify.html import plotting
from earmark.classify.insights import chart, figures, heatmaps, page, plots
from earmark.classify.insights.picture import NAMES, Absent, Picture
from earmark.classify.insights.tracks import describe, read

PNG = b"\x89PNG\r\n\x1a\n"


def drawn(name, frame, **options):
    return figures.picture(name, describe(frame, **options))


def reason(name, frame, **options):
    found = drawn(name, frame, **options)
    assert isinstance(found, Absent)
    return found.reason


@pytest.mark.real_audio
@pytest.mark.parametrize(
    ("table", "tracks", "genres", "absent"),
    [
        (
            "spotify/echonest_fma.csv.gz",
            13129,
            0,
            {"popularity", "loudness-energy", "genres", "keys"},
        ),
        ("gtzan/features_30_sec.csv", 1000, 10, {"popularity", "loudness-energy", "keys"}),
    ],
)
@pytest.mark.slow
def test_other_peoples_tables(shared, table, tracks, genres, absent):
    found = read(shared / table)
    assert len(found.values) == tracks
    assert (0 if found.genres is None else found.genres.nunique()) == genres
    assert not {"track_id", "filename", "label"} & set(found.values)
    for name in absent:
        assert isinstance(figures.picture(name, found), Absent)
    assert isinstance(figures.picture("tempo", found), Picture)
    assert isinstance(figures.picture("correlations", found), Picture)


@pytest.fixture
def undrawn(monkeypatch):
    """Words alone: drawing takes the time, and is tested with tables that are odd."""
    for name in ("scatter", "tempo", "keys", "popularity", "missing"):
        monkeypatch.setattr(plots, name, lambda *_: chart.Drawn(b"", b"", b""))
    monkeypatch.setattr(heatmaps, "profile", lambda *_: chart.Drawn(b"", b"", b""))


@pytest.mark.usefixtures("undrawn")
def test_the_popularity_of_genres_is_that_of_tracks_that_have_one(invented):
    assert drawn("popularity", invented).caption.endswith("n = 36 tracks")
    invented.loc[6:11, "genre"] = None
    assert drawn("popularity", invented).caption.endswith("n = 30 tracks")


@pytest.mark.usefixtures("undrawn")
def test_titles_say_what_is_seen(invented):
    equals = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"
    titles = {
        name: drawn(name, invented).title
        for name in ("loudness-energy", "tempo", "keys", "genres", "popularity")
    }
    assert titles["loudness-energy"] == f"Loudness and energy rise together: r{equals}1.00"
    assert titles["tempo"] == "Half of the tracks lie between 70 and 160 BPM"
    assert titles["popularity"] == "metal and folk lead in mean popularity (61 and 21)"
    assert "tell the genres apart most" in titles["genres"]
    assert re.match(r"[A-G][♯♭]? major is the commonest key \(8\.3", titles["keys"])


@pytest.mark.parametrize(
    ("name", "missing", "why"),
    [
        ("popularity", "popularity", "no popularity in this table"),
        ("popularity", "genre", "no genre in this table"),
        ("loudness-energy", "energy", "no energy in this table"),
        ("genres", "genre", "no genre in this table"),
        ("tempo", "tempo", "no tempo in this table"),
        ("keys", "key", "no key in this table"),
    ],
)
def test_what_is_not_drawn_is_named(invented, name, missing, why):
    assert reason(name, invented.drop(columns=missing)) == why


@pytest.mark.parametrize("named", [12, 36])
def test_tracks_without_a_genre_are_counted_and_drawn(invented, named, monkeypatch):
    rows = []
    from matplotlib.axes import Axes

    scatter = Axes.scatter
    monkeypatch.setattr(
        Axes,
        "scatter",
        lambda self, x, *a, **k: (rows.append(np.size(x)), scatter(self, x, *a, **k))[1],
    )
    some = invented.assign(genre=invented["genre"].where(np.arange(len(invented)) % 36 < named))
    caption = drawn("loudness-energy", some).caption
    assert caption.startswith(
        "n = 36 tracks" if named == 36 else "n = 12 of 36 tracks with a genre; the others grey"
    )
    # All tracks lie under the coloured ones where some have no colour.
    assert (rows[0] == 36) == (named < 36)


@pytest.mark.usefixtures("undrawn")
def test_nothing_is_announced_of_three_tracks(invented):
    three = invented.iloc[[0, 1, 20]]
    assert drawn("loudness-energy", three).title == "Loudness and energy"
    assert not re.search(r"r\s=", drawn("loudness-energy", three).caption)
    assert "Half" not in drawn("tempo", three).title


def test_reasons_of_small_tables(invented):
    assert reason("correlations", invented.head(2)) == "no correlation in 2 tracks; it takes three"
    assert reason("genres", invented.head(12)).startswith("one genre only")
    assert reason("correlations", invented[["path", "energy"]]).startswith("fewer than two descr")
    assert (
        reason("distributions", invented[["path", "genre"]]) == "no column of numbers has a value"
    )
    assert reason("tempo", invented.assign(tempo=0.0)) == "no track has a tempo"
    assert reason(
        "loudness-energy",
        invented.assign(energy=[np.nan, *[1.0] * 35], loudness=[-3.0, *[np.nan] * 35]),
    ) == ("no track has both loudness and energy")
    assert reason("families", invented).startswith("all descriptors are in")


@pytest.mark.usefixtures("undrawn")
def test_what_is_missing(invented):
    invented.loc[:8, "energy"] = np.nan
    invented["tempo"] = [np.inf] * 18 + [100.0] * 18
    tracks = describe(invented)
    assert tracks.gaps[tracks.gaps > 0].to_dict() == {"energy": 0.25, "tempo": 0.5}
    assert tracks.notes == ["18 infinite values taken for missing"]
    assert np.isfinite(tracks.values["tempo"].dropna()).all()
    assert figures.picture("missing", tracks).title.startswith(
        "2 of 9 columns have gaps, tempo the most (50.0"
    )
    assert reason("missing", invented[["path", "genre"]]).startswith(
        "nothing is missing: all 2 col"
    )


@pytest.mark.usefixtures("undrawn")
def test_a_tempo_of_zero_and_a_key_of_minus_one_are_none(invented):
    invented.loc[:3, "tempo"] = 0.0
    invented.loc[:5, "key"] = -1
    assert drawn("tempo", invented).caption.endswith("4 tracks without a tempo")
    assert drawn("keys", invented).caption.endswith("6 tracks without a key")


ODD = {
    "one row": lambda frame: frame.head(1),
    "two rows": lambda frame: frame.head(2),
    "constant": lambda frame: frame.assign(energy=0.5, loudness=-3.0, tempo=120.0),
    "empty and infinite": lambda frame: frame.assign(
        energy=np.inf, loudness=[-np.inf, 1e300] * 18, key=np.nan, tempo=np.nan
    ),
    "tiny, huge, nearly constant, and categories that are none": lambda frame: frame.assign(
        energy=np.arange(36) * 1e-320,
        popularity=3e38,
        acousticness=1 + np.arange(36) * 1e-16,
        mode=7,
        key=99,
    ),
    "a genre per track": lambda frame: frame.assign(genre=frame["path"]),
    "odd types and names": lambda frame: (
        frame.rename(columns={"acousticness": "", "tempo": " "})
        .astype({"key": "Int64"})
        .assign(
            genre=np.arange(36) % 3,
            mode=pd.array([None] * 36, "Int64"),
            time_signature=3.5,
            a=1j,
            b=pd.Timestamp("2020-01-01"),
            c=[[1]] * 36,
            d=True,
        )
    ),
    "no numbers": lambda frame: frame[["path", "genre"]],
    "wide and constant": lambda frame: pd.DataFrame(np.ones((5, 70))).assign(genre=list("aabbc")),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.slow
def test_odd_tables_are_drawn_or_named(invented, kind):
    tracks = describe(ODD[kind](invented))
    made = list(figures.pictures(tracks))
    assert [found.name for found in made] == list(NAMES)
    assert all(
        found.png.startswith(PNG) if isinstance(found, Picture) else found.reason for found in made
    )
    assert page.render("t", [], made).startswith(b"<!DOCTYPE html>")


def test_pictures_are_the_same_for_the_same_table_and_differ_by_theme(invented):
    tracks = describe(invented)
    for name in ("loudness-energy", "genres"):
        light, again, dark = (
            figures.picture(name, tracks, theme).png for theme in ("light", "light", "dark")
        )
        assert light == again
        assert light != dark


def test_pictures_are_sharp_and_there_is_one_for_a_phone(invented):
    tracks = describe(invented)
    made = [found for found in figures.pictures(tracks) if isinstance(found, Picture)]
    assert len(made) >= 6
    for found in made:
        for svg, most in ((found.svg, 11.5), (found.narrow, 4)):
            root = ElementTree.fromstring(svg)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            # Its letters are 7 to 9 points high: on a page of that many inches they can be read.
            assert most - 1.5 <= plotting.size(svg)[0] / 72 <= most
            # No pixels, but for the scale of colours, in which none is seen.
            assert svg.count(b"<image") == (found.name in ("correlations", "genres"))
            # The page shows through.
            assert b"fill: #ffffff" not in svg.partition(b"axes_1")[0]
        assert found.title in found.alternative
        assert not pd.read_csv(io.BytesIO(found.data)).empty


def test_the_numbers_in_a_picture_are_those_of_the_table(invented):
    invented["genre"] = invented["genre"].replace("metal", "=metal")

    def numbers(name):
        return pd.read_csv(io.BytesIO(drawn(name, invented).data))

    tempo = numbers("tempo")
    assert tempo["tracks"].sum() == len(invented)
    first = tempo.iloc[0]
    assert first["tracks"] == invented["tempo"].between(*first[["from", "to"]], "left").sum()
    popularity = numbers("popularity").set_index("genre")
    # A spreadsheet runs no genre.
    expected = invented.groupby("genre")["popularity"].mean()
    np.testing.assert_allclose(popularity["mean"]["'=metal"], expected["=metal"], rtol=1e-5)
    matrix = numbers("correlations").set_index("descriptor")
    rho = invented["energy"].corr(invented["loudness"], "spearman")
    assert matrix.loc["energy", "loudness"] == pytest.approx(rho, rel=1e-4)
    shares = numbers("distributions").groupby("descriptor")["%"].sum()
    assert (shares > 95).all()
    assert (shares < 100.01).all()


def test_pictures_are_made_one_at_a_time(invented, monkeypatch):
    seen = []
    for name in NAMES:
        monkeypatch.setitem(
            figures.PICTURES, name, lambda tracks, theme, name=name: seen.append(name) or "no"
        )
    made = figures.pictures(describe(invented))
    next(made)
    assert seen == ["popularity"]


def test_there_are_as_many_colours_as_shapes():
    for ink in chart.INKS.values():
        assert len(set(ink.palette)) == plots.COLOURED

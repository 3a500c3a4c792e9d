"""What is in a table, as numbers, sentences and pictures; real tables first, then hostile ones."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import extract
from classify import charts, insights
from classify.insights import Absent, Picture
from extract import tables
from extract.errors import LabelError, SchemaError, WriteError

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def spotify(shared):
    """Spotify's table as a whole."""
    return insights.read(shared / "spotify" / "spotify_tracks.csv.gz")


@pytest.fixture(scope="module")
def some(shared):
    """The first rows of Spotify's table, as they are."""
    return pd.read_csv(shared / "spotify" / "spotify_tracks.csv.gz", nrows=200)


@pytest.fixture
def invented():
    """Tracks of three genres: loud ones have energy, quiet ones are acoustic."""
    random = np.random.default_rng(0)
    level = np.repeat([-20.0, -12.0, -5.0], 12) + random.normal(0, 1, 36)
    return pd.DataFrame(
        {
            "path": [f"{place}.mp3" for place in range(36)],
            "genre": np.repeat(["lullaby", "folk", "metal"], 12),
            "popularity": np.repeat([10, 20, 60], 12) + np.arange(36) % 3,
            "loudness": level,
            "energy": (level + 22) / 20,
            "acousticness": -level / 25,
            "tempo": np.repeat([70.0, 100.0, 160.0], 12),
            "key": np.arange(36) % 12,
            "mode": [1, 1, 1, 0] * 9,
        }
    )


def drawn(name, frame, **options):
    return insights.picture(name, insights.describe(frame, **options))


def reason(name, frame, **options):
    found = drawn(name, frame, **options)
    assert isinstance(found, Absent)
    return found.reason


# Real tables.


@pytest.mark.real_audio
def test_pop_film_and_k_pop_lead_on_spotifys_table(spotify):
    table = insights.mean_popularity(spotify)
    assert table.index[:2].tolist() == ["pop-film", "k-pop"]
    assert table["mean"].iloc[:2].round(1).tolist() == [59.7, 58.9]
    assert ((table["low"] < table["mean"]) & (table["mean"] < table["high"])).all()
    assert table["mean"].is_monotonic_decreasing
    # The interval of a mean, as the textbook has it, is nearly that of the bootstrap.
    own = spotify.values.loc[spotify.genres == "k-pop", "popularity"]
    low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), own.sem())
    assert table.loc["k-pop", ["low", "high"]].tolist() == pytest.approx([low, high], abs=0.15)


@pytest.mark.real_audio
def test_spotifys_table_in_pictures(spotify, tmp_path):
    made = list(insights.write(tmp_path / "new", spotify))
    titles = {found.name: found.title for found in made if isinstance(found, Picture)}
    assert titles["popularity"].startswith("pop-film and k-pop lead")
    energy, loudness = spotify.values["energy"], spotify.values["loudness"]
    r = stats.pearsonr(energy, loudness)[0]
    assert titles["loudness-energy"].endswith(
        f"rise together: r\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{r:.2f}"
    )
    assert "loudness and energy" in titles["correlations"]
    assert titles["tempo"] == "Half of the tracks lie between 100 and 140 BPM"
    assert titles["keys"].startswith("G major")
    absent = {found.name: found.reason for found in made if isinstance(found, Absent)}
    assert absent.keys() == {"families", "missing"}
    assert absent["missing"].startswith("nothing is missing: all 16 columns")
    files = {path.name for path in (tmp_path / "new").iterdir()}
    assert files == {"index.html", *(f"{name}.png" for name in titles)}
    for found in made:
        if isinstance(found, Picture):
            assert (tmp_path / "new" / f"{found.name}.png").read_bytes() == found.png
            assert found.png.startswith(PNG)
            # Wide enough to be read, and no wider than a page.
            assert 600 < int.from_bytes(found.png[16:20], "big") < 2000
            assert "69,9" in found.caption or "69,8" in found.caption or found.name == "genres"


@pytest.mark.real_audio
def test_rank_correlations_are_spearmans(spotify):
    values = spotify.values[["energy", "loudness", "explicit"]].head(3000)
    found = insights.rank_correlations(values)
    assert found.to_numpy() == pytest.approx(values.corr("spearman").to_numpy(), abs=1e-9)


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
def test_other_peoples_tables(shared, table, tracks, genres, absent):
    found = insights.read(shared / table)
    assert len(found.values) == tracks
    assert (0 if found.genres is None else found.genres.nunique()) == genres
    assert not {"track_id", "filename", "label"} & set(found.values)
    for name in absent:
        assert isinstance(insights.picture(name, found), Absent)
    assert isinstance(insights.picture("tempo", found), Picture)
    assert isinstance(insights.picture("correlations", found), Picture)


@pytest.mark.real_audio
def test_a_song_has_the_units_of_its_table(spotify, demo):
    assert spotify.units["loudness"] == "dB"
    assert (
        insights.describe(
            extract.table([demo / "jazz-120bpm-b-flat-major.wav"], set="spotify")
        ).units["loudness"]
        == "LUFS"
    )


def test_the_demo_tracks_with_their_genres(demo, monkeypatch, tmp_path):
    found = insights.demo()
    assert sorted(found.genres) == sorted(pd.read_csv(demo / "tracks.csv")["genre"])
    assert {"energy", "loudness", "tempo", "key_confidence"} <= set(found.values)
    # A wheel has no demo tracks.
    monkeypatch.setattr(insights, "DEMO", tmp_path)
    assert insights.demo() is None


def test_a_table_of_250_columns_in_windows(demo, tmp_path):
    table, windows = extract.tracks_and_windows([demo], windows=6)
    tables.write(windows, tmp_path / "windows.csv")
    found = insights.read(tmp_path / "windows.csv", str(demo / "tracks.csv"))
    assert (len(found.values), found.rows) == (6, len(windows))
    assert found.count == f"6 tracks (means of {len(windows)} windows)"
    own = windows[windows["path"] == table["path"].iloc[2]]
    place = windows["path"].drop_duplicates().tolist().index(own["path"].iloc[0])
    row = found.values.iloc[place]
    assert row["energy"] == pytest.approx(own["energy"].astype(float).mean(), abs=1e-6)
    assert row["tempo"] == pytest.approx(own["tempo"].astype(float).median(), abs=1e-4)
    assert row["mode"] in own["mode"].tolist()
    assert row["duration_ms"] == own["duration_ms"].sum()
    assert found.genres.nunique() == 6
    # Spotify's come first, the others stand for groups, and a picture more shows them all.
    assert len(found.principal) == insights.CHOSEN
    assert {"energy", "loudness", "tempo", "key"} <= set(found.principal)
    families = insights.picture("families", found)
    assert isinstance(families, Picture)
    assert "by families" in families.title


# Numbers.


def test_means_of_few_tracks_lead_nobody():
    frame = pd.DataFrame(
        {"genre": ["a"] * 6 + ["b"] * 6 + ["one"], "popularity": [1.0] * 6 + [2.0] * 6 + [99.0]}
    )
    assert insights.mean_popularity(insights.describe(frame)).index.tolist() == ["b", "a"]
    # Where no genre has more, all are shown.
    few = insights.mean_popularity(insights.describe(frame.iloc[[0, 6, 12]]))
    assert few["mean"].tolist() == [99.0, 2.0, 1.0]


def test_an_interval_knows_that_tracks_of_an_artist_are_alike():
    frame = pd.DataFrame({"genre": "x", "popularity": np.repeat([10.0, 50.0, 90.0, 30.0], 25)})
    alone = insights.mean_popularity(insights.describe(frame))
    owned = insights.mean_popularity(
        insights.describe(frame.assign(artist=np.repeat(list("abcd"), 25)))
    )
    width = [float((table["high"] - table["low"]).iloc[0]) for table in (alone, owned)]
    assert width[1] > 3 * width[0]


def test_correlations_take_the_rows_that_have_both():
    random = np.random.default_rng(1)
    values = pd.DataFrame(random.normal(size=(60, 3)), columns=list("abc"))
    values["d"] = 1.0
    values.iloc[::7, 0] = np.nan
    found = insights.rank_correlations(values)
    both = values[["a", "b"]].dropna()
    # Ranks are those of the whole column: nearly those among the rows that have both.
    assert found.loc["a", "b"] == pytest.approx(both.corr("spearman").iloc[0, 1], abs=0.02)
    assert found["d"].isna().all()
    assert found.loc["a", "a"] == 1


def test_what_separates_genres_comes_first(invented):
    tracks = insights.describe(invented)
    shares = insights.separation(tracks, ["mode", "energy", "key"])
    assert shares.index[0] == "energy"
    assert 0.85 < shares["energy"] <= 1
    assert shares.between(0, 1).all()


def test_a_profile_is_in_deviations_of_all_tracks(invented):
    tracks = insights.describe(invented)
    table = insights.profiles(tracks, ["energy", "mode"])
    assert table["energy"].idxmax() == "metal"
    assert table["energy"].idxmin() == "lullaby"
    # Every genre has as many in major: their means are the mean of all.
    assert table["mode"].abs().max() == pytest.approx(0)


def test_alike_genres_stand_side_by_side():
    random = np.random.default_rng(2)
    kinds = {"a1": 0, "b1": 9, "a2": 0.1, "b2": 9.1, "a3": 0.2}
    rows = [
        (genre, middle + random.normal(0, 0.5)) for genre, middle in kinds.items() for _ in range(8)
    ]
    tracks = insights.describe(pd.DataFrame(rows, columns=["genre", "x"]))
    order = insights.profiles(tracks, ["x"]).index.str[0].tolist()
    assert order in ([*"aaabb"], [*"bbaaa"])


def test_representatives_are_one_of_each_group():
    random = np.random.default_rng(3)
    base = random.normal(size=(200, 3))
    columns = {
        f"{letter}{copy}": sign * base[:, place] + random.normal(0, 0.1, 200)
        for place, letter in enumerate("abc")
        for copy, sign in enumerate((1, -1, 1))
    }
    matrix = insights.rank_correlations(pd.DataFrame(columns))
    assert sorted(name[0] for name in insights.representatives(matrix, 3)) == list("abc")
    assert insights.representatives(matrix, 0) == []
    assert len(insights.representatives(matrix, 99)) == 9


def test_families_of_columns():
    order, blocks = insights.family_blocks(
        ["tempo", "mfcc_00_mean", "mfcc_01_mean", "energy", "mfcc_00_std", "mfcc_01_std"]
        + [f"chroma{number}_var" for number in range(4)]
    )
    assert blocks == [(insights.ALONE, 0, 2), ("mfcc", 2, 6), ("chroma", 6, 10)]
    assert order[:3] == ["tempo", "energy", "mfcc_00_mean"]


def test_genres_in_colour_lie_apart():
    points = pd.DataFrame({"x": np.repeat([0.0, 0.1, 0.2, 9.0, 9.1], 20), "y": np.zeros(100)})
    genres = pd.Series(np.repeat(list("abcde"), 20))
    chosen = insights.apart(points, genres, 2)
    assert chosen[0] == "a"
    assert chosen[1] == "e"
    assert insights.apart(points, genres, 8) == list("abcde")


# Words.


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


def test_what_is_missing(invented):
    invented.loc[:8, "energy"] = np.nan
    invented["tempo"] = [np.inf] * 18 + [100.0] * 18
    tracks = insights.describe(invented)
    assert tracks.gaps[tracks.gaps > 0].to_dict() == {"energy": 0.25, "tempo": 0.5}
    assert tracks.notes == ["18 infinite values taken for missing"]
    assert np.isfinite(tracks.values["tempo"].dropna()).all()
    assert insights.picture("missing", tracks).title.startswith(
        "2 of 9 columns have gaps, tempo the most (50.0"
    )
    assert reason("missing", invented[["path", "genre"]]).startswith(
        "nothing is missing: all 2 col"
    )


def test_a_tempo_of_zero_and_a_key_of_minus_one_are_none(invented):
    invented.loc[:3, "tempo"] = 0.0
    invented.loc[:5, "key"] = -1
    assert drawn("tempo", invented).caption.endswith("4 tracks without a tempo")
    assert drawn("keys", invented).caption.endswith("6 tracks without a key")


# Where genres come from.


@pytest.mark.parametrize("column", ["genre", "track_genre", "genre_top", "label"])
def test_the_column_of_the_genre_is_found(invented, column):
    found = insights.describe(invented.rename(columns={"genre": column}))
    assert found.genres.nunique() == 3


def test_genres_from_predictions_and_from_named_columns(invented, tmp_path):
    predictions = invented[["path", "genre"]].iloc[::-1].assign(probability=0.5)
    predictions.to_csv(tmp_path / "predictions.csv", index=False)
    bare = invented.drop(columns="genre")
    tables.write(bare, tmp_path / "t.csv")
    found = insights.read(tmp_path / "t.csv", str(tmp_path / "predictions.csv"))
    assert found.genres.tolist() == invented["genre"].tolist()
    assert insights.read(tmp_path / "t.csv").genres is None
    renamed = bare.assign(style=invented["genre"])
    assert insights.describe(renamed, label="style").genres.nunique() == 3
    with pytest.raises(LabelError, match="has no column 'style'"):
        insights.describe(bare, label="style")


def test_how_sure_a_prediction_is_describes_no_sound(invented):
    sure = invented.assign(probability=0.5, probability_2=0.1, **{"Unnamed: 0": range(36)})
    assert insights.describe(sure).descriptors == insights.describe(invented).descriptors


def test_every_row_is_a_track_of_its_own(invented):
    # As in Spotify's table, where a track stands under each of its genres.
    double = pd.concat([invented, invented.assign(genre="again")])
    found = insights.describe(double)
    assert found.genres.value_counts()["again"] == 36
    assert insights.describe(invented.assign(path=None)).genres.nunique() == 3


def test_tracks_without_a_genre_are_told(invented):
    invented.loc[:9, "genre"] = None
    assert insights.describe(invented).notes == ["10 tracks of 36 without a genre"]
    none = insights.describe(invented.assign(genre=" "))
    assert none.genres is None
    assert none.notes == ["no track has a genre"]


# Hostile and odd tables: everything is drawn or named, and nothing warns.

HOSTILE = [
    "<script>alert(1)</script>",
    r"$\frac{a}{b}$",
    "🤘 horns",
    "音楽",
    "x" * 3000,
    "a\nb\x1b[31m",
    "\u202etxt.exe",
    "&amp;",
]


def test_hostile_names_are_text(invented, tmp_path):
    invented["genre"] = [HOSTILE[place % len(HOSTILE)] for place in range(36)]
    invented = invented.rename(columns={"acousticness": "音" * 4000, "mode": "<b>$x^2$</b>"})
    tracks = insights.describe(invented, where=tmp_path / "<i>t.csv")
    made = list(insights.write(tmp_path / "out", tracks))
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>$x" not in page
    assert "<i>t" not in page
    assert "&lt;i&gt;t.csv" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "\x1b" not in "".join(insights.findings(made))
    legend = {
        full for found in made if isinstance(found, Picture) for full in found.legend.values()
    }
    assert {"音楽", "🤘 horns"} <= legend


ODD = {
    "one row": lambda frame: frame.head(1),
    "two rows": lambda frame: frame.head(2),
    "constant": lambda frame: frame.assign(energy=0.5, loudness=-3.0, tempo=120.0),
    "empty and infinite": lambda frame: frame.assign(
        energy=np.inf, loudness=[-np.inf, 1e300] * 18, key=np.nan, tempo=np.nan
    ),
    "tiny, huge, and nearly constant": lambda frame: frame.assign(
        energy=np.arange(36) * 1e-320, popularity=3e38, acousticness=1 + np.arange(36) * 1e-16
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
    "categories that are none": lambda frame: frame.assign(mode=7, key=99),
    "no numbers": lambda frame: frame[["path", "genre"]],
    "wide and constant": lambda frame: pd.DataFrame(np.ones((5, 70))).assign(genre=list("aabbc")),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_tables_are_drawn_or_named(invented, kind):
    tracks = insights.describe(ODD[kind](invented))
    made = list(insights.pictures(tracks))
    assert [found.name for found in made] == list(insights.NAMES)
    assert all(
        found.png.startswith(PNG) if isinstance(found, Picture) else found.reason for found in made
    )
    assert insights.render("t", [], made).startswith(b"<!DOCTYPE html>")


def test_pictures_are_the_same_for_the_same_table_and_differ_by_theme(invented):
    tracks = insights.describe(invented)
    for name in ("loudness-energy", "genres", "distributions"):
        light, again, dark = (
            insights.picture(name, tracks, theme).png for theme in ("light", "light", "dark")
        )
        assert light == again
        assert light != dark


def test_pictures_are_made_one_at_a_time(invented, monkeypatch):
    seen = []
    for name in insights.NAMES:
        monkeypatch.setitem(
            insights.PICTURES, name, lambda tracks, theme, name=name: seen.append(name) or "no"
        )
    made = insights.pictures(insights.describe(invented))
    next(made)
    assert seen == ["popularity"]


# The directory.


def test_only_what_is_ours_is_replaced(invented, tmp_path):
    tracks, folder = insights.describe(invented), tmp_path / "out"
    list(insights.write(folder, tracks))
    assert (folder / "popularity.png").exists()
    list(insights.write(folder, insights.describe(invented.drop(columns="popularity"))))
    # A picture of the table before would be taken for one of this.
    assert not (folder / "popularity.png").exists()
    (folder / "thesis.tex").touch()
    with pytest.raises(
        WriteError, match=r"holds other things than pictures of a table \(thesis.tex\)"
    ):
        next(insights.write(folder, tracks))
    with pytest.raises(WriteError, match="is a file; name a directory"):
        insights.check_directory(folder / "thesis.tex")
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>My band</h1>")
    with pytest.raises(WriteError, match="holds other things"):
        insights.check_directory(site)


def test_a_run_that_stopped_leaves_a_directory_that_can_be_used_again(invented, tmp_path):
    tracks = insights.describe(invented)
    stopped = insights.write(tmp_path / "out", tracks)
    next(stopped)
    stopped.close()
    assert "Not finished" in (tmp_path / "out" / "index.html").read_text()
    assert len(list(insights.write(tmp_path / "out", tracks))) == len(insights.NAMES)


def test_a_dark_page_keeps_dark_pictures_as_they_are(invented):
    tracks = insights.describe(invented)
    made = [insights.picture("tempo", tracks, "dark")]
    assert 'class="wide dark"' in insights.render("t", [], made, "dark").decode()
    assert "img:not(.dark)" in insights.render("t", [], made, "light").decode()


# The command.


def test_the_command_draws_and_says_what_it_saw(earmark, invented, tmp_path):
    tables.write(invented.drop(columns="genre"), tmp_path / "t.parquet")
    invented[["path", "genre"]].to_csv(tmp_path / "labels.csv", index=False)
    status, out, err = earmark(
        *("insights", tmp_path / "t.parquet", "-o", tmp_path / "out"),
        *("--labels", tmp_path / "labels.csv", "--theme", "dark"),
    )
    assert (status, err) == (0, "")
    assert "36 tracks, 7 descriptors, 3 genres." in out
    assert "metal and folk lead in mean popularity" in out
    assert "not drawn: What is missing: nothing is missing" in out
    assert (tmp_path / "out" / "index.html").exists()


def test_the_command_refuses_in_a_sentence(earmark, invented, tmp_path):
    tables.write(invented, tmp_path / "t.csv")
    for table, error in (("none.csv", "does not exist"), ("t.csv", "holds other things")):
        status, out, err = earmark(
            "insights", tmp_path / table, "-o", tmp_path if table == "t.csv" else tmp_path / "new"
        )
        assert (status, out) == (1, "")
        assert error in err
    (tmp_path / "text.csv").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(SchemaError, match=r"text\.csv"):
        insights.read(tmp_path / "text.csv")


def test_there_are_as_many_colours_as_shapes():
    for ink in charts.INKS.values():
        assert len(set(ink.palette)) == charts.COLOURED

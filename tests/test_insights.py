"""The pictures of a table in a directory, the page, and the command that makes them."""

from __future__ import annotations

import pytest
from scipy import stats

from earmark.classify.insights import page as insights
from earmark.classify.insights.page import Absent, Picture
from earmark.extract import tables
from earmark.extract.errors import SchemaError, WriteError

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.real_audio
@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.fixture
def few(invented):
    """Tracks of which three pictures are made: enough for a directory."""
    return invented[["path", "tempo", "key"]]


@pytest.mark.slow
def test_only_what_is_ours_is_replaced(few, tmp_path):
    tracks, folder = insights.describe(few), tmp_path / "out"
    list(insights.write(folder, tracks))
    assert (folder / "keys.png").exists()
    list(insights.write(folder, insights.describe(few.drop(columns="key"))))
    # A picture of the table before would be taken for one of this.
    assert not (folder / "keys.png").exists()
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


def test_a_run_that_stopped_leaves_a_directory_that_can_be_used_again(few, tmp_path):
    tracks = insights.describe(few)
    stopped = insights.write(tmp_path / "out", tracks)
    next(stopped)
    stopped.close()
    assert "Not finished" in (tmp_path / "out" / "index.html").read_text()
    assert len(list(insights.write(tmp_path / "out", tracks))) == len(insights.NAMES)


def test_a_dark_page_keeps_dark_pictures_as_they_are(invented):
    tracks = insights.describe(invented)
    made = [insights.picture("tempo", tracks, "dark")]
    assert 'class="dark"' in insights.render("t", [], made, "dark").decode()
    assert "img:not(.dark)" in insights.render("t", [], made, "light").decode()


def test_the_command_draws_and_says_what_it_saw(cli, invented, tmp_path):
    tables.write(invented.drop(columns="genre"), tmp_path / "t.parquet")
    invented[["path", "genre"]].to_csv(tmp_path / "labels.csv", index=False)
    status, out, err = cli(
        *("insights", tmp_path / "t.parquet", "-o", tmp_path / "out"),
        *("--labels", tmp_path / "labels.csv", "--theme", "dark"),
    )
    assert (status, err) == (0, f"earmark: pictures and index.html: {tmp_path / 'out'}\n")
    assert "36 tracks, 7 descriptors, 3 genres." in out
    assert "metal and folk lead in mean popularity" in out
    assert "not drawn: What is missing: nothing is missing" in out
    assert (tmp_path / "out" / "index.html").exists()


def test_the_command_refuses_in_a_sentence(cli, invented, tmp_path):
    tables.write(invented, tmp_path / "t.csv")
    for table, error in (("none.csv", "does not exist"), ("t.csv", "holds other things")):
        status, out, err = cli(
            "insights", tmp_path / table, "-o", tmp_path if table == "t.csv" else tmp_path / "new"
        )
        assert (status, out) == (1, "")
        assert error in err
    (tmp_path / "text.csv").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(SchemaError, match=r"text\.csv"):
        insights.read(tmp_path / "text.csv")

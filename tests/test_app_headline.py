"""What is said of a track first: words alone, and what the tags of a file say of it."""

from __future__ import annotations

import io
import math

import plotly.graph_objects as go
import pytest
from PIL import Image

import earmark
from earmark.classify.app.jobs.about_file import COVER, about_file, cover
from earmark.classify.app.widgets import charts, headline, radar, theme
from earmark.extract.key_names import camelot, compatible

COVERAGE = {"0.0–0.3": [0.1, 0.31], "0.3–0.9": [0.5, 0.64], "0.9–1.0": [0.4, 0.94]}


@pytest.mark.parametrize(
    ("probability", "words", "share", "weak"),
    [
        (0.0, "A guess", "31 %", True),
        (0.29, "A guess", "31 %", True),
        (0.3, "Likely", "64 %", False),
        (0.9, "Very sure", "94 %", False),
        (1.0, "Very sure", "94 %", False),
    ],
)
def test_how_sure_a_genre_is_says_the_card(probability, words, share, weak):
    found = headline.certainty(probability, {"coverage": COVERAGE})
    assert (found.words, found.weak) == (words, weak)
    assert share in found.told
    assert "other collections" in found.told


def test_a_model_that_nobody_tried_elsewhere_says_so():
    found = headline.certainty(0.8, {"accuracy": 0.35})
    assert found.words == "Fairly sure"
    assert "35 %" in found.told
    assert "expect less" in found.told
    assert headline.certainty(0.2, {}).weak


@pytest.mark.parametrize("model", ["default", "light", "spotify"])
@pytest.mark.parametrize("probability", [0.0, 0.3, 0.55, 1.0])
def test_the_shipped_models_have_something_to_say(model, probability):
    assert headline.certainty(probability, earmark.load(model).metrics).told


def test_speech_is_called_speech():
    assert headline.is_speech(["speech", "rock"], {})
    assert headline.is_speech(["comedy", "rock"], {"speechiness": 0.95})
    assert not headline.is_speech(["rock", "speech"], {"speechiness": 0.95})
    assert not headline.is_speech(["rock"], {"speechiness": math.nan})
    assert not headline.is_speech([], {"speechiness": 0.95})


def test_facts_are_said_as_far_as_they_are_known():
    values = {"tempo": 127.6, "key": 9.0, "mode": 0.0, "energy": 0.8, "valence": 0.9}
    assert headline.facts(values, [("chillout", 0.3), ("chill", 0.2), ("rock", 0.1)]) == {
        "Tempo": "128 BPM",
        "Key": "A minor · 8A",
        "Energy": "high (0.80)",
        "Mood": "chilled, joyful",
    }
    nothing = {"tempo": math.nan, "key": -1.0, "mode": 1.0, "energy": math.nan}
    assert headline.facts(nothing, []) == {}


def test_the_wheel_is_that_of_camelot():
    """Around the circle of fifths from A flat minor and B major, as it is printed."""
    minor = (8, 3, 10, 5, 0, 7, 2, 9, 4, 11, 6, 1)
    major = (11, 6, 1, 8, 3, 10, 5, 0, 7, 2, 9, 4)
    for place in range(12):
        assert camelot(minor[place], 0) == f"{place + 1}A"
        assert camelot(major[place], 1) == f"{place + 1}B"
    assert camelot(0, math.nan) == camelot(math.nan, 1) == ""
    assert compatible("1A", "12A")
    assert not compatible("1A", "12B")


def picture(size=(900, 600), kind="JPEG"):
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind)
    return out.getvalue()


def tagged(path, data, sort):
    """Put a picture into a copy of a demo track."""
    mutagen = pytest.importorskip("mutagen")
    file = mutagen.File(path)
    if sort == "mp3":
        from mutagen.id3 import APIC, TALB

        file.tags.add(APIC(3, "image/jpeg", 3, "", data))
        file.tags.add(TALB(3, "The *album*"))
    elif sort == "flac":
        from mutagen.flac import Picture

        own = Picture()
        own.data, own.type = data, 3
        file.add_picture(own)
    else:
        file.tags["covr"] = [mutagen.mp4.MP4Cover(data)]
    file.save()
    return path


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("house-128bpm-a-minor.mp3", "mp3"),
        ("waltz-96bpm-f-major.flac", "flac"),
        ("metal-150bpm-e-minor.m4a", "m4a"),
    ],
)
def test_the_cover_in_a_file_is_drawn_anew_and_small(demo, tmp_path, name, sort):
    path = tmp_path / name
    path.write_bytes((demo / name).read_bytes())
    assert cover(path) == b""
    found = about_file(tagged(path, picture(), sort))
    assert found["artist"] == "Earmark demo"
    with Image.open(io.BytesIO(found["cover"])) as shown:
        assert (shown.format, shown.size) == ("PNG", (COVER, round(COVER * 2 / 3)))


@pytest.mark.parametrize("data", [b"", b"no picture", b"<svg onload=alert(1)>", picture()[:500]])
def test_a_damaged_cover_is_none(demo, tmp_path, data):
    path = tmp_path / "a.mp3"
    path.write_bytes((demo / "house-128bpm-a-minor.mp3").read_bytes())
    assert about_file(tagged(path, data, "mp3")) == {
        "title": "House in A minor",
        "artist": "Earmark demo",
        "album": "The *album*",
        "cover": b"",
    }


def test_a_file_without_tags_has_no_words(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"nothing")
    assert set(about_file(tmp_path / "a.mp3").values()) == {"", b""}


# --- Colours by night --------------------------------------------------------------------------


def contrast(one, other):
    """Return the contrast of two colours, as WCAG defines it."""

    def luminance(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return sum(
            weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
        )

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colours(chart):
    found = set()
    for trace in chart.data:
        for part in (trace.marker, getattr(trace, "line", None)):
            if part is not None and part.color is not None:
                found |= {part.color} if isinstance(part.color, str) else set(part.color)
    return found


def test_charts_have_colours_that_are_made_for_the_night():
    for colour in (*theme.BY_NIGHT, theme.OTHERS):
        assert contrast(colour, "#14171c") >= 4.5
    for chart in (
        charts.genres(["rock", "pop"], [0.6, 0.4]),
        charts.reasons([("a", 1.0, 0.5), ("b", 2.0, -0.1)]),
        radar.radar({"energy": 0.5, "tempo": 100.0}, {}),
        go.Figure(go.Scatter(y=[1], marker={"color": "#123456"})),
    ):
        by_day = colours(chart)
        assert colours(theme.recoloured(chart, "light")) == by_day
        by_night = colours(theme.recoloured(chart, "dark"))
        assert not by_night & {theme.PALETTE[0], theme.PALETTE[5]}
        assert len(by_night) == len(by_day)
        assert by_day - set(theme.PALETTE) == by_night - set(theme.BY_NIGHT)


def test_reasons_are_told_without_powers_of_ten_and_log_odds():
    chart = charts.reasons([("tempo_pattern_12", 30123.4, 0.5), ("loudness", -12.345, -0.2)])
    drawn = str(chart.to_dict())
    assert "log-odds" not in drawn
    assert "e+" not in drawn
    assert [list(row)[1:3] for row in chart.data[0].customdata] == [
        ["30,123", "for"],
        ["−12.3", "against"],
    ]

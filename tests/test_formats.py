"""The table of audio formats: what is searched for, recognised and played is said in one place."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.classify.app.files.sniff import sniff
from earmark.classify.app.widgets import player
from earmark.extract.audio import formats, mp3
from earmark.extract.audio.sources import AUDIO_SUFFIXES

SEARCHED = [
    ".wav",
    ".wave",
    ".mp3",
    ".mp2",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".aif",
    ".aiff",
    ".aifc",
    ".au",
    ".snd",
    ".caf",
    ".w64",
    ".rf64",
    ".m4a",
    ".m4b",
    ".mp4",
    ".aac",
    ".wma",
    ".ape",
    ".wv",
    ".tta",
    ".mpc",
    ".ac3",
    ".dts",
    ".mka",
    ".webm",
    ".3gp",
    ".amr",
    ".dsf",
    ".dff",
    ".voc",
    ".spx",
    ".ogx",
    ".eac3",
    ".ec3",
    ".m4p",
    ".m4r",
    ".mpga",
    ".mp1",
    ".adts",
    ".weba",
    ".mkv",
    ".mov",
    ".m4v",
    ".3g2",
    ".wmv",
    ".asf",
    ".rm",
    ".ra",
    ".thd",
    ".mlp",
    ".tak",
    ".shn",
]


def test_folders_are_searched_for_these_suffixes_and_no_others():
    assert sorted(SEARCHED) == sorted(AUDIO_SUFFIXES)


def test_every_suffix_and_every_name_stands_in_one_row():
    suffixes = [suffix for each in formats.FORMATS for suffix in each.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    names = [each.name for each in formats.FORMATS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", formats.FORMATS, ids=lambda row: row.name)
def test_every_format_can_be_recognised_and_its_magic_is_no_other(row):
    assert row.magic or row.check
    assert bool(row.mime) == bool(row.codecs)
    for magic in row.magic:
        head = bytearray(64)
        for offset, mark in magic.items():
            head[offset : offset + len(mark)] = mark
        if row.name == "WebM":
            head[40:44] = b"webm"
        assert formats.identify(bytes(head)) is row
        assert sniff(io.BytesIO(head)) == (row, "")


def test_the_player_serves_what_browsers_play_under_its_type_and_nothing_else():
    played = {suffix: row.mime for row in formats.FORMATS if row.codecs for suffix in row.suffixes}
    assert played == player.TYPES
    assert set(played.values()) == {
        f"audio/{name}" for name in ("mpeg", "flac", "ogg", "wav", "mp4", "webm", "aac")
    }
    assert {
        "." + name
        for name in ["aac", "flac", "m4a", "mp3", "mp4", "oga", "ogg", "opus", "wav", "webm"]
    } <= set(played)


def test_a_format_is_one_row(monkeypatch):
    row = formats.AudioFormat("New", (".new",), ({0: b"NEWFORMAT"},))
    assert formats.identify(b"NEWFORMAT" + bytes(60)) is None
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, row))
    assert sniff(io.BytesIO(b"NEWFORMAT" + bytes(60))) == (row, "")


@given(st.binary(max_size=40))
def test_any_beginning_is_of_one_format_or_none(head):
    row = formats.identify(head)
    assert row is None or row.matches(head)
    assert (row is formats.MP3) <= mp3.begins(head)

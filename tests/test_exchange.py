"""XML for DJ programs, held against what their makers say of it.

Rekordbox: "rekordbox xml format list" of its makers (rekordbox.com/en/support/developer), restated
at pyrekordbox.readthedocs.io/en/stable/formats/xml.html. iTunes: how Mixxx reads it
(src/library/itunes/itunesxmlimporter.cpp): in the order in which it stands, names first.
"""

from __future__ import annotations

import plistlib
import unicodedata
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd
import pytest

from earmark.classify.library import exchange


def whole(text):
    return int(text) >= 0


def decimal(text):
    return float(text) >= 0


ELEMENTS = {
    "DJ_PLAYLISTS": {"Version": str},
    "PRODUCT": {"Name": str, "Version": str, "Company": str},
    "COLLECTION": {"Entries": whole},
    "COLLECTION/TRACK": {
        **dict.fromkeys(("TrackID", "Name", "Artist", "Composer", "Album", "Grouping"), str),
        **dict.fromkeys(("Genre", "Kind", "Comments", "Location", "Remixer", "Tonality"), str),
        **dict.fromkeys(("Label", "Mix", "DateModified", "DateAdded", "LastPlayed", "Colour"), str),
        **dict.fromkeys(("Size", "DiscNumber", "TrackNumber", "Year", "BitRate"), whole),
        **dict.fromkeys(("PlayCount", "Rating", "TotalTime"), whole),
        **dict.fromkeys(("AverageBpm", "SampleRate"), decimal),
    },
    "PLAYLISTS": {},
    "NODE 0": {"Type": whole, "Name": str, "Count": whole},
    "NODE 1": {"Type": whole, "Name": str, "KeyType": whole, "Entries": whole},
    "NODE/TRACK": {"Key": whole},
}
"""Elements, the attributes that the description names, and of what type they are."""

OPTIONAL = set(ELEMENTS["COLLECTION/TRACK"]) - {"TrackID", "Location"}
"""Every other attribute has to be there: without a location, "essential for each", no track is."""

ROWS = pd.DataFrame(
    {
        "path": ["a b/Ü & <1>.mp3", "2.flac", "3.ogg", "4.wav"],
        "title": ["Öl", "'Two'", None, ""],
        "artist": ["Ana & Bo", None, '"', None],
        "album": ["One", None, None, None],
        "genre": ["techno", "house", None, "house"],
        "year": ["1987-05-01", "2001", "unknown", None],
        "duration_ms": [61_400.0, None, 2000, 0],
        "tempo": [128.04, float("nan"), 90, 174.996],
        "key": [9, None, 0, -1],
        "mode": [0, 1, 1, 1],
    }
)


def kind(parent, element):
    if element.tag == "TRACK":
        return f"{'COLLECTION' if parent.tag == 'COLLECTION' else 'NODE'}/TRACK"
    return f"NODE {element.get('Type')}" if element.tag == "NODE" else element.tag


def checked(parent, element):
    """Hold an element, and all below it, against the description."""
    name = kind(parent, element)
    declared = ELEMENTS[name]
    assert set(element.attrib) <= set(declared), name
    assert set(declared) - OPTIONAL <= set(element.attrib), name
    for attribute, value in element.attrib.items():
        assert value or attribute in ("Company", "Version"), (name, attribute)
        assert declared[attribute](value) not in (False, None), (name, attribute, value)
    for below in element:
        checked(element, below)


@pytest.fixture
def collection(tmp_path):
    tracks = exchange.entries(ROWS)
    text = exchange.rekordbox({"all": tracks, "house": [tracks[1], tracks[3]]}, tmp_path, "1.0")
    return ElementTree.fromstring(text.encode("utf-8"))


def test_rekordbox_has_every_element_as_its_makers_describe_it(collection):
    assert collection.tag == "DJ_PLAYLISTS"
    assert collection.get("Version") == "1.0.0"
    assert [part.tag for part in collection] == ["PRODUCT", "COLLECTION", "PLAYLISTS"]
    checked(None, collection)
    tracks = collection.find("COLLECTION")
    numbers = [track.get("TrackID") for track in tracks]
    assert int(tracks.get("Entries")) == len(tracks) == len(set(numbers)) == 4
    (root,) = collection.find("PLAYLISTS")
    assert (root.get("Type"), root.get("Name"), int(root.get("Count"))) == ("0", "ROOT", len(root))
    for node in root:
        assert (node.get("Type"), node.get("KeyType")) == ("1", "0")
        assert int(node.get("Entries")) == len(node)
        assert {track.get("Key") for track in node} <= set(numbers)


def test_rekordbox_gets_numbers_in_its_units_and_nothing_for_what_is_unknown(collection):
    first, second, third, last = (dict(track.attrib) for track in collection.find("COLLECTION"))
    assert (first["TotalTime"], first["AverageBpm"], first["Year"]) == ("61", "128.04", "1987")
    assert (first["Name"], first["Artist"], first["Tonality"]) == ("Öl", "Ana & Bo", "Am")
    assert not {"TotalTime", "AverageBpm", "Tonality", "Artist"} & set(second)
    assert (third["Name"], third["Artist"]) == ("3", '"')
    assert "Year" not in third
    assert (last["AverageBpm"], last["TotalTime"]) == ("175.00", "0")
    assert "Tonality" not in last


NAMES = [
    *("plain.mp3", "two words.mp3", "Käse Ü ß.mp3", "a#b.mp3", "100%.mp3", "100%20.mp3", "a?b.mp3"),
    *("a&b;c=d+e.mp3", 'it\'s "so".mp3', "[x] (y) {z}.mp3", "日本語.mp3", "💿.mp3", "a,b!$@~.mp3"),
    unicodedata.normalize("NFD", "é.mp3"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("folder", ["/music/a b", "/Músíc #1 100%"])
def test_a_location_is_the_address_of_the_file_and_leads_back_to_it(name, folder):
    path = f"{folder}/{name}"
    tracks = exchange.entries(pd.DataFrame({"path": [path]}))
    xml = ElementTree.fromstring(exchange.rekordbox({"x": tracks}, Path("/"), "1"))
    location = xml.find("COLLECTION/TRACK").get("Location")
    read = plistlib.loads(exchange.itunes({"x": tracks}, Path("/")).encode())
    assert read["Tracks"]["1"]["Location"] == location
    assert location.startswith("file://localhost/")
    assert location.isascii()
    # What ends a path in an address, or breaks it, is written as a number.
    assert not set(location.removeprefix("file://")) & set(' #?<>"{}|\\^`[]')
    assert unquote(location.removeprefix("file://localhost")) == path
    # Mixxx takes the host off what its library makes of the address, and nothing else.
    assert f"//localhost{path}".replace("//localhost", "") == path


@pytest.mark.parametrize("name", [name for name in NAMES if not set(name) & set('?"')])
def test_a_location_on_a_drive_of_windows_has_its_letter(name):
    path = f"D:\\Müsic\\a b\\{name}"
    tracks = exchange.entries(pd.DataFrame({"path": [path]}))
    xml = ElementTree.fromstring(exchange.rekordbox({"x": tracks}, Path("/"), "1"))
    location = xml.find("COLLECTION/TRACK").get("Location")
    assert location.startswith("file://localhost/D:/M%C3%BCsic/a%20b/")
    assert PureWindowsPath(unquote(location.removeprefix("file://localhost/"))) == PureWindowsPath(
        path
    )


def test_what_mixxx_reads_stands_in_the_order_in_which_it_reads():
    tracks = exchange.entries(ROWS)
    text = exchange.itunes({"a & b": tracks, "two": tracks[:1]}, Path("/"))
    root = ElementTree.fromstring(text.encode())
    keys = [each.text for each in root.find("dict").findall("key")]
    # The lists are looked for after the tracks.
    assert keys.index("Tracks") < keys.index("Playlists")
    for held in root.findall("dict/array/dict"):
        own = [each.text for each in held.findall("key")]
        assert own.index("Name") < own.index("Playlist ID") < own.index("Playlist Items")
        assert len(held.find("array")) > 0
    read = plistlib.loads(text.encode())
    assert read["Tracks"]["1"] == {
        **{"Track ID": 1, "Name": "Öl", "Artist": "Ana & Bo", "Album": "One", "Genre": "techno"},
        **{"Year": 1987, "Total Time": 61_000, "BPM": 128, "Track Type": "File"},
        "Location": "file://localhost/a%20b/%C3%9C%20%26%20%3C1%3E.mp3",
    }
    ids = [each["Playlist ID"] for each in read["Playlists"]]
    assert len(set(ids) | {track["Track ID"] for track in read["Tracks"].values()}) == 6


def test_only_what_was_made_here_is_ours():
    tracks = exchange.entries(ROWS)
    made = [
        exchange.xspf(tracks, "x"),
        exchange.rekordbox({"x": tracks}, Path("/"), "1"),
        exchange.itunes({"x": tracks}, Path("/")),
    ]
    assert all(exchange.is_ours(text[:1000]) for text in made)
    assert all("<!--" not in text for text in made[1:])
    for text in made:
        assert not exchange.is_ours(text.replace("Earmark", "Other").replace("EARMARK", "OTHER"))

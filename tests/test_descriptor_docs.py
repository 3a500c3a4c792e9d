"""The page of every descriptor: that it is there, says what it must, and equals its declaration."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark.extract import descriptor_docs, measurements, sets
from earmark.extract.config import DEFAULTS
from earmark.extract.docstrings import Text
from earmark.extract.engine import registry
from earmark.extract.engine.registry import Column
from earmark.extract.errors import FindError

ENTRIES = descriptor_docs.described()
NAMES = [entry.name for entry in ENTRIES]

FIGURES = {
    "rows": [
        {
            "descriptor": "tempo",
            "measure": "within 4 %",
            "truth": "clips that people tapped to",
            "n": 1234,
            "ours": 0.7432,
            "low": 0.6612,
            "high": 0.8201,
            "others": {"librosa": 0.5841, "another": 12.345},
        },
        {
            "descriptor": "tempo_confidence",
            "measure": "area",
            "truth": "the same",
            "n": 12,
            "ours": 0.5,
            "remark": "unknown to the pages",
        },
        {"descriptor": "key", "measure": "score", "truth": "keys", "n": 86, "ours": 0.7},
    ],
    "earmark": "0",
    "made_by": "python benchmarks/example.py",
}


def sample(stats=("mean",), **declared):
    """Return a descriptor that is not registered."""

    def rumble(block):
        """How much it rumbles | in a line.

        Like a lorry.

        Sum of the lows:

            r = low / all

        Second part.

        Parameters
        ----------
        block : Block
            Not for the page.

        Notes
        -----
        No thunder.

        References
        ----------
        Doe, "On rumble",
        1999.

        Roe, "More of it", 2001.
        """

    fields = {
        "name": "rumble",
        "function": rumble,
        "kind": "frame",
        "unit": "dB",
        "range": (-np.inf, 3.0),
        "stats": stats,
        "values": (),
        "size": None,
        "needs": (),
        "sets": ("default",),
        "version": 7,
    }
    return replace(registry.get("spectral_flux"), **(fields | declared))


def test_every_descriptor_of_every_set_has_a_page_and_nothing_else_has():
    members = {
        entry.name
        for known in sets.SETS.values()
        if isinstance(known, sets.DescriptorSet)
        for entry in known.descriptors
    }
    assert set(NAMES) == members
    assert set(descriptor_docs.generate()) == {f"{name}.md" for name in members} | {"README.md"}


def test_the_pages_in_the_repository_are_those_that_would_be_made():
    written = {
        path.name: path.read_text(encoding="utf-8") for path in descriptor_docs.FOLDER.iterdir()
    }
    assert written == descriptor_docs.generate(), "run `python -m earmark.extract.descriptor_docs`"


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_a_page_says_all_that_it_must(entry):
    said = descriptor_docs.text(entry)
    assert said.summary.endswith(".")
    assert said.meaning, "a paragraph for listeners is missing"
    assert said.method, "definition and method are missing"
    assert said.limits, "Notes that say what it is not are missing"
    assert said.references, "References are missing"
    written = descriptor_docs.page(entry)
    for column in entry.columns(DEFAULTS):
        if not re.search(r"_\d\d", column.name):
            assert f"| `{column.name}` | {column.unit or '–'} |" in written
    assert ("**An estimate**" in written) == descriptor_docs.is_estimate(entry)


def test_what_is_guessed_is_called_an_estimate_and_what_is_measured_is_not():
    spotify = sets.get("spotify").descriptors
    guessed = {entry.name for entry in spotify if descriptor_docs.is_estimate(entry)}
    assert guessed == {entry.name for entry in spotify} - {"duration_ms", "loudness"}
    assert not descriptor_docs.is_estimate(registry.get("spectral_centroid"))


def test_all_links_lead_to_a_page():
    generated = descriptor_docs.generate()
    for name, content in generated.items():
        for target in re.findall(r"\]\(([^)]+)\)", content):
            assert target in generated, f"{name} links to {target}"


def test_a_docstring_is_taken_apart():
    said = descriptor_docs.text(sample())
    assert said.summary == "How much it rumbles | in a line."
    assert said.meaning == "Like a lorry."
    assert said.method.startswith("Sum of the lows:\n\n    r = low / all\n\nSecond part.")
    assert said.limits == "No thunder."
    assert said.references == ('Doe, "On rumble",\n1999.', 'Roe, "More of it", 2001.')


def test_a_single_paragraph_is_the_method_and_no_docstring_gives_empty_parts():
    def brief(block):
        """Brief.

        Only this.
        """

    said = descriptor_docs.text(sample(function=brief))
    assert (said.meaning, said.method) == ("", "Only this.")

    def silent(block):
        pass

    assert descriptor_docs.text(sample(function=silent)) == Text()


def test_the_columns_on_a_page_are_those_of_the_declaration():
    page = descriptor_docs.page(sample(stats=("mean", "std"), size=3))
    assert "| `rumble_00_mean` … `rumble_02_mean` (3) | dB | 3 or less | 7 |" in page
    assert "| `rumble_00_std` … `rumble_02_std` (3) | dB | 0 or more | 7 |" in page
    assert "Not for the page" not in page
    two = (Column("rumble", "", (0, 1)), Column("roar", "Hz", (0, np.inf)))
    page = descriptor_docs.page(sample(kind="track", values=two, sets=("a", "b", "c")))
    assert "| `rumble` | – | 0 to 1 | 1 |\n| `roar` | Hz | 0 or more | 1 |" in page
    assert "In the feature sets `a`, `b` and `c`." in page


def test_a_bar_in_a_text_does_not_end_a_cell():
    assert r"How much it rumbles \| in a line." in descriptor_docs.index([sample()])


def test_what_has_no_page_is_told_of_where_it_is_needed():
    page = descriptor_docs.page(registry.get("mfcc"))
    assert "- `mel_level` (dB): Levels of the mel bands" in page
    assert "- `mel_db` (dB): Power in mel bands" in page
    assert "[mfcc](mfcc.md)" in descriptor_docs.page(registry.get("valence"))


def test_figures_stand_on_the_page_of_their_descriptor(tmp_path):
    path = tmp_path / "measured.json"
    path.write_text(json.dumps(FIGURES), encoding="utf-8")
    page = descriptor_docs.page(registry.get("tempo"), *measurements.read(path))
    assert "| measure | truth | n | Earmark | 95 % interval | others |" in page
    assert (
        "| within 4 % | clips that people tapped to | 1,234 | **0.743** | 0.661 to 0.820 "
        "| librosa 0.584, another 12.3 |" in page
    )
    assert "| `tempo_confidence`: area | the same | 12 | **0.500** | – | – |" in page
    assert "Measured by `python benchmarks/example.py`." in page
    assert "keys" not in page
    assert "Not measured" not in page


def test_a_page_without_figures_says_why(tmp_path):
    assert measurements.read(tmp_path / "none.json") == ((), "")
    assert "Not measured yet." in descriptor_docs.page(registry.get("valence"))
    assert "Defined, not estimated" in descriptor_docs.page(registry.get("spectral_flux"))


def test_figures_in_the_repository_are_of_descriptors_that_there_are():
    measured, _ = measurements.read()
    known = {*NAMES, *(column.name for entry in ENTRIES for column in entry.columns(DEFAULTS))}
    assert {row.descriptor for row in measured} <= known


def test_pages_are_written_and_those_of_what_is_no_more_removed(tmp_path):
    (tmp_path / "gone.md").write_text("old")
    (tmp_path / "tempo.md").write_text("old")
    descriptor_docs.write(tmp_path)
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert written == descriptor_docs.generate()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("tempo", "tempo"),
        ("tempo_confidence", "tempo"),
        ("mode", "key"),
        ("mfcc_03_std", "mfcc"),
        ("Spectral Centroid", "spectral_centroid"),
        ("spectral-flux", "spectral_flux"),
    ],
)
def test_a_page_is_found_by_the_name_of_a_descriptor_or_a_column(given, found):
    assert descriptor_docs.find(given).startswith(f"# {found}\n")


def test_a_name_that_is_not_known_gets_those_that_are_alike():
    with pytest.raises(FindError, match=r"tempi: is neither a file .* did you mean tempo"):
        descriptor_docs.find("tempi")
    with pytest.raises(FindError, match=r"the descriptors are .*valence"):
        descriptor_docs.find("xyz")


def test_the_command_line_shows_a_page(cli):
    status, out, err = cli("info", "danceability")
    assert (status, err) == (0, "")
    assert out == descriptor_docs.find("danceability")


def test_the_command_line_names_what_is_alike(cli):
    status, out, err = cli("info", "dancability")
    assert (status, out) == (1, "")
    assert "did you mean danceability" in err


def test_a_file_comes_before_a_descriptor_of_the_same_name(cli, demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recording = sorted(Path(demo).glob("*.flac"))[0]
    Path("tempo").write_bytes(recording.read_bytes())
    status, out, _ = cli("info", "tempo")
    assert status == 0
    assert out.startswith("duration_ms ")


def test_the_module_writes_the_pages(tmp_path):
    command = [sys.executable, "-m", "earmark.extract.descriptor_docs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in tmp_path.iterdir()} == set(descriptor_docs.generate())

"""What somebody meets who uses Earmark for the first time: nothing silent, nothing to guess."""

from __future__ import annotations

import importlib
import itertools
import json
import pickle
import shlex
import shutil

import pandas as pd
import pytest
import typer
from rich.text import Text

import earmark
from earmark.extract.errors import FindError, NotFoundError


@pytest.fixture(scope="module")
def table(demo, tmp_path_factory):
    """A table of one demo track and one silent file."""
    import numpy as np
    import soundfile

    folder = tmp_path_factory.mktemp("two")
    shutil.copy(demo / "waltz-96bpm-f-major.flac", folder)
    soundfile.write(folder / "silence.wav", np.zeros(22050), 22050)
    from earmark.extract import tables
    from earmark.extract.batch import run

    output = folder / "t.parquet"
    run.extract([folder], run.Extraction("default"), output=output)
    assert len(tables.read(output)) == 2
    return output


@pytest.mark.parametrize("call", [earmark.features, earmark.beats])
def test_a_file_that_is_not_there_is_not_found_as_anywhere_in_python(call, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nope\.mp3: does not exist; check") as caught:
        call(tmp_path / "nope.mp3")
    assert isinstance(caught.value, NotFoundError)
    assert isinstance(caught.value, FindError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (NotFoundError, str(caught.value))
    assert (again.errno, again.filename) == (2, str(tmp_path / "nope.mp3"))


def test_a_misspelt_path_among_several_is_told_by_the_status_too(cli, demo, tmp_path):
    track, output = demo / "waltz-96bpm-f-major.flac", tmp_path / "t.csv"
    status, _, err = cli("extract", track, tmp_path / "nope.mp3", "-o", output, "-q")
    assert status == 1
    assert "nope.mp3: does not exist; check the spelling" in err
    # All the same, what was there was done.
    assert len(pd.read_csv(output)) == 1
    listed = pd.read_csv(tmp_path / "t.failures.csv")
    assert listed["error"].tolist() == ["NotFoundError"]
    # No file failed, and what says how many files did says so.
    assert "1 not found, all listed in" in err
    assert "failed," not in err
    status, out, _ = cli(
        *("extract", track, tmp_path / "nope.mp3", "-o", output, "-q", "--format", "json")
    )
    assert (status, json.loads(out)["failed"], json.loads(out)["not_found"]) == (1, 0, 1)
    with pytest.warns(UserWarning, match=r"^1 not found, the first: .*nope\.mp3: does not exist"):
        earmark.table([track, tmp_path / "nope.mp3"])


def test_what_is_not_there_is_named_before_what_is_damaged(cli, demo, tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    shutil.copy(demo / "waltz-96bpm-f-major.flac", folder)
    for number in range(7):
        (folder / f"{number}.mp3").write_text("no audio")
    _, _, err = cli("extract", folder, tmp_path / "none", "-o", tmp_path / "t.csv", "-q")
    assert err.splitlines()[-7].startswith("earmark: 1 not found, 7 failed, all listed in")
    assert err.splitlines()[-6].startswith(f"earmark:   {tmp_path / 'none'}: does not exist")


def test_what_is_next_leads_to_the_files(demo, tmp_path):
    from earmark.commands.classify import _next

    folder = tmp_path / "My Music"
    folder.mkdir()
    command = _next("genres.csv", [str(folder)])
    assert shlex.split(command)[-2:] == ["--audio", str(folder)]
    # Of several, a path begins with the folder's name: no one folder is that of all.
    assert "--audio" not in _next("genres.csv", [str(folder), str(demo)])


def test_help_is_laid_out_for_the_width_of_the_screen(monkeypatch):
    """No line ends where the source of the docstring happens to."""
    from typer.testing import CliRunner

    from earmark import pipeline

    monkeypatch.setenv("COLUMNS", "80")
    for name in pipeline.COMMANDS:
        out = CliRunner().invoke(pipeline.app, [name, "--help"]).output
        lines = [line.strip() for line in Text.from_ansi(out).plain.splitlines()]
        said = lines[3 : next(at for at, line in enumerate(lines) if line.startswith("╭"))]
        for line, following in itertools.pairwise(said):
            if line and following:
                assert len(line) + 1 + len(following.split()[0]) > 76, (name, line)


def test_a_folder_that_an_output_needs_is_announced(cli, table, tmp_path):
    output = tmp_path / "no" / "where" / "x.csv"
    _, _, err = cli("classify", table, "-m", "light", "-o", output, "-q")
    assert f"the folder {output.parent} does not exist yet; it will be made" in err
    assert "does not exist yet" not in cli("classify", table, "-m", "light", "-o", output)[2]


def test_info_of_a_table_counts_what_is_missing_and_names_units(cli, table):
    status, out, _ = cli("info", table)
    assert status == 0
    # 249 lines once.
    missing = [line for line in out.splitlines() if line.startswith("missing")]
    assert len(missing) <= 2
    assert any(line.endswith("more") for line in missing)
    (line,) = [line for line in out.splitlines() if line.startswith("│ tempo ")]
    unit, *values = [cell.strip() for cell in line.strip("│").split("│")][1:]
    assert unit == "BPM"
    assert [round(float(value)) for value in values] == [96, 96, 96]
    assert len(out.splitlines()) < 50


def test_info_of_a_file_has_units(cli, demo):
    _, out, _ = cli("info", demo / "waltz-96bpm-f-major.flac")
    rows = [line.split() for line in out.splitlines()]
    assert ["loudness", "LUFS"] in [row[::2] for row in rows if len(row) == 3]
    # Values stand below each other.
    ends = {
        line.index(f" {row[1]}  ") + len(row[1])
        for line, row in zip(out.splitlines(), rows, strict=True)
        if len(row) == 3 and not line.startswith("`")
    }
    assert len(ends) == 1


def test_no_help_loses_what_stands_in_brackets():
    pipeline = importlib.import_module("earmark.pipeline")
    for name, command in typer.main.get_command(pipeline.app).commands.items():
        for parameter in command.params:
            text = getattr(parameter, "help", None) or ""
            assert Text.from_markup(text).plain == text, f"{name}: {parameter.name}"


def test_no_genre_of_no_percent_is_named():
    from earmark.commands import _predictions

    columns = ["path", "genre", "probability", "genre_2", "probability_2"]
    found = pd.DataFrame([["a.mp3", "rock", 0.998, "jazz", 0.002]], columns=columns)
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_predictions, "show", lambda rows, form: shown.append(rows))
        _predictions.show_predictions(found)
    assert shown[0]["or"].tolist() == [""]


def test_models_and_tables_are_short_in_a_notebook(table):
    from earmark.classify.model import storage
    from earmark.extract import tables

    for model in (earmark.load("light"), storage.load("light")):
        assert len(repr(model)) < 120
    page = earmark.load("light")._repr_html_()
    assert "13 genres" in repr(earmark.load("light"))
    assert len(page) < 1000
    assert page.startswith("<table>")
    held = tables.read(table)
    assert repr(held).startswith("FeatureTable(set default-")
    assert "tracks 2, descriptors" in repr(held)
    assert "waltz-96bpm-f-major.flac" in held._repr_html_()


def test_a_notebook_shows_names_and_no_markup_of_theirs(table):
    held = earmark.FeatureTable.of(pd.DataFrame({"path": ["<b>x</b>.mp3"], "tempo": [1.0]}))
    assert "<b>" not in held._repr_html_()


def test_compiling_is_announced_where_nothing_is_compiled(capsys, monkeypatch, tmp_path):
    from types import SimpleNamespace

    from earmark.commands import _console
    from earmark.extract.signal import kernels

    def loop():
        pass

    module = SimpleNamespace(__name__="a.loops")
    loop.__module__ = "a.loops"
    module.loop = SimpleNamespace(py_func=loop, stats=SimpleNamespace(cache_path=str(tmp_path)))
    assert not kernels.are_compiled(module)
    (tmp_path / "loops.loop-1.py311.nbi").touch()
    assert kernels.are_compiled(module)
    monkeypatch.setattr(kernels, "are_compiled", lambda module: "hpss" not in module.__name__)
    _console.say_compiling("default")
    assert capsys.readouterr().err == ""
    _console.say_compiling("gtzan")
    assert "compiling on the first run" in capsys.readouterr().err


def test_what_a_command_needs_is_asked_for_before_the_work(cli, demo, monkeypatch):
    import sys

    from earmark.extract.batch import run

    monkeypatch.setitem(sys.modules, "mutagen", None)
    monkeypatch.setattr(run, "extract", lambda *_, **__: pytest.fail("hours of analysis"))
    status, _, err = cli("tag", demo)
    assert status == 1
    assert "pip install 'earmark[tags]'" in err


def test_the_doctors_remedies_can_be_copied(cli, monkeypatch):
    from earmark import diagnosis

    def one():
        yield diagnosis.Finding("optuna", diagnosis.MISSING, "extra", "pip install 'earmark[tune]'")
        yield diagnosis.Finding("plotly", diagnosis.MISSING, "extra", "pip install 'earmark[app]'")

    monkeypatch.setattr(diagnosis, "LOOKS", {"some": one})
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = cli("doctor")
    assert out.splitlines()[-2:] == [
        "optuna: pip install 'earmark[tune]'",
        "plotly: pip install 'earmark[app]'",
    ]


def test_xgboost_without_its_parts_for_gpus_is_xgboost(monkeypatch):
    from importlib import metadata

    from earmark import diagnosis

    def version(name):
        if name == "xgboost":
            raise metadata.PackageNotFoundError(name)
        return "3.2.0"

    monkeypatch.setattr(metadata, "requires", lambda _: ["xgboost>=3.2"])
    monkeypatch.setattr(metadata, "version", version)
    (found,) = diagnosis._libraries()
    assert (found.state, found.detail) == (diagnosis.OK, "3.2.0 (xgboost-cpu)")


def test_a_link_to_nothing_says_that_it_is_one(tmp_path):
    (tmp_path / "link.mp3").symlink_to("nowhere.mp3")
    with pytest.raises(FileNotFoundError, match=r"link\.mp3: is a link to nothing"):
        earmark.features(tmp_path / "link.mp3")

"""The plugin in the real beets, in a library made for the test."""

from __future__ import annotations

import shutil

import pytest

pytest.importorskip("beets", minversion="2.0")
pytest.importorskip("mutagen")


@pytest.fixture
def beets(demo, tmp_path, monkeypatch):
    """Run beets with a library of its own: `beets(*arguments)`."""
    from beets import config, plugins
    from beets.ui import _raw_main

    music = tmp_path / "incoming"
    music.mkdir()
    for name in ("house-128bpm-a-minor.mp3", "waltz-96bpm-f-major.flac"):
        shutil.copy(demo / name, music / name)
    monkeypatch.setenv("BEETSDIR", str(tmp_path / "beets"))

    def run(*arguments, options=""):
        folder = tmp_path / "beets"
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(
            f"directory: {tmp_path / 'music'}\nlibrary: {folder / 'library.db'}\n"
            f"plugins: earmark\nimport:\n  copy: yes\n{options}"
        )
        config.clear()
        config.read()
        plugins._instances.clear()
        _raw_main([str(argument) for argument in arguments])

    run.music = music
    return run


SHOWN = "$title|$bpm|$initial_key|$earmark_energy|$earmark_tempo|$earmark_version"


def test_what_is_imported_is_described_and_can_be_searched(beets, capsys):
    beets("import", "-qA", beets.music)
    capsys.readouterr()
    beets("ls", "-f", SHOWN, "earmark_tempo:120..140")
    (line,) = capsys.readouterr().out.splitlines()
    _, bpm, key, energy, tempo, version = line.split("|")
    assert (bpm, key) == ("128", "Am")
    assert abs(float(tempo) - 128) < 2
    # Formatted with three digits.
    assert len(energy.partition(".")[2]) == 3
    assert "default+musicnn-2 default" in version


def test_the_command_describes_what_was_not_yet_and_writes_if_asked(beets, capsys):
    import mutagen

    beets("import", "-qA", beets.music, options="earmark:\n  auto: no\n")
    beets("ls", "-f", "$earmark_version", options="earmark:\n  auto: no\n")
    assert "default" not in capsys.readouterr().out
    quiet = "earmark:\n  auto: no\n  key_notation: camelot\n"
    beets("earmark", "-W", "title:house", options=quiet)
    beets("earmark", "-W", options=quiet)
    capsys.readouterr()
    beets("ls", "-f", "$earmark_key|$path", "earmark_tempo:120..", options=quiet)
    key, _, path = capsys.readouterr().out.strip().partition("|")
    assert key == "8A"
    assert "TBPM" not in (mutagen.File(path).tags or {})
    beets("earmark", "-f", "earmark_tempo:120..", options=quiet)
    assert str(mutagen.File(path).tags["TBPM"]) == "128"

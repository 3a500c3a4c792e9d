"""A full disk, a folder that becomes read-only, a power cut: the old table or the new one."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from earmark.classify.model import storage
from earmark.extract import files, tables
from earmark.extract.batch import checkpoint, run
from earmark.extract.errors import WriteError

EXTRACTION = run.Extraction("loudness")


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(4):
        soundfile.write(folder / f"{index}.wav", rng.normal(0, 0.1, 22050), 22050)
    (folder / "bad.mp3").write_text("no audio")
    return folder


@pytest.fixture
def table(music, tmp_path):
    """A table in a folder of its own, and the same music with one file more."""
    output = tmp_path / "out" / "t.parquet"
    run.extract([music], EXTRACTION, output=output)
    rng = np.random.default_rng(1)
    soundfile.write(music / "new.wav", rng.normal(0, 0.1, 22050), 22050)
    return output


def expected(music, tmp_path):
    output = tmp_path / "expected" / "t.parquet"
    run.extract([music], EXTRACTION, output=output)
    return output.read_bytes()


def intact(output, before, after):
    """The table is one of both, and no temporary file lies beside it."""
    assert output.read_bytes() in (before, after)
    names = sorted(path.name for path in output.parent.iterdir() if path.is_file())
    assert not [name for name in names if name.startswith(".")]


class Faulty:
    """Lets the n-th call of an operating system's function fail."""

    def __init__(self, function, number, error):
        self.function, self.left, self.error = function, number, error

    def __call__(self, *arguments, **options):
        self.left -= 1
        if self.left == 0:
            raise OSError(self.error, os.strerror(self.error))
        return self.function(*arguments, **options)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["fsync", "replace", "mkstemp"])
def test_whatever_call_fails_the_table_is_the_old_one_or_the_new_one(
    table, music, tmp_path, monkeypatch, call, error
):
    monkeypatch.setattr(checkpoint, "SECONDS_PER_PART", 0.0)
    before, after = table.read_bytes(), expected(music, tmp_path)
    home, name = {
        "fsync": (files.os, "fsync"),
        "replace": (Path, "replace"),
        "mkstemp": (files.tempfile, "mkstemp"),
    }[call]
    failures = 0
    for number in range(1, 30):
        with monkeypatch.context() as patch:
            faulty = Faulty(getattr(home, name), number, error)
            patch.setattr(home, name, faulty if home is not Path else lambda *a, f=faulty: f(*a))
            try:
                run.extract([music], EXTRACTION, output=table)
            except WriteError:
                failures += 1
        intact(table, before, after)
        if faulty.left > 0:
            break
    assert failures >= 3
    # After all of it, the same command goes on.
    run.extract([music], EXTRACTION, output=table)
    assert table.read_bytes() == after
    assert not table.with_name("t.parquet.parts").exists()


def test_a_file_that_stops_growing_when_the_disk_is_full_is_no_table(
    table, music, tmp_path, monkeypatch
):
    resource = pytest.importorskip("resource")
    before, after = table.read_bytes(), expected(music, tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # A real limit of the system: no file may become larger than half of the table.
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
        with pytest.raises(WriteError, match="cannot be written: "):
            run.extract([music], EXTRACTION, output=table)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, usual)
    intact(table, before, after)
    run.extract([music], EXTRACTION, output=table)
    assert table.read_bytes() == after


def test_content_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    """What a file system may reorder, it may not here: data, then the name, then the folder."""
    order = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle):
        order.append(("sync", Path(f"/proc/self/fd/{handle}").readlink().name))
        fsync(handle)

    def replaced(path, target):
        order.append(("name", path.name))
        return replace(path, target)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no way to see what is open")
    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    with tables.atomic(tmp_path / "x.csv") as temporary:
        temporary.write_text("path\n")
    assert order == [
        ("sync", temporary.name),
        ("name", temporary.name),
        ("sync", tmp_path.name),
    ]


def test_a_power_cut_before_the_name_leaves_the_old_table(table, music, tmp_path, monkeypatch):
    before, after = table.read_bytes(), expected(music, tmp_path)

    class PowerCutError(BaseException):
        pass

    def cut(*_):
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(PowerCutError):
            run.extract([music], EXTRACTION, output=table)
    assert table.read_bytes() == before
    run.extract([music], EXTRACTION, output=table)
    assert table.read_bytes() == after


def test_a_folder_that_becomes_read_only_is_said_and_nothing_is_lost(
    table, music, tmp_path, monkeypatch
):
    before, after = table.read_bytes(), expected(music, tmp_path)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        for home, name in ((files.tempfile, "mkstemp"), (Path, "unlink"), (Path, "replace")):
            patch.setattr(home, name, refuse)
        with pytest.raises(WriteError, match="Read-only file system"):
            run.extract([music], EXTRACTION, output=table)
    intact(table, before, after)


@pytest.mark.parametrize("number", range(1, 8))
def test_a_model_is_the_old_one_or_the_new_one(tmp_path, monkeypatch, number):
    directory = tmp_path / "model"
    storage.copy(storage.LIGHT, directory)
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", Faulty(os.fsync, number, errno.ENOSPC))
        with pytest.raises(WriteError, match="No space left on device"):
            storage.copy(storage.SPOTIFY, directory)
    # The last call is for the name of the new one, which stands by then.
    model = storage.SPOTIFY if number == 7 else storage.LIGHT
    assert storage.load(directory).model == storage.load(model).model
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def data(set_name="default-4", tracks=10, genres=("rock", "pop"), settings=None, windows=None):
    """What a model would be trained on, as far as it is looked at."""
    labels = pd.Series([genres[index % len(genres)] for index in range(tracks)])
    about = {"set": set_name, "settings": settings or {}, "windows": windows}
    return SimpleNamespace(labels=labels, tracks=pd.Series(range(tracks)).astype(str), about=about)


def test_a_model_is_not_replaced_by_one_that_knows_less(tmp_path):
    directory = tmp_path / "model"
    storage.copy(storage.LIGHT, directory)
    old = storage.load(directory)
    same = {
        "set_name": old.set,
        "tracks": old.metrics["tracks"],
        "genres": old.genres,
        "settings": old.settings,
        "windows": old.windows,
    }
    storage.check_replaced(directory, data(**same))
    storage.check_replaced(tmp_path / "none", data())
    for changed, message in (
        ({"set_name": "spotify-1"}, r"looks at the set default.*, not spotify-1"),
        ({"settings": {**old.settings, "fmax": 1.0}}, "made with other settings"),
        ({"windows": 7.0}, "with other rows"),
        ({"genres": old.genres[1:]}, f"knows genres that the new one would not .{old.genres[0]}"),
        ({"tracks": old.metrics["tracks"] - 1}, r"was trained on [\d,]+ tracks, and these are"),
    ):
        with pytest.raises(WriteError, match=f"{message}.*; name another, or replace it with --f"):
            storage.check_replaced(directory, data(**{**same, **changed}))

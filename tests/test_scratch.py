"""What comes from a browser: limited, kept apart, and removed."""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_decode import encoded

from earmark.classify.app.errors import UploadError
from earmark.classify.app.files.scratch import Scratch, display_name, sweep

ROOT = Path(__file__).parent.parent


def kept(scratch, data, name="song.mp3"):
    return scratch.keep(name, io.BytesIO(data))


# --- What it is called -------------------------------------------------------------------------

HOSTILE = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/etc/passwd",
    "a\0b.mp3",
    "song\u202e3pm.exe",
    "x" * 4000 + ".mp3",
    "new\nline\r\n.mp3",
    "\x1b[31mred.mp3",
    "...",
    ".\ud7fc",
    "e\u200d\u0301",
    "",
    ".",
    "~/song.mp3",
    "\ud800.mp3",
    "CON",
    "<img src=x onerror=alert(1)>.mp3",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_no_path(scratch, name):
    upload = kept(scratch, encoded(), name)
    assert upload.path.parent == scratch.path
    assert upload.path.name.removesuffix(".wav").isalnum()
    assert upload.path.read_bytes() == encoded()
    assert 0 < len(upload.name) <= 255
    assert upload.name.isprintable()
    assert not {"/", "\\", "\u202e"} & set(upload.name)


def test_a_name_stays_what_people_know_it_by():
    assert (
        display_name("Motörhead – Ace of Spades (live).mp3")
        == "Motörhead – Ace of Spades (live).mp3"
    )
    assert display_name("C:\\Music\\夜に駆ける.flac") == "夜に駆ける.flac"
    assert display_name("<img src=x onerror=alert(1)>.mp3") == "<img src=x onerror=alert(1)>.mp3"
    assert display_name("a\u202eb\0c\u200d.mp3") == "abc.mp3"
    assert display_name("x" * 4000 + ".mp3").endswith("xxx.mp3")
    assert display_name(" \t ") == "a file without a name"


@given(st.text(max_size=300) | st.sampled_from(HOSTILE))
def test_any_name_is_shown_as_one_short_line(name):
    text = display_name(name)
    assert 0 < len(text) <= 255
    assert text == text.strip()
    assert display_name(text) == text
    assert all(character == " " or character.isprintable() for character in text)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in text)
    assert str(UploadError(text, "is refused")).endswith(": is refused")


# --- How much ----------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A browser that never stops sending; it counts what was taken."""

    taken = 0

    def readable(self):
        return True

    def read(self, size=-1):
        assert 0 < size <= 2**20, "a file is never read whole"
        self.taken += size
        return b"\0" * size


def test_what_is_too_large_is_not_read_to_its_end(scratch):
    source = Endless()
    with pytest.raises(UploadError, match=r"big.mp3: is larger than 1 MB, which is the limit here"):
        scratch.keep("big.mp3", source)
    assert source.taken <= 2 * 2**20
    assert list(scratch.path.iterdir()) == []


def test_a_session_keeps_so_many_files_and_so_many_bytes(scratch):
    large = encoded(np.zeros(400_000, np.float32))
    first = kept(scratch, large)
    with pytest.raises(UploadError, match="does not fit: 2 MB are kept of all your files together"):
        kept(scratch, large)
    kept(scratch, encoded())
    kept(scratch, encoded())
    with pytest.raises(UploadError, match="is one too many: 3 files are kept here; remove some"):
        kept(scratch, encoded())
    scratch.remove(first)
    # Whoever takes back what came to nothing need not ask whether the session has ended since.
    scratch.remove(first)
    assert not first.path.exists()
    assert len({upload.path for upload in scratch.uploads}) == 2
    scratch.clear()
    assert (scratch.uploads, list(scratch.path.iterdir())) == ((), [])
    assert kept(scratch, large).size == len(large)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "cannot be kept: the disk of the server is full; try again later"),
        (errno.EDQUOT, "cannot be kept: the disk of the server is full"),
        (errno.EIO, "cannot be kept: Input/output error"),
    ],
)
def test_a_full_disk_is_said(scratch, number, message):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(number, os.strerror(number))

    with pytest.raises(UploadError, match=f"song.mp3: {message}"):
        scratch.keep("song.mp3", Broken())
    assert list(scratch.path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_disk_that_is_full_while_it_is_written(scratch, monkeypatch):
    opened = io.open
    monkeypatch.setattr(Path, "open", lambda path, mode: opened("/dev/full", "wb+"))
    with pytest.raises(UploadError, match="the disk of the server is full"):
        kept(scratch, encoded())


# --- Tables and folders ------------------------------------------------------------------------


def test_a_table_is_taken_for_what_it_is(scratch):
    frame = pd.DataFrame({"path": ["a.mp3", "b.mp3"], "energy": [0.25, 0.5]})
    text, columns = io.BytesIO(frame.to_csv(index=False).encode()), io.BytesIO()
    frame.to_parquet(columns)
    columns.seek(0)
    assert scratch.keep_table("x.mp3", text).suffix == ".csv"
    kept = scratch.keep_table("../../x.csv", columns)
    assert (kept.suffix, kept.parent) == (".parquet", scratch.path)
    pd.testing.assert_frame_equal(pd.read_parquet(kept), frame)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv: is empty"),
        (b" \n", "x.csv: is empty"),
        (b"\x7fELF\0\0", "is no table: upload CSV or Parquet"),
        (b"a,b\n" + b"1,2\n" * 300_000, "is larger than 1 MB"),
    ],
)
def test_what_is_no_table_or_too_much_of_one_is_refused(scratch, content, message):
    with pytest.raises(UploadError, match=message):
        scratch.keep_table("x.csv", io.BytesIO(content))
    assert not list(scratch.path.iterdir())


def test_nobody_else_can_look_into_the_folder(scratch):
    for folder in (scratch.path, scratch.path.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert scratch.path.parent.parent == Path(tempfile.gettempdir())


def test_the_folder_goes_with_the_session():
    first, second = Scratch(), Scratch()
    paths = [first.path, second.path]
    kept(first, encoded())
    first.close()
    first.close()
    assert [path.exists() for path in paths] == [False, True]
    del second
    gc.collect()
    assert not paths[1].exists()


SERVER = """
import io, sys, time
from earmark.classify.app.files.scratch import Scratch
scratch = Scratch()
scratch.path.joinpath("song.mp3").write_bytes(b"x")
print(scratch.path, flush=True)
if sys.argv[1] == "wait":
    time.sleep(600)
"""


def server(tmp_path, how, before=""):
    """Start a process that keeps something in a folder for temporary files of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", before + SERVER, how],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        return process, Path(process.stdout.readline().strip())


def test_the_folder_goes_with_the_process(tmp_path):
    process, _ = server(tmp_path, "leave")
    assert process.wait(60) == 0
    assert list(tmp_path.iterdir()) == []


def test_where_there_are_no_locks_nothing_is_swept_and_all_else_works(tmp_path):
    # As on Windows, where a file that is open has its name for good, too.
    without = """
import sys
from pathlib import Path
sys.modules["fcntl"] = None
del Path.rename
"""
    alive, kept = server(tmp_path, "wait", without)
    try:
        assert kept.is_dir()
        process, _ = server(tmp_path, "leave", without)
        assert process.wait(60) == 0
        assert list(tmp_path.iterdir()) == [kept.parent]
        assert sweep(tmp_path) == 0
    finally:
        alive.kill()
        alive.wait(60)


def test_what_a_killed_process_left_goes_with_the_next_start(tmp_path):
    killed, left = server(tmp_path, "wait")
    alive, kept = server(tmp_path, "wait")
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait(60)
        assert left.exists()
        process, _ = server(tmp_path, "leave")
        assert process.wait(60) == 0
        assert (left.parent.exists(), kept.exists()) == (False, True)
    finally:
        alive.kill()
        alive.wait(60)
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


GETTING_READY = """
import time
from earmark.classify.app.jobs import track_analysis
def analyse(path, *_):
    print(path, flush=True)
    time.sleep(600)
track_analysis.analyse_track = analyse
track_analysis.warm()
"""


@pytest.mark.slow
def test_what_a_worker_left_that_was_killed_while_it_got_ready_is_swept(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", GETTING_READY],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert Path(process.stdout.readline().strip()).is_file()
        assert sweep(tmp_path) == 0
        process.kill()
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_ours_is_swept(tmp_path):
    (tmp_path / "earmark-app-someone").mkdir()
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "lock").touch()
    (tmp_path / "earmark-app-link").symlink_to(tmp_path / "music")
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3

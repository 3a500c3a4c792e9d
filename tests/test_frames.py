"""What a process and its parent exchange, and what neither takes from the other."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys

import pytest

from earmark.extract.batch import frames

SPEAKER = """
import os
from earmark.extract.batch import frames
from_parent, to_parent = frames.parent()
waiting = frames.received(from_parent)
print("a library says hello", flush=True)
os.system("echo and so does a program")
while True:
    frames.write(to_parent, b"A", waiting.get()[::-1])
"""


def test_what_is_written_is_read():
    stream = io.BytesIO()
    for frame in ((b"A", b""), (b"B", b"x" * 100_000), (b"C", b"\n\0")):
        frames.write(stream, *frame)
    stream.seek(0)
    assert frames.read(stream) == (b"A", b"")
    assert frames.read(stream) == (b"B", b"x" * 100_000)
    assert frames.read(stream) == (b"C", b"\n\0")
    with pytest.raises(EOFError):
        frames.read(stream)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"text\n",
        struct.pack("<Qc", 5, b"A") + b"four",
        struct.pack("<Qc", frames.LARGEST + 1, b"A"),
        struct.pack("<Qc", 2**64 - 1, b"A") + b"data",
    ],
)
def test_what_is_no_frame_ends_the_talk(sent):
    class Stream(io.BytesIO):
        def read(self, size=-1):
            assert 0 <= size <= frames.LARGEST
            return super().read(size)

    with pytest.raises(EOFError):
        frames.read(Stream(sent))


def test_a_stream_that_is_closed_is_a_broken_one():
    with subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE) as process:
        process.wait()
        with pytest.raises(OSError, match="Broken pipe"):
            frames.write(process.stdin, b"A", b"too late")
        with contextlib.suppress(OSError):
            process.stdin.close()
        with pytest.raises(BrokenPipeError):
            frames.write(process.stdin, b"A", b"much too late")


def test_what_a_library_prints_is_no_frame_and_the_process_ends_with_its_parent():
    with subprocess.Popen(
        [sys.executable, "-c", SPEAKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        frames.write(process.stdin, b"T", b"track")
        assert frames.read(process.stdout) == (b"A", b"kcart")
        process.stdin.close()
        with pytest.raises(EOFError):
            frames.read(process.stdout)
        assert process.wait(20) == (-9 if hasattr(os, "killpg") else 0)
        assert sorted(process.stderr.read().split(b"\n")) == [
            b"",
            b"a library says hello",
            b"and so does a program",
        ]

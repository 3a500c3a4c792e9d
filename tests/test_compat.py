"""Where Earmark reaches into the insides of a library: what it relies on is still there."""

from __future__ import annotations

import inspect
import re
import zlib

import pytest

from earmark.classify import _compat

frames = pytest.importorskip("mutagen.id3._frames")


def test_mutagen_unpacks_frames_by_the_name_that_is_exchanged():
    source = inspect.getsource(frames)
    assert set(re.findall(r"zlib\.(\w+)", source)) <= {"decompress", "error"}
    assert "zlib.decompress(" in source
    assert frames.zlib is zlib


def test_the_name_is_put_back_whatever_happens():
    inside = []

    def fail():
        with _compat.bounded_unpacking():
            inside.append(frames.zlib)
            raise RuntimeError("damaged")

    with pytest.raises(RuntimeError, match="damaged"):
        fail()
    assert inside[0] is not zlib
    assert frames.zlib is zlib


def test_so_many_bytes_are_unpacked_of_a_file_and_no_more():
    packed = zlib.compress(b"x" * (_compat.UNPACKED // 2 + 1))
    with _compat.bounded_unpacking():
        assert len(frames.zlib.decompress(packed)) == _compat.UNPACKED // 2 + 1
        with pytest.raises(frames.zlib.error, match="more than is unpacked"):
            frames.zlib.decompress(packed)
    # Of the next file as many again.
    with _compat.bounded_unpacking():
        assert frames.zlib.decompress(packed)

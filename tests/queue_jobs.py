"""Jobs for the tests of the queue: in a file of their own, because workers import it."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

from earmark.extract.errors import DecodeError


def add(one, other):
    return one + other


def pid():
    return os.getpid()


KEPT = []
"""What a worker holds on to, as a library does."""


def keep(megabytes):
    KEPT.append(b"\1" * (megabytes * 10**6))
    return os.getpid()


def sleep(seconds, value=None):
    time.sleep(seconds)
    return value


def sleep_for(*anything):
    """Take long, whatever is asked for."""
    time.sleep(300)


def wait_and_read(path, seconds):
    """Read a file that may have gone meanwhile."""
    time.sleep(seconds)
    return Path(path).read_bytes()


def touch(path, seconds=0.0):
    Path(path).touch()
    time.sleep(seconds)


def hang(path):
    """Say that it has begun, and keep the interpreter busy for ever."""
    Path(path).write_text(str(os.getpid()), encoding="ascii")
    while True:
        pass


def with_child(path):
    """Start a process of its own, and hang."""
    child = subprocess.Popen(["sleep", "600"])
    Path(path).write_text(f"{os.getpid()} {child.pid}", encoding="ascii")
    time.sleep(600)


def crash():
    ctypes.string_at(0)


def leave():
    os._exit(3)


def leave_by_exit():
    sys.exit(4)


def starve():
    raise MemoryError


def fill():
    return len(bytearray(2**32))


def refuse():
    raise DecodeError("song.mp3", "is no song")


def stumble():
    return {}["no such key"]


def odd():
    return object()


def lie():
    """Write past the protocol, as a decoder that was taken over might."""
    for number in range(3, 64):
        try:
            os.write(number, struct.pack("<Qc", 7, b"D") + b"\x80\x05cos\n.")
        except OSError:
            continue


def chatter():
    print("this is no answer")
    os.system("echo neither is this")
    return sys.stdin.read()


def steps(count, report):
    for step in range(count):
        report(step / count, f"step {step}")
        time.sleep(0.15)
    return count


def wild(report):
    report(float("nan"), "x" * 5000)
    time.sleep(1)


def warm():
    os.environ["WARMED"] = "yes"


def warm_slowly():
    time.sleep(2)


def warmed():
    return os.environ.get("WARMED"), os.environ.get("OMP_NUM_THREADS")


def cannot_start():
    raise RuntimeError("no model")

"""Reading what XGBoost writes as UBJSON: the same as its JSON, without numbers spelled out.

A model of many genres is tens of megabytes of numbers. As text they take seconds to write and to
read again; here an array is a view of the bytes.

References
----------
Universal Binary JSON Specification, draft 12, https://ubjson.org.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode"]

NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
"""Markers of numbers and NumPy's names of what follows them."""

CONSTANTS = {"T": True, "F": False, "Z": None}


def decode(content: bytes | bytearray) -> Any:
    """Return the value that UBJSON holds; arrays of one type of number are NumPy's.

    It trusts its input: it is for what `xgboost.Booster.save_raw` has just written, not for files.
    """
    value, _ = _value(memoryview(content), 0)
    return value


def _value(content: memoryview, place: int) -> tuple[Any, int]:
    """Return the value that begins at a place, and where the next one does."""
    marker, place = chr(content[place]), place + 1
    if marker == "{":
        return _object(content, place)
    if marker == "[":
        return _array(content, place)
    if marker == "S":
        return _text(content, place)
    if marker in NUMBERS:
        numbers, place = _numbers(content, place, marker, 1)
        return numbers[0].item(), place
    if marker in CONSTANTS:
        return CONSTANTS[marker], place
    raise ValueError(f"no UBJSON as XGBoost writes it: {marker!r} at {place - 1}")


def _object(content: memoryview, place: int) -> tuple[dict[str, Any], int]:
    found = {}
    while content[place] != ord("}"):
        name, place = _text(content, place)
        found[name], place = _value(content, place)
    return found, place + 1


def _array(content: memoryview, place: int) -> tuple[Any, int]:
    """Read the type of the elements, where they have one, then their number, then themselves."""
    marker = ""
    if content[place] == ord("$"):
        marker, place = chr(content[place + 1]), place + 2
    if content[place] != ord("#"):
        raise ValueError(f"no UBJSON as XGBoost writes it: an array without a length at {place}")
    count, place = _value(content, place + 1)
    if marker:
        return _numbers(content, place, marker, count)
    found = []
    for _ in range(count):
        value, place = _value(content, place)
        found.append(value)
    return found, place


def _text(content: memoryview, place: int) -> tuple[str, int]:
    length, place = _value(content, place)
    return str(content[place : place + length], "utf-8"), place + length


def _numbers(content: memoryview, place: int, marker: str, count: int) -> tuple[NDArray[Any], int]:
    found = np.frombuffer(content, NUMBERS[marker], count, place)
    return found, place + found.nbytes

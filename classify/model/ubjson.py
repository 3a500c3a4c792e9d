"""Reading what XGBoost writes as UBJSON: the same as its JSON, without numbers spelled out.

A model of many genres is tens of megabytes of numbers. As text they take seconds to write and to
read again; here an array is a view of the bytes.

References
----------
Universal Binary JSON Specification, draft 12, https://ubjson.org.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode"]

NUMBERS = {
    ord(marker): np.dtype(name)
    for marker, name in zip(
        "iUIlLdD", (">i1", ">u1", ">i2", ">i4", ">i8", ">f4", ">f8"), strict=True
    )
}
"""Markers of numbers and the types of what follows them."""

CONSTANTS = {ord("T"): True, ord("F"): False, ord("Z"): None}

LONG, TEXT, LIST, BOX, BOX_END, TYPE, COUNT = b"LS[{}$#"

_long = struct.Struct(">q").unpack_from


def decode(content: bytes | bytearray) -> Any:
    """Return the value that UBJSON holds; arrays of one type of number are NumPy's.

    It trusts its input: it is for what `xgboost.Booster.save_raw` has just written, not for files.
    """
    value, _ = _value(bytes(content), 0)
    return value


def _value(content: bytes, place: int) -> tuple[Any, int]:
    """Return the value that begins at a place, and where the next one does."""
    marker = content[place]
    if marker == LIST:
        return _array(content, place + 1)
    if marker == TEXT:
        return _text(content, place + 1)
    if marker == BOX:
        return _object(content, place + 1)
    if marker == LONG:
        return _long(content, place + 1)[0], place + 9
    if marker in NUMBERS:
        numbers, place = _numbers(content, place + 1, marker, 1)
        return numbers[0].item(), place
    if marker in CONSTANTS:
        return CONSTANTS[marker], place + 1
    raise ValueError(f"no UBJSON as XGBoost writes it: {chr(marker)!r} at {place}")


def _object(content: bytes, place: int) -> tuple[dict[str, Any], int]:
    found = {}
    while content[place] != BOX_END:
        name, place = _text(content, place)
        found[name], place = _value(content, place)
    return found, place + 1


def _array(content: bytes, place: int) -> tuple[Any, int]:
    """Read the type of the elements, where they have one, then their number, then themselves."""
    marker = None
    if content[place] == TYPE:
        marker, place = content[place + 1], place + 2
    if content[place] != COUNT:
        raise ValueError(f"no UBJSON as XGBoost writes it: an array without a length at {place}")
    count, place = _value(content, place + 1)
    if marker is not None:
        return _numbers(content, place, marker, count)
    found = []
    for _ in range(count):
        value, place = _value(content, place)
        found.append(value)
    return found, place


def _text(content: bytes, place: int) -> tuple[str, int]:
    length, place = _value(content, place)
    return content[place : place + length].decode(), place + length


def _numbers(content: bytes, place: int, marker: int, count: int) -> tuple[NDArray[Any], int]:
    kind = NUMBERS[marker]
    return np.frombuffer(content, kind, count, place), place + count * kind.itemsize

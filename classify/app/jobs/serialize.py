"""What a worker hands back, as bytes that can be opened without running any of it.

A worker reads files of strangers. Were one of them to take it over through a fault in a decoder,
a pickle would carry that into the server, which holds everybody's session. So the answer is JSON
for what is plain, numbers of arrays as they lie in memory, and Arrow's format for tables.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.extract.errors import JobError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pack", "unpack"]

DEEPEST = 64
"""Boxes within boxes."""


def pack(value: object) -> bytes:
    """Turn a value into bytes.

    Parameters
    ----------
    value : object
        None, truth, numbers, text, bytes, paths, arrays of numbers, data frames, and lists,
        tuples and dictionaries of these.

    Raises
    ------
    TypeError
        It holds something else.
    """
    blobs: list[bytes] = []
    tree = json.dumps(_plain(value, blobs, DEEPEST)).encode()
    sizes = [len(tree), *map(len, blobs)]
    return b"".join([struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes), tree, *blobs])


def _plain(value: Any, blobs: list[bytes], depth: int) -> Any:
    """Return what JSON can hold of a value, and add the rest to the blobs."""
    if depth < 0:
        raise TypeError("the result is nested too deeply")

    def inner(values: Any) -> list[Any]:
        return [_plain(one, blobs, depth - 1) for one in values]

    def blob(data: bytes) -> int:
        blobs.append(data)
        return len(blobs) - 1

    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return _plain(value.item(), blobs, depth)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, list):
        return inner(value)
    if isinstance(value, dict):
        return {"dict": [inner(pair) for pair in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": inner(value)}
    if isinstance(value, bytes | bytearray):
        return {"bytes": blob(bytes(value))}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcmMU":
        return {"array": [value.dtype.str, list(value.shape), blob(value.tobytes())]}
    # Whoever hands over a table has loaded what makes them.
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return {"frame": blob(_arrow(value))}
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    raise TypeError(f"a result cannot hold a {name}; give plain values, arrays and data frames")


def unpack(data: bytes) -> Any:
    """Return the value that was packed.

    Raises
    ------
    JobError
        The bytes are no parcel.
    """
    try:
        view = memoryview(data)
        (count,) = struct.unpack_from("<I", view)
        sizes = struct.unpack_from(f"<{count}Q", view, 4)
        parts, at = [], 4 + 8 * count
        for size in sizes:
            parts.append(view[at : at + size])
            at += size
        if at != len(view) or not parts:
            raise ValueError("sizes that do not add up")
        return _value(json.loads(bytes(parts[0])), parts[1:])
    except Exception as error:
        # Whatever is wrong with bytes that anybody may have made is one and the same error.
        message = f"the answer of the worker cannot be read ({error}); please report it"
        raise JobError(message) from error


def _value(plain: Any, blobs: list[memoryview]) -> Any:
    if isinstance(plain, list):
        return [_value(one, blobs) for one in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, held),) = plain.items()
    match kind:
        case "dict":
            return {_value(key, blobs): _value(value, blobs) for key, value in held}
        case "tuple":
            return tuple(_value(one, blobs) for one in held)
        case "bytes":
            return bytes(blobs[held])
        case "path":
            return Path(held)
        case "array":
            name, shape, at = held
            dtype = np.dtype(str(name))
            if dtype.kind not in "biufcmMU" or len(blobs[at]) != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"an array of {name} that is none")
            return np.frombuffer(bytearray(blobs[at]), dtype).reshape(shape)
        case "frame":
            return _frame(blobs[held])
    raise ValueError(f"{kind!r} is not known")


def _arrow(frame: pd.DataFrame) -> bytes:
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    table = pyarrow.Table.from_pandas(frame)
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _frame(data: memoryview) -> pd.DataFrame:
    import pyarrow

    with pyarrow.ipc.open_stream(data) as stream:
        table = stream.read_all()
    # Arrow believes what offsets and lengths say until it is told to look.
    table.validate(full=True)
    frame: pd.DataFrame = table.to_pandas()
    return frame

"""Results of jobs as bytes that can be read without running any code that is in them.

A worker reads files of strangers. Were one of them to take it over through a fault in a decoder,
a pickle would carry that into the server, which holds everybody's session. So a result is JSON
for plain values, the bytes of arrays as they lie in memory, and Arrow's format for tables.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classify.app.errors import JobError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pack", "unpack"]

DEEPEST = 64
"""How deeply lists and dictionaries may be nested."""


def pack(value: object) -> bytes:
    """Turn a value into bytes.

    The layout: the number of parts and the size of each, little end first; a part with JSON; and
    a part for each array, table and run of bytes, to which the JSON refers by its index.

    Parameters
    ----------
    value : object
        None, booleans, numbers, text, bytes, paths, arrays of numbers, data frames, and lists,
        tuples and dictionaries of these.

    Raises
    ------
    TypeError
        It holds something else.

    Examples
    --------
    >>> unpack(pack({"tempo": 120.0, "beats": (0.5, 1.0)}))
    {'tempo': 120.0, 'beats': (0.5, 1.0)}
    """
    blobs: list[bytes] = []
    tree = json.dumps(_plain(value, blobs, DEEPEST)).encode()
    sizes = [len(tree), *map(len, blobs)]
    return b"".join([struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes), tree, *blobs])


def _plain(value: Any, blobs: list[bytes], depth: int) -> Any:  # noqa: PLR0911
    """Return a value as JSON can hold it; what it cannot hold is appended to the blobs."""
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
    # Where there is a table, pandas is loaded; where there is none, it need not be.
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return {"frame": blob(_arrow(value))}
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    raise TypeError(f"a result cannot hold a {name}; give plain values, arrays and data frames")


def unpack(data: bytes) -> Any:
    """Return the value that `pack` was given.

    Raises
    ------
    JobError
        The bytes are not what `pack` returns.
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
        # Anybody may have made these bytes: whatever is wrong with them, the error is the same.
        message = f"the answer of the worker cannot be read ({error}); please report it"
        raise JobError(message) from error


def _value(plain: Any, blobs: list[memoryview]) -> Any:  # noqa: PLR0911
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
                raise ValueError(f"{name!r} and {shape} are no array of {len(blobs[at])} bytes")
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
    # Arrow trusts offsets and lengths until it is told to check them.
    table.validate(full=True)
    frame: pd.DataFrame = table.to_pandas()
    return frame

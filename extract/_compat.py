"""Where the extraction reaches into the internals of a library, which may change with any version.

Each has a test that fails when what it relies on is no longer there
(``tests/test_extract_compat.py``).
"""

from __future__ import annotations

__all__ = ["worker_killed_error"]


def worker_killed_error() -> type[Exception]:
    """Return the exception that joblib raises where a worker process was killed.

    It is that of loky, which joblib brings along, and joblib documents no name for it.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    error: type[Exception] = TerminatedWorkerError
    return error

"""The errors of the app: of its queue, its jobs, and of what people upload."""

from __future__ import annotations

from earmark.extract.errors import EarmarkError, FileError

__all__ = ["BusyError", "JobError", "UploadError"]


class BusyError(EarmarkError):
    """As many jobs are waiting as may, or the app is closing."""


class JobError(EarmarkError):
    """A job failed, ran out of time or was cancelled."""


class UploadError(FileError):
    """A file that was uploaded is no audio, too large, or one too many."""

    stage = "upload"

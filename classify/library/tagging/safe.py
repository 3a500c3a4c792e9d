"""A file is replaced by a changed copy of itself, in one step, or stays as it is.

The copy lies in the same folder under a hidden name that begins with `MARK`, and is locked as long
as somebody works on it: what a run that was killed left there is told by that, and removed by the
next (`clean`). Mode, owner and extended attributes are those of the file; its links stay. A file
with several names (hard links) can't be replaced in one step without parting them: it is written in
place from a copy that is finished and on the disk, and whose name says so: should the run be killed
meanwhile, the next one finishes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from earmark.extract.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["MARK", "Copy", "check", "clean", "is_being_written", "lock"]

MARK = ".earmark-"

LEFT = re.compile(r"\.earmark-[0-9a-f]{16}(?:-(?P<inode>\d+))?(?:\.\w{1,16})?")
"""Names of copies; one with the inode of the file that it is for is finished."""

WRITING = "is open for writing in another program; close it there, and give the command once more"


def check(path: Path, *, several_names: bool = False) -> os.stat_result:
    """Refuse a file that must not be written to, and return what the system says of it.

    Parameters
    ----------
    path : Path
        The file itself, not a link to it.
    several_names : bool
        Whether a file with hard links may be written in place.

    Raises
    ------
    WriteError
        It is read-only, has several names, is being written by another program, or its folder
        takes no files.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise WriteError(path, f"cannot be written: {error.strerror or error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise WriteError(path, "is not a regular file")
    # The first also counts for those who may do everything.
    if not found.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise WriteError(path, "is read-only, and left so; allow writing to it (chmod u+w)")
    if found.st_nlink > 1 and not several_names:
        raise WriteError(
            path,
            f"has {found.st_nlink} names (hard links), which share what is written; "
            "--hard-links writes it in place",
        )
    if not os.access(path.parent, os.W_OK):
        raise WriteError(path, f"cannot be written: no permission to write in {path.parent}")
    if is_being_written(path):
        raise WriteError(path, WRITING)
    return found


def is_being_written(path: Path) -> bool:
    """Tell whether another program has a file open for writing, as far as the system says so.

    Linux lends a file to be read to who asks only while nobody writes to it; others do not tell.
    """
    if fcntl is None or not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Who opens it meanwhile is let in; by default we would be ended by the signal.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        # Files of others, and file systems that lend nothing.
        return False
    finally:
        os.close(handle)
    return False


@dataclass
class Copy:
    """A copy of a file, to be changed, that takes its place.

    Use it as a context: what was not committed is removed when it is left.

    Parameters
    ----------
    target : Path
        The file itself, not a link to it.
    several_names : bool
        Whether a file with hard links may be written in place.
    filled : bool
        Whether it begins with the content of the file, or empty.

    Raises
    ------
    WriteError
        The file must not be written to (`check`), or there is no room for a copy.
    """

    target: Path
    several_names: bool = False
    filled: bool = True
    _needed: bool = False

    def __enter__(self) -> Self:
        self.before = check(self.target, several_names=self.several_names)
        suffix = self.target.suffix if re.fullmatch(r"\.\w{1,16}", self.target.suffix) else ""
        self.path = self.target.with_name(f"{MARK}{secrets.token_hex(8)}{suffix}")
        with _said(self.target):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
            self._handle = os.open(self.path, flags, 0o600)
            try:
                lock(self._handle)
                if self.filled:
                    shutil.copyfile(self.target, self.path)
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._needed:
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(self._handle)

    def settle(self, modified: int | None = None) -> None:
        """Give the copy what the file has beside its content, and see that it is on the disk.

        Parameters
        ----------
        modified : int, optional
            When it shall have been changed last, in nanoseconds; by default now.
        """
        with _said(self.target):
            _like(self.target, self.before, self.path, self._handle)
            if modified is not None:
                os.utime(self.path, ns=(self.before.st_atime_ns, modified))
            os.fsync(self._handle)

    def commit(self) -> None:
        """Let the settled copy take the place of the file, if nobody else changed that meanwhile.

        Raises
        ------
        WriteError
            Somebody did, or the system does not let us.
        """
        now = check(self.target, several_names=self.several_names)
        if _identity(now) != _identity(self.before):
            raise WriteError(self.target, "was changed by another program meanwhile; it is left")
        with _said(self.target):
            if now.st_nlink > 1:
                name = f"{self.path.stem}-{now.st_ino}{self.path.suffix}"
                self.path = self.path.rename(self.path.with_name(name))
                sync_folder(self.path.parent)
                # Until that is done, nobody else has all of the content.
                self._needed = True
                _write_in_place(self.path, self.target)
                self._needed = False
            else:
                self.path.replace(self.target)
            sync_folder(self.target.parent)


def clean(folders: Iterable[Path]) -> list[Path]:
    """Remove, or finish, what runs that were killed left in folders.

    Parameters
    ----------
    folders : iterable of Path
        Each is looked at itself, not what lies in it.

    Returns
    -------
    list of Path
        What was left there. Copies that another run works on are passed over.
    """
    found = []
    for folder in sorted(set(folders)):
        try:
            names = [entry.name for entry in os.scandir(folder) if LEFT.fullmatch(entry.name)]
        except OSError:
            continue
        for name in names:
            path = folder / name
            with contextlib.suppress(OSError), _locked(path):
                match = LEFT.fullmatch(name)
                if match and match["inode"]:
                    _finish(path, int(match["inode"]))
                path.unlink()
                found.append(path)
    return found


def _finish(copy: Path, inode: int) -> None:
    """Write a finished copy into the file that it is for."""
    for entry in list(os.scandir(copy.parent)):
        if entry.name != copy.name and entry.is_file(follow_symlinks=False):
            there = entry.stat(follow_symlinks=False)
            if there.st_ino == inode and there.st_dev == copy.stat().st_dev:
                _write_in_place(copy, Path(entry.path))
                return
    # Nobody would have the content otherwise.
    raise FileNotFoundError(copy)


def _write_in_place(copy: Path, target: Path) -> None:
    with copy.open("rb") as source, target.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            # A full disk is noticed before anything is written.
            os.posix_fallocate(file.fileno(), 0, max(copy.stat().st_size, 1))
        shutil.copyfileobj(source, file, 1 << 20)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    found = copy.stat()
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def sync_folder(folder: Path) -> None:
    """See that the names in a folder are on the disk, where the system lets us."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _like(target: Path, before: os.stat_result, copy: Path, handle: int) -> None:
    """Give a copy the owner, the mode and the attributes of a file."""
    if hasattr(os, "fchown"):
        own = os.fstat(handle)
        if (own.st_uid, own.st_gid) != (before.st_uid, before.st_gid):
            os.fchown(handle, before.st_uid, before.st_gid)
    if hasattr(os, "listxattr"):
        held = _attributes(target)
        there = _attributes(copy)
        for name in there.keys() - held.keys():
            os.removexattr(copy, name)
        for name, value in held.items():
            if there.get(name) != value:
                os.setxattr(copy, name, value)
    # Last: another owner takes some bits away.
    copy.chmod(stat.S_IMODE(before.st_mode))


def _attributes(path: Path) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(path, name) for name in os.listxattr(path)}
    except OSError:
        # A file system without.
        return {}


def lock(handle: int) -> None:
    """Lock a copy as long as it is open; raise BlockingIOError where another has it."""
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR)
    try:
        lock(handle)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(
            path, f"cannot be written, and is as it was: {error.strerror or error}"
        ) from error

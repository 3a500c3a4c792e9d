"""What comes from a browser: limited, looked at, and kept for as long as its session.

A file is what its first bytes say, whatever it is called and whatever the browser claims. It lies
under a name of our own in a folder that only this user can open; what somebody called it is text
that is shown, and never part of a path.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import shutil
import tempfile
import unicodedata
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from earmark.extract.audio import mp3
from earmark.extract.errors import UploadError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AudioFormat", "Limits", "Scratch", "Upload", "shown", "sniff", "sweep", "temporary"]

PIECE = 2**20
"""Bytes that are copied at a time."""

HEAD = 2**16
"""Bytes that a file is judged by; some MP3s begin with a long silence of zeros."""

LONGEST_NAME = 120
"""Characters of a name that are shown."""

PREFIX = "earmark-app-"


@dataclass(frozen=True)
class AudioFormat:
    """What a file is.

    Parameters
    ----------
    name : str
        For people, such as ``FLAC``.
    suffix : str
        For the name that we give it.
    """

    name: str
    suffix: str


MP3 = AudioFormat("MP3", ".mp3")
MP4 = AudioFormat("MP4", ".m4a")

# What a file is where these bytes stand at these places: what our decoders read, and only that.
_AUDIO: tuple[tuple[dict[int, bytes], AudioFormat], ...] = (
    ({0: b"fLaC"}, AudioFormat("FLAC", ".flac")),
    ({0: b"OggS"}, AudioFormat("Ogg", ".ogg")),
    ({0: b"RIFF", 8: b"WAVE"}, AudioFormat("WAV", ".wav")),
    *(
        ({0: form, 8: b"WAVE"}, AudioFormat("RF64", ".rf64"))
        for form in (b"RF64", b"BW64", b"RIFX")
    ),
    ({0: b"FORM", 8: b"AIFF"}, AudioFormat("AIFF", ".aiff")),
    ({0: b"FORM", 8: b"AIFC"}, AudioFormat("AIFF", ".aifc")),
    ({0: b"riff\x2e\x91\xcf\x11"}, AudioFormat("Wave64", ".w64")),
    ({0: b".snd"}, AudioFormat("AU", ".au")),
    ({0: b"caff"}, AudioFormat("CAF", ".caf")),
    *(({4: box}, MP4) for box in (b"ftyp", b"moov", b"mdat", b"wide")),
    (
        {0: b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"},
        AudioFormat("WMA", ".wma"),
    ),
    ({0: b"MAC "}, AudioFormat("Monkey's Audio", ".ape")),
    ({0: b"wvpk"}, AudioFormat("WavPack", ".wv")),
    ({0: b"TTA1"}, AudioFormat("True Audio", ".tta")),
    ({0: b"MPCK"}, AudioFormat("Musepack", ".mpc")),
    ({0: b"MP+"}, AudioFormat("Musepack", ".mpc")),
    ({0: b"\x0b\x77"}, AudioFormat("AC-3", ".ac3")),
    ({0: b"\x7f\xfe\x80\x01"}, AudioFormat("DTS", ".dts")),
    ({0: b"#!AMR"}, AudioFormat("AMR", ".amr")),
    ({0: b"DSD "}, AudioFormat("DSF", ".dsf")),
)

_OTHERS: tuple[tuple[dict[int, bytes], str], ...] = (
    ({0: b"%PDF"}, "a PDF"),
    ({0: b"PK\x03\x04"}, "a ZIP archive (or an Office document); unpack it first"),
    ({0: b"PK\x05\x06"}, "an empty ZIP archive"),
    ({0: b"Rar!"}, "a RAR archive; unpack it first"),
    ({0: b"7z\xbc\xaf\x27\x1c"}, "a 7z archive; unpack it first"),
    ({0: b"\x1f\x8b"}, "a gzip archive; unpack it first"),
    ({0: b"BZh"}, "a bzip2 archive; unpack it first"),
    ({0: b"\xfd7zXZ"}, "an xz archive; unpack it first"),
    ({257: b"ustar"}, "a tar archive; unpack it first"),
    ({0: b"\x89PNG"}, "a picture (PNG)"),
    ({0: b"\xff\xd8\xff"}, "a picture (JPEG)"),
    ({0: b"GIF8"}, "a picture (GIF)"),
    ({0: b"RIFF", 8: b"WEBP"}, "a picture (WebP)"),
    ({0: b"II*\x00"}, "a picture (TIFF)"),
    ({0: b"MM\x00*"}, "a picture (TIFF)"),
    ({0: b"RIFF", 8: b"AVI "}, "an AVI video"),
    ({0: b"FLV\x01"}, "a Flash video"),
    ({0: b"\x00\x00\x01\xba"}, "an MPEG video"),
    ({0: b".RMF"}, "a RealMedia file"),
    ({0: b".ra\xfd"}, "a RealAudio file"),
    ({0: b"MThd"}, "a MIDI file, which holds notes and no sound"),
    ({0: b"#EXTM3U"}, "a playlist; upload the files that it names"),
    ({0: b"[playlist]"}, "a playlist; upload the files that it names"),
    ({0: b"\x7fELF"}, "a program"),
    ({0: b"MZ"}, "a program"),
    ({0: b"\xd0\xcf\x11\xe0"}, "an old Office document"),
    ({0: b"{\\rtf"}, "an RTF document"),
    ({0: b"PAR1"}, "a Parquet table"),
    ({0: b"SQLite format 3"}, "an SQLite database"),
)

ACCEPTED = "Music is taken as MP3, FLAC, WAV, M4A, Ogg, AIFF and the like."


@dataclass(frozen=True)
class Limits:
    """How much may be kept.

    Parameters
    ----------
    file_bytes : int
        Of one file.
    files : int
        In one session.
    session_bytes : int
        Of all files of a session.
    """

    file_bytes: int = 200 * 10**6
    files: int = 50
    session_bytes: int = 1000 * 10**6


@dataclass(frozen=True)
class Upload:
    """A file that was kept.

    Parameters
    ----------
    name : str
        What somebody called it: to be shown as text.
    path : Path
        Where it is, under a name of our own.
    kind : AudioFormat
        What it is.
    size : int
        In bytes.
    """

    name: str
    path: Path
    kind: AudioFormat
    size: int


class Scratch:
    """The private folder of a session, which goes when it does.

    Parameters
    ----------
    limits : Limits
        How much it may hold of what is uploaded.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        try:
            self.path = Path(tempfile.mkdtemp(prefix="session-", dir=_home()))
        except OSError as error:
            raise WriteError(tempfile.gettempdir(), _reason(error)) from error
        self._kept: list[Upload] = []
        # Also where nobody calls `close`, and at the end of the process.
        self._remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """What is kept, in the order in which it came."""
        return tuple(self._kept)

    def keep(self, name: str, source: BinaryIO) -> Upload:
        """Copy what was uploaded.

        Parameters
        ----------
        name : str
            What somebody calls it.
        source : binary file
            What the browser sent; it is read to its end, and no further than it may be long.

        Raises
        ------
        UploadError
            It is no audio, too large, or one too many; or there is no room for it.
        """
        name, limits = shown(name), self.limits
        if len(self._kept) >= limits.files:
            raise UploadError(
                name, f"is one too many: {limits.files} files are kept here; remove some first"
            )
        path = self.path / f"{secrets.token_hex(8)}.part"
        left = limits.session_bytes - sum(upload.size for upload in self._kept)
        try:
            with path.open("xb+") as target:
                size = 0
                while piece := source.read(PIECE):
                    size += len(piece)
                    if size > limits.file_bytes:
                        raise UploadError(
                            name,
                            f"is larger than {_megabytes(limits.file_bytes)}, which is the limit "
                            "here; a shorter piece, or an MP3 of it, will do",
                        )
                    if size > left:
                        raise UploadError(
                            name,
                            f"does not fit: {_megabytes(limits.session_bytes)} are kept of all "
                            "your files together; remove some first",
                        )
                    target.write(piece)
                target.flush()
                kind, instead = sniff(target)
            if kind is None:
                raise UploadError(name, instead)
            final = path.with_suffix(kind.suffix)
            path.rename(final)
        except OSError as error:
            raise UploadError(name, _reason(error)) from error
        finally:
            path.unlink(missing_ok=True)
        self._kept.append(Upload(name, final, kind, size))
        return self._kept[-1]

    def keep_table(self, name: str, source: BinaryIO) -> Path:
        """Copy a table that was uploaded; whether it is one is seen when a worker reads it.

        Parameters
        ----------
        name, source
            As for `keep`.

        Raises
        ------
        UploadError
            It is neither Parquet nor text, or too large; or there is no room for it.
        """
        name, most = shown(name), self.limits.file_bytes
        piece = source.read(PIECE)
        parquet = piece.startswith(b"PAR1")
        if not piece.strip():
            raise UploadError(name, "is empty")
        if not parquet and b"\0" in piece:
            raise UploadError(name, "is no table: upload CSV or Parquet")
        path = self.path / f"{secrets.token_hex(8)}.part"
        size = 0
        try:
            with path.open("xb") as target:
                while piece:
                    size += len(piece)
                    if size > most:
                        raise UploadError(
                            name, f"is larger than {_megabytes(most)}, which is the limit here"
                        )
                    target.write(piece)
                    piece = source.read(PIECE)
            return path.rename(path.with_suffix(".parquet" if parquet else ".csv"))
        except OSError as error:
            raise UploadError(name, _reason(error)) from error
        finally:
            path.unlink(missing_ok=True)

    def remove(self, upload: Upload) -> None:
        """Forget one file and make room for another; what is forgotten already stays so."""
        with contextlib.suppress(ValueError):
            self._kept.remove(upload)
        upload.path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all files that were uploaded, before others take their place."""
        for upload in self.uploads:
            self.remove(upload)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        self._kept.clear()
        self._remove()


def shown(name: str) -> str:
    """Return what is shown of a name: one short line that can do nothing to the text around it.

    Control characters and those that turn the direction of writing are left out, as are folders;
    what is too long loses its middle. It is text: whoever shows it escapes it.
    """
    name = "".join(
        " " if character.isspace() else character
        for character in name.replace("\\", "/")
        if character.isspace() or unicodedata.category(character)[0] != "C"
    )
    # Only now: what is left may be nothing but a dot, which names a folder.
    parts = (" ".join(part.split()) for part in reversed(name.split("/")))
    name = unicodedata.normalize("NFC", next((part for part in parts if part.strip(".")), ""))
    if len(name) > LONGEST_NAME:
        half = LONGEST_NAME // 2
        name = f"{name[: half - 1]}…{name[-half:]}"
    return name or "a file without a name"


def sniff(file: BinaryIO) -> tuple[AudioFormat | None, str]:
    """Say what a file is by its content.

    Parameters
    ----------
    file : binary file
        That can be searched; where it is read is moved.

    Returns
    -------
    kind : AudioFormat, optional
        None for what is not taken.
    instead : str
        What is said of it then, to follow its name.
    """
    start = 0
    for _ in range(4):
        # A tag may be as long as the picture in it, and some programs put one before another.
        start = mp3.after_tag(file, start)
    file.seek(start)
    head = file.read(HEAD)
    if not head and start:
        return None, "holds a tag and no music; copy it again from where it came"
    if not head:
        return None, "is empty (0 bytes); was the upload interrupted?"
    kind = _audio(head)
    return kind, "" if kind else f"is {_instead(head)}. {ACCEPTED}"


def _audio(head: bytes) -> AudioFormat | None:
    for marks, kind in _AUDIO:
        if _has(head, marks):
            return kind
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return (
            AudioFormat("WebM", ".webm")
            if b"webm" in head[:64]
            else AudioFormat("Matroska", ".mka")
        )
    if _is_adts(head):
        return AudioFormat("AAC", ".aac")
    # The sync of layer II; of the first frame alone, but no other file begins with it.
    if head[0] == 0xFF and head[1:2] and head[1] & 0xF6 == 0xF4:
        return AudioFormat("MP2", ".mp2")
    if any(_has(head, marks) for marks, _ in _OTHERS):
        return None
    return MP3 if mp3.begins(head) else None


def _has(head: bytes, marks: dict[int, bytes]) -> bool:
    return all(head.startswith(mark, at) for at, mark in marks.items())


def _is_adts(head: bytes) -> bool:
    """Tell whether frames of AAC follow one another from the beginning."""
    at, count = 0, 0
    while count < 3 and at + 7 <= len(head):
        if head[at] != 0xFF or head[at + 1] & 0xF6 != 0xF0:
            return False
        length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
        if length < 7:
            return False
        at, count = at + length, count + 1
    return count > 0


def _instead(head: bytes) -> str:
    """Name what is no audio."""
    for marks, name in _OTHERS:
        if _has(head, marks):
            return name
    # A character may be cut at the end of what was read.
    text = head.decode("utf-8", "ignore")
    if b"\0" not in head and len(text.encode()) > 0.9 * len(head):
        text = text.lstrip("\ufeff \t\r\n").lower()
        if text.startswith(("<!doctype html", "<html")) or "<html" in text[:1000]:
            return "a web page (HTML); was it saved in place of the music?"
        if text.startswith(("<?xml", "<svg")):
            return "an XML or SVG file"
        return "text"
    if not head.strip(b"\0"):
        return "nothing but zeros; copy it again from where it came"
    return "no audio in a format that is known here"


# --- Where it is kept --------------------------------------------------------------------------


@functools.cache
def _home() -> Path:
    """Return the folder of this process, after those of processes that were killed are gone."""
    with contextlib.suppress(OSError):
        sweep()
    home, held = _make()
    weakref.finalize(_home, _forget, home, held)
    return home


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """Give a folder for a while; it is swept where the process is killed meanwhile."""
    folder, held = _make()
    try:
        yield folder
    finally:
        _forget(folder, held)


def _make() -> tuple[Path, TextIO]:
    """Make a folder that is swept once the file that is returned with it is closed."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    held = (folder / "new").open("w")
    # Where there are no locks, the folder is none that is swept.
    with contextlib.suppress(OSError):
        _lock(held)
        # From here on it counts as somebody's; the lock ends with the process, however it ends.
        (folder / "new").rename(folder / "lock")
    return folder, held


def _forget(folder: Path, held: TextIO) -> None:
    # Windows removes no file that is open.
    held.close()
    shutil.rmtree(folder, ignore_errors=True)


def sweep(where: Path | None = None) -> int:
    """Remove what processes that were killed have left behind, and return how many did.

    Parameters
    ----------
    where : Path, optional
        By default the folder for temporary files.
    """
    removed = 0
    for folder in _ours(where or Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError), (folder / "lock").open("r+") as file:
            _lock(file)
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _ours(where: Path) -> Iterator[Path]:
    """Yield the folders that a process of this user made."""
    for folder in where.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not (folder / "lock").is_file():
            continue
        if not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid():
            yield folder


def _lock(file: TextIO) -> None:
    """Lock a file for as long as it is open, or raise OSError where somebody else has."""
    try:
        import fcntl
    except ImportError:
        # Without locks of this kind, nothing is ever swept that might be in use.
        raise OSError(errno.ENOSYS, "no locks") from None
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _megabytes(size: int) -> str:
    return f"{size / 10**6:.0f} MB"


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "cannot be kept: the disk of the server is full; try again later, or tell whoever "
            "runs it"
        )
    return f"cannot be kept: {error.strerror or error}"

"""The audio formats: how files of each are called, how they begin, and what browsers play of them.

This is the one table of them. A folder is searched for the suffixes, an upload is recognised by
its first bytes, and the app's player decides by type and codec what it has to convert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.extract.audio import chunks, flac, mp3, ogg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from earmark.extract.audio.extent import Extent

__all__ = [
    "AAC",
    "FORMATS",
    "MIME_TYPES",
    "OTHER",
    "SUFFIXES",
    "AudioFormat",
    "find_adts",
    "has_magic",
    "identify",
]


@dataclass(frozen=True, eq=False)
class AudioFormat:
    """A format of audio files.

    Parameters
    ----------
    name : str
        For people, such as ``FLAC``.
    suffixes : tuple of str
        Endings of its files, in lower case; a file that we name gets the first.
    magic : tuple of mapping of int to bytes
        What its files begin with: for each variant, which bytes stand at which offsets.
    check : callable, optional
        Tells by the first bytes of a file whether it is of this format, where `magic` leaves it
        open.
    mime : str
        The media type under which it is served; empty where no browser plays it.
    codecs : frozenset of str
        What browsers play in it, as FFmpeg calls it.
    extent : callable, optional
        Tells whether a file, between two positions, is as long as its header says: then libsndfile
        reads it. FFmpeg reads formats without.
    takes_id3 : bool
        Whether ID3 and APE tags stand before it as a rule.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[Mapping[int, bytes], ...] = ()
    check: Callable[[bytes], bool] | None = None
    mime: str = ""
    codecs: frozenset[str] = frozenset()
    extent: Callable[[BinaryIO, int, int], Extent] | None = None
    takes_id3: bool = False

    @property
    def suffix(self) -> str:
        """The ending that we give to its files."""
        return self.suffixes[0]

    def matches(self, head: bytes) -> bool:
        """Tell whether a file that begins with these bytes is of this format."""
        if self.magic and not any(has_magic(head, magic) for magic in self.magic):
            return False
        return self.check(head) if self.check else bool(self.magic)


def has_magic(head: bytes, magic: Mapping[int, bytes]) -> bool:
    """Tell whether bytes stand at their offsets."""
    return all(head.startswith(mark, offset) for offset, mark in magic.items())


MOST_JUNK = 8192
"""Bytes that may stand before the first frame of AAC."""


def _is_adts(head: bytes, at: int = 0) -> bool:
    """Tell whether frames of AAC follow one another from the beginning, or a position."""
    count = 0
    while count < 3 and at + 7 <= len(head):
        if head[at] != 0xFF or head[at + 1] & 0xF6 != 0xF0:
            return False
        length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
        if length < 7:
            return False
        at, count = at + length, count + 1
    return count > 0


def find_adts(head: bytes) -> int:
    """Return where frames of AAC begin to follow one another; -1 for nowhere."""
    at = head.find(b"\xff")
    # Further on they may be those of a container that is damaged.
    while 0 <= at < MOST_JUNK:
        # Frames at the very end might be an accident.
        if at + 4096 < len(head) and _is_adts(head, at):
            return at
        at = head.find(b"\xff", at + 1)
    return -1


def _is_layer_2(head: bytes) -> bool:
    """Tell whether a frame of MPEG layer II stands at the beginning; no other file begins so."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF4


def _is_webm(head: bytes) -> bool:
    return b"webm" in head[:64]


_EBML = {0: b"\x1a\x45\xdf\xa3"}
_ASF = {0: b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"}

AAC = AudioFormat(
    "AAC",
    (".aac", ".adts"),
    check=_is_adts,
    mime="audio/aac",
    codecs=frozenset({"aac"}),
    takes_id3=True,
)

MP3 = AudioFormat(
    "MP3",
    (".mp3", ".mpga"),
    check=mp3.begins,
    mime="audio/mpeg",
    codecs=frozenset({"mp3"}),
    extent=mp3.extent,
    takes_id3=True,
)

FORMATS = (
    AudioFormat(
        "FLAC",
        (".flac",),
        ({0: b"fLaC"},),
        mime="audio/flac",
        codecs=frozenset({"flac"}),
        extent=flac.extent,
    ),
    AudioFormat(
        "Ogg",
        (".ogg", ".oga", ".opus", ".spx", ".ogx"),
        ({0: b"OggS"},),
        mime="audio/ogg",
        codecs=frozenset({"vorbis", "opus", "flac"}),
        extent=ogg.extent,
    ),
    AudioFormat(
        "WAV",
        (".wav", ".wave"),
        ({0: b"RIFF", 8: b"WAVE"},),
        mime="audio/wav",
        codecs=frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"}),
        extent=chunks.wav,
    ),
    AudioFormat(
        "RF64",
        (".rf64",),
        tuple({0: form, 8: b"WAVE"} for form in (b"RF64", b"BW64", b"RIFX")),
        extent=chunks.rf64,
    ),
    AudioFormat("Wave64", (".w64",), ({0: b"riff\x2e\x91\xcf\x11"},), extent=chunks.wave64),
    AudioFormat(
        "AIFF",
        (".aiff", ".aif", ".aifc"),
        ({0: b"FORM", 8: b"AIFF"}, {0: b"FORM", 8: b"AIFC"}),
        extent=chunks.aiff,
    ),
    AudioFormat("AU", (".au", ".snd"), ({0: b".snd"},), extent=chunks.au),
    AudioFormat("CAF", (".caf",), ({0: b"caff"},), extent=chunks.caf),
    AudioFormat(
        "MP4",
        (".m4a", ".m4b", ".m4p", ".m4r", ".mp4", ".m4v", ".mov", ".3gp", ".3g2"),
        tuple({4: box} for box in (b"ftyp", b"moov", b"mdat", b"wide")),
        mime="audio/mp4",
        codecs=frozenset({"aac", "mp3"}),
    ),
    AudioFormat("WMA", (".wma", ".wmv", ".asf"), (_ASF,)),
    AudioFormat("Monkey's Audio", (".ape",), ({0: b"MAC "},)),
    AudioFormat("WavPack", (".wv",), ({0: b"wvpk"},)),
    AudioFormat("True Audio", (".tta",), ({0: b"TTA1"},), takes_id3=True),
    AudioFormat("Musepack", (".mpc",), ({0: b"MPCK"}, {0: b"MP+"})),
    # Packets of 188 bytes. Its own ending, .ts, is that of programs too.
    AudioFormat("MPEG-TS", (".m2t",), ({0: b"G", 188: b"G", 376: b"G"},)),
    AudioFormat("AC-3", (".ac3", ".eac3", ".ec3"), ({0: b"\x0b\x77"},)),
    AudioFormat("DTS", (".dts",), ({0: b"\x7f\xfe\x80\x01"},)),
    AudioFormat("AMR", (".amr",), ({0: b"#!AMR"},)),
    AudioFormat("TAK", (".tak",), ({0: b"tBaK"},)),
    AudioFormat("Shorten", (".shn",), ({0: b"ajkg"},)),
    AudioFormat("TrueHD", (".thd", ".mlp"), ({4: b"\xf8\x72\x6f\xba"}, {4: b"\xf8\x72\x6f\xbb"})),
    AudioFormat("DSF", (".dsf",), ({0: b"DSD "},)),
    AudioFormat("DSDIFF", (".dff",), ({0: b"FRM8", 12: b"DSD "},)),
    AudioFormat("VOC", (".voc",), ({0: b"Creative Voice File"},)),
    AudioFormat("RealMedia", (".rm", ".ra"), ({0: b".RMF"}, {0: b".ra\xfd"})),
    AudioFormat(
        "WebM",
        (".webm", ".weba"),
        (_EBML,),
        _is_webm,
        mime="audio/webm",
        codecs=frozenset({"vorbis", "opus"}),
    ),
    AudioFormat("Matroska", (".mka", ".mkv"), (_EBML,)),
    AAC,
    AudioFormat("MP2", (".mp2", ".mp1"), check=_is_layer_2, takes_id3=True),
    # Last: frames of MP3 may begin anywhere, also in files of other formats.
    MP3,
)
"""What our decoders read; the first that matches is what a file is."""

OTHER = AudioFormat("another format", (".audio",))
"""What FFmpeg reads and the table does not know."""

SUFFIXES = frozenset(suffix for each in FORMATS for suffix in each.suffixes)
"""All endings, in lower case."""

MIME_TYPES = {suffix: each.mime for each in FORMATS if each.mime for suffix in each.suffixes}
"""The media types of what browsers play, by the ending of the file."""


def identify(head: bytes) -> AudioFormat | None:
    """Return the format of a file by its first bytes, without the tag that may stand before them.

    Parameters
    ----------
    head : bytes
        Some tens of thousands; fewer where the file is shorter.

    Returns
    -------
    AudioFormat or None
        None where it is no format that is known here.

    Examples
    --------
    >>> identify(b"fLaC" + bytes(100)).name
    'FLAC'
    """
    return next((each for each in FORMATS if each.matches(head)), None)

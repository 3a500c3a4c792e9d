"""What an upload is by its content, whatever it is called and whatever the browser claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from earmark.extract.audio import decode, formats
from earmark.extract.audio.recognise import recognise

if TYPE_CHECKING:
    from earmark.extract.audio.formats import AudioFormat

__all__ = ["sniff"]

ACCEPTED = "Music is taken as MP3, FLAC, WAV, M4A, Ogg, AIFF and the like."


def sniff(file: BinaryIO) -> tuple[AudioFormat | None, str]:
    """Return the audio format of a file, or say what it is instead.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.

    Returns
    -------
    audio_format : AudioFormat or None
        None where it is no audio that is taken here.
    problem : str
        What it is then, to follow its name in a message; else empty.
    """
    found = recognise(file)
    if found.format is not None:
        return found.format, ""
    if not found.stop:
        return None, "is empty (0 bytes); was the upload interrupted?"
    if found.start == found.stop:
        return None, "holds a tag and no music; copy it again from where it came"
    if not found.instead and decode.holds_sound(file, found):
        return formats.OTHER, ""
    again = "; copy it again from where it came" if found.instead == "nothing but zeros" else ""
    what = found.instead or "no audio in a format that is known here"
    return None, f"is {what}{again}. {ACCEPTED}"

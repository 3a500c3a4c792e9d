"""A player with waveform, mel spectrogram, beats and bars over one time axis.

The browser draws it (`picture.js`, `player.js`). The data are sent as one block of bytes, which
Streamlit sends again only when it changes; Streamlit serves the sound from memory, in the parts
that the browser requests, until no page shows it any more.
"""

from __future__ import annotations

import hashlib
import json
import struct
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from earmark.classify.app import _compat
from earmark.extract.audio import formats
from earmark.extract.config import DEFAULTS

if TYPE_CHECKING:
    from earmark.extract.preview import Preview

__all__ = ["TYPES", "pack", "show", "sound_type"]

TYPES = formats.MIME_TYPES
"""Media types that browsers play, by file extension. Files are served under no other type: as
text/html an upload could be opened as a page of this app."""

UNKNOWN = "application/octet-stream"

LONGEST = 300
"""Characters of a name that are sent at most."""


def show(preview: Preview, audio: Path | None, name: str, key: str) -> None:
    """Draw the player of a track.

    Parameters
    ----------
    preview : Preview
        The waveform, spectrogram and beats of the track.
    audio : Path or None
        A file that browsers play; None while there is none yet.
    name : str
        The name of the track: untrusted, shown as plain text.
    key : str
        The key of the player on the page. Another track under the same key replaces it.
    """
    sound = None if audio is None else _serve(audio, key)
    _component()(key=key, data=pack(preview, name, sound))


def pack(preview: Preview, name: str, sound: str | None) -> bytes:
    """Serialize the data of the player as one block of bytes.

    Four bytes hold the length of a header in JSON, little end first; then the header, then, each as
    long as the header says: times of the beats (float32), lowest, highest sample and root mean
    square of each column of the waveform (int8, 127 being the track's ``peak``), numbers of the
    beats in their bars (uint8), and the shades of the mel spectrogram, band after band (uint8).

    Parameters
    ----------
    preview : Preview
        The waveform, spectrogram and beats of the track.
    name : str
        The name of the track.
    sound : str or None
        The address of the sound.

    Returns
    -------
    bytes
        The same for the same track, so that it is sent once.
    """
    beats = preview.beats[np.isfinite(preview.beats["time"].to_numpy(float))].sort_values("time")
    wave = np.nan_to_num(preview.waveform.reshape(-1, 3), posinf=1, neginf=-1)
    peak = float(np.abs(wave).max(initial=0)) or 1.0
    mel = np.ascontiguousarray(preview.mel, np.uint8)
    seen = (
        np.rint(wave / peak * 127).astype(np.int8).tobytes(),
        np.nan_to_num(beats["beat"].to_numpy(float)).clip(0, 255).astype(np.uint8).tobytes(),
        mel.tobytes(),
    )
    header = {
        "name": name[:LONGEST],
        "sound": sound,
        # Other beats or another sound file keep the track, and the position in it.
        "track": hashlib.sha1(seen[0] + seen[2], usedforsecurity=False).hexdigest(),
        "duration": float(preview.duration),
        "beats": len(beats),
        "columns": len(wave),
        "peak": peak,
        "waveRate": float(preview.waveform_rate),
        "bands": mel.shape[0],
        "melColumns": mel.shape[1],
        "melRate": float(preview.mel_rate),
        "melStart": -0.5 / DEFAULTS.frame_rate,
        "frequencies": [round(float(hz), 1) for hz in preview.mel_frequencies],
    }
    text = json.dumps(header).encode()
    # Numbers of four bytes can be read in place only where their address is a multiple of four.
    text += b" " * (-len(text) % 4)
    times = beats["time"].to_numpy(np.float32).tobytes()
    return b"".join([struct.pack("<I", len(text)), text, times, *seen])


def sound_type(file: Path) -> str:
    """Return the media type under which a file is served."""
    return TYPES.get(file.suffix.lower(), UNKNOWN)


def _serve(audio: Path, key: str) -> str | None:
    """Register a file with the server of Streamlit, as `streamlit.audio` does; return its address.

    Streamlit keeps the file for this session for as long as each rerun of the page registers it
    again.
    """
    # Of the copies made for browsers the oldest go (`earmark.classify.app.files.transcode`).
    if not audio.is_file():
        return None
    return _compat.serve_media(audio, sound_type(audio), f"earmark.player.{key}")


@cache
def _component() -> Any:
    """Return the component of the player; its source files are read once."""
    here = Path(__file__)
    html, css, js = (here.with_suffix(end).read_text("utf-8") for end in (".html", ".css", ".js"))
    picture = here.with_name("picture.js").read_text("utf-8")
    return st.components.v2.component("earmark.player", html=html, css=css, js=picture + js)

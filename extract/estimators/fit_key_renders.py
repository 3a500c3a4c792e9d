"""Music whose key is known by construction: chord progressions, played by FluidSynth.

`fit_key.py` learns from progressions drawn at random, in four modes, by many instruments, fast and
slow; `benchmarks/keys.py` measures on the common ones, none of which is drawn here. Needs Debian's
packages ``fluidsynth`` and ``fluid-soundfont-gm``.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMON", "MAJOR_MODES", "MINOR_MODES", "Song", "drawn", "render", "song_in"]

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")

INSTALL = "apt-get install fluidsynth fluid-soundfont-gm"

TICKS = 480
BAR = 4 * TICKS

Chord = tuple[int, tuple[int, ...]]
"""The root in semitones above the tonic, and the notes above the root."""

MAJOR, MINOR, FIFTH = (0, 4, 7), (0, 3, 7), (0, 7)

MAJOR_MODES, MINOR_MODES = ("major", "mixolydian"), ("minor", "dorian")

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}

CHORDS: dict[str, dict[Chord, float]] = {
    "major": {
        (0, MAJOR): 1.5,
        **{(2, MINOR): 0.8, (4, MINOR): 0.5, (5, MAJOR): 1.6, (7, MAJOR): 1.6, (9, MINOR): 1.2},
    },
    "minor": {
        (0, MINOR): 1.8,
        **{(3, MAJOR): 1.0, (5, MINOR): 1.2, (7, MINOR): 0.6, (7, MAJOR): 0.7},
        **{(8, MAJOR): 1.3, (10, MAJOR): 1.4},
    },
    "dorian": {
        (0, MINOR): 1.6,
        **{(2, MINOR): 0.6, (3, MAJOR): 0.7, (5, MAJOR): 2.0, (7, MINOR): 0.7, (10, MAJOR): 1.2},
    },
    "mixolydian": {
        (0, MAJOR): 1.5,
        **{(2, MINOR): 0.4, (5, MAJOR): 1.3, (7, MINOR): 0.7, (9, MINOR): 0.4, (10, MAJOR): 2.0},
    },
}
"""How common the chords of each mode are, its tonic first."""

COMMON: dict[str, tuple[tuple[Chord, ...], ...]] = {
    "major": (
        ((0, MAJOR), (7, MAJOR), (9, MINOR), (5, MAJOR)),
        ((0, MAJOR), (5, MAJOR), (7, MAJOR), (0, MAJOR)),
        ((0, MAJOR), (9, MINOR), (5, MAJOR), (7, MAJOR)),
        ((0, MAJOR), (2, MINOR), (7, MAJOR), (0, MAJOR)),
    ),
    "minor": (
        ((0, MINOR), (8, MAJOR), (3, MAJOR), (10, MAJOR)),
        ((0, MINOR), (5, MINOR), (7, MINOR), (0, MINOR)),
        ((0, MINOR), (10, MAJOR), (8, MAJOR), (7, MAJOR)),
        ((0, MINOR), (8, MAJOR), (10, MAJOR), (0, MINOR)),
    ),
    "dorian": (
        ((0, MINOR), (5, MAJOR)),
        ((0, MINOR), (10, MAJOR), (5, MAJOR), (0, MINOR)),
        ((0, MINOR), (3, MAJOR), (5, MAJOR), (0, MINOR)),
    ),
    "mixolydian": (
        ((0, MAJOR), (10, MAJOR), (5, MAJOR), (0, MAJOR)),
        ((0, MAJOR), (7, MINOR), (5, MAJOR), (0, MAJOR)),
        ((0, MAJOR), (10, MAJOR)),
    ),
}
"""The progressions that are judged."""

# Pianos, organs, guitars, strings, voices, brass, synthesisers: General MIDI's numbers from 0.
CHORD_PROGRAMS = (
    *(0, 1, 2, 4, 5, 6, 7, 11, 16, 17, 18, 19, 24, 25, 26, 27, 28, 29, 30, 46, 48, 49, 50, 52),
    *(61, 62, 80, 81, 88, 89, 90, 95),
)
BASS_PROGRAMS = (32, 33, 34, 35, 36, 38, 39, 43, 58)
LEAD_PROGRAMS = (0, 4, 11, 22, 25, 40, 52, 56, 65, 66, 71, 73, 80, 81, 85)
DISTORTED = (29, 30)
PLAYERS = ((110, 3, 37), (92, 21, 42), (128, 51, 87), (144, 105, 57))
"""Tempo, chords and bass of what is judged: honky-tonk and slap bass, accordion and cello,
synthetic strings and bass, banjo and trombone."""
CHORD_CHANNEL, BASS_CHANNEL, LEAD_CHANNEL, DRUM_CHANNEL = 0, 1, 2, 9
KICK, SNARE, HAT = 36, 38, 42


@dataclass
class Song:
    """Notes of the four channels, and what is known of them.

    Parameters
    ----------
    bpm : float
        Tempo.
    key, mode : int, str
        Tonic as a pitch class, and one of `SCALES`.
    events : list of (int, tuple of int)
        MIDI messages and their times in ticks.
    """

    bpm: float
    key: int
    mode: str
    events: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The key among the 24: minor from C upwards, then major."""
        return 12 * (self.mode in MAJOR_MODES) + self.key

    def program(self, channel: int, number: int) -> None:
        """Choose the instrument of a channel."""
        self.events.append((0, (0xC0 | channel, number)))

    def note(self, channel: int, pitch: int, at: int, ticks: int, velocity: float) -> None:
        """Play a note."""
        loud = int(np.clip(velocity, 1, 127))
        self.events.append((at, (0x90 | channel, pitch, loud)))
        self.events.append((at + max(ticks, 20), (0x80 | channel, pitch, 0)))

    def midi(self) -> bytes:
        """Return it as a standard MIDI file."""
        track = b"\x00\xff\x51\x03" + int(6e7 / self.bpm).to_bytes(3, "big")
        now = 0
        # What ends comes before what begins.
        for at, message in sorted(self.events, key=lambda event: (event[0], event[1][0] >= 0x90)):
            track += _length(at - now) + bytes(message)
            now = at
        track += b"\x00\xff\x2f\x00"
        head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS)
        return head + b"MTrk" + struct.pack(">I", len(track)) + track


def _length(ticks: int) -> bytes:
    """Return a number as MIDI writes it: seven bits to a byte."""
    parts = [ticks & 127]
    while ticks := ticks >> 7:
        parts.append(128 | ticks & 127)
    return bytes(parts[::-1])


def render(song: Song, folder: Path, soundfont: Path = SOUNDFONT) -> Path:
    """Write a song as ``song.wav`` into a folder.

    Raises
    ------
    SystemExit
        FluidSynth or the soundfont is not there; the message says how to install them.
    """
    if shutil.which("fluidsynth") is None or not soundfont.exists():
        raise SystemExit(f"fluidsynth and {soundfont} play the progressions: {INSTALL}")
    notes, audio = folder / "song.mid", folder / "song.wav"
    notes.write_bytes(song.midi())
    options = ["-ni", "-q", "-g", "0.5", "-r", "22050"]
    command: list[str | Path] = ["fluidsynth", *options, "-F", audio, soundfont, notes]
    subprocess.run(command, check=True, capture_output=True)
    return audio


def song_in(key: int, mode: str, chords: Sequence[Chord], number: int = 0, start: int = 0) -> Song:
    """Return twelve bars of a progression: chords on each beat, roots in the bass, drums.

    Parameters
    ----------
    key, mode : int, str
        See `Song`.
    chords : sequence of Chord
        One for each bar, again and again.
    number : int
        Chooses tempo and instruments, of which no song that is `drawn` has any.
    start : int
        Which chord it begins with, as an excerpt does.
    """
    bpm, program, bass = PLAYERS[number % len(PLAYERS)]
    song = Song(bpm, key, mode)
    song.program(CHORD_CHANNEL, program)
    song.program(BASS_CHANNEL, bass)
    for bar in range(12):
        root, notes = chords[(start + bar) % len(chords)]
        pitch = (key + root) % 12
        for at in range(bar * BAR, (bar + 1) * BAR, TICKS):
            for step in notes:
                song.note(CHORD_CHANNEL, 60 + (pitch + step) % 12, at, 440, 70)
            song.note(BASS_CHANNEL, 36 + pitch if pitch < 8 else 24 + pitch, at, 440, 90)
            song.note(DRUM_CHANNEL, SNARE if at // TICKS % 2 else KICK, at, 100, 80)
            for half in (0, TICKS // 2):
                song.note(DRUM_CHANNEL, HAT, at + half, 100, 50)
    return song


def _progression(rng: np.random.Generator, mode: str) -> tuple[Chord, ...]:
    """Draw two to eight chords from the tonic on, but none of the common progressions."""
    chords = list(CHORDS[mode])
    tells = {"dorian": {(5, MAJOR)}, "mixolydian": {(10, MAJOR), (7, MINOR)}}.get(mode)
    while True:
        drawn = [chords[0]]
        for _ in range(int(rng.choice([1, 2, 3, 3, 3, 3, 5, 7]))):
            # It rarely stays where it is.
            odds = np.array([CHORDS[mode][c] * (0.15 if c == drawn[-1] else 1) for c in chords])
            drawn.append(chords[rng.choice(len(chords), p=odds / odds.sum())])
        common = tuple(drawn) in {each for group in COMMON.values() for each in group}
        if len(set(drawn)) > 1 and not common and (tells is None or tells & set(drawn)):
            return tuple(drawn)


def drawn(seed: int) -> Song:
    """Draw a song: mode, progression, tempo, instruments, how they play. Some 22 s long."""
    rng = np.random.default_rng(seed)
    mode = str(rng.choice(list(SCALES), p=[0.36, 0.34, 0.15, 0.15]))
    chords = _progression(rng, mode)
    song = Song(rng.uniform(68, 165), int(rng.integers(12)), mode)
    rounds = max(1, round(22 * song.bpm / 240 / len(chords)))
    bars = max(8, rounds * len(chords))
    # Some begin amid the progression, as excerpts do; half of them end on the tonic.
    start = int(rng.integers(len(chords))) if rng.random() < 0.12 else 0
    sequence = [chords[(start + bar) % len(chords)] for bar in range(bars)]
    if rng.random() < 0.5:
        sequence[-1] = chords[0]
    _play_chords(rng, song, sequence)
    _play_bass(rng, song, sequence)
    if rng.random() < 0.6:
        _play_lead(rng, song, sequence)
    if rng.random() < 0.65:
        _play_drums(song, bars, rng.uniform(40, 100))
    return song


def _play_chords(rng: np.random.Generator, song: Song, chords: list[Chord]) -> None:
    """Play the chords in one of five ways."""
    program = int(rng.choice(CHORD_PROGRAMS))
    song.program(CHORD_CHANNEL, program)
    style = rng.choice(["beats", "bars", "broken", "offbeat", "quavers"])
    lowest, velocity = int(rng.integers(50, 66)), rng.uniform(50, 85)
    sevenths, bare = rng.random() < 0.25, program in DISTORTED and rng.random() < 0.6
    for bar, (root, chord) in enumerate(chords):
        at, notes = bar * BAR, chord
        if bare:
            notes = FIFTH
        elif sevenths and rng.random() < 0.6:
            in_scale = notes == MAJOR and (root + 11) % 12 in SCALES[song.mode]
            notes = (*notes, 11 if in_scale else 10)
        pitches = [lowest + (song.key + root + step - lowest) % 12 for step in notes]
        if style == "broken":
            for number, when in enumerate(range(at, at + BAR, TICKS // 2)):
                pitch = sorted(pitches)[number % len(pitches)]
                song.note(CHORD_CHANNEL, pitch, when, 300, velocity)
            continue
        step = {"beats": TICKS, "bars": BAR}.get(style, TICKS // 2)
        for when in range(at, at + BAR, step):
            if style != "offbeat" or when // step % 2:
                for pitch in pitches:
                    song.note(CHORD_CHANNEL, pitch, when, step - 40, velocity)


def _play_bass(rng: np.random.Generator, song: Song, chords: list[Chord]) -> None:
    """Play the roots, with or without fifths and octaves, or nothing."""
    song.program(BASS_CHANNEL, int(rng.choice(BASS_PROGRAMS)))
    style = rng.choice(
        ["beats", "bars", "fifths", "octaves", "none"], p=[0.3, 0.25, 0.25, 0.12, 0.08]
    )
    velocity = rng.uniform(60, 105)
    if style == "none":
        return
    step = {"bars": BAR, "octaves": TICKS // 2}.get(style, TICKS)
    above = {"fifths": 7, "octaves": 12}.get(style, 0)
    for bar, (root, _) in enumerate(chords):
        pitch = 28 + (song.key + root - 28) % 12
        for number, at in enumerate(range(bar * BAR, (bar + 1) * BAR, step)):
            song.note(BASS_CHANNEL, pitch + above * (number % 2), at, step - 40, velocity)


def _play_lead(rng: np.random.Generator, song: Song, chords: list[Chord]) -> None:
    """Play a melody of the scale that prefers the notes of the chord on the beats."""
    song.program(LEAD_CHANNEL, int(rng.choice(LEAD_PROGRAMS)))
    scale, velocity, degree = SCALES[song.mode], rng.uniform(60, 100), 0
    rhythm = rng.random(8) < 0.5
    for bar, (root, notes) in enumerate(chords):
        for quaver in range(8):
            if not rhythm[quaver] and rng.random() < 0.7:
                continue
            if quaver % 2 == 0 and rng.random() < 0.65:
                step = root + notes[rng.integers(len(notes))]
            else:
                degree = int(np.clip(degree + rng.integers(-2, 3), -4, 8))
                step = scale[degree % 7]
            at, ticks = bar * BAR + quaver * TICKS // 2, 220 + 240 * int(rng.random() < 1 / 3)
            song.note(LEAD_CHANNEL, 72 + (song.key + step) % 12, at, ticks, velocity)


def _play_drums(song: Song, bars: int, velocity: float) -> None:
    """Play kick and snare in turn, and a hi-hat."""
    for quaver in range(8 * bars):
        at = quaver * TICKS // 2
        song.note(DRUM_CHANNEL, HAT, at, 100, 0.6 * velocity)
        if quaver % 2 == 0:
            song.note(DRUM_CHANNEL, SNARE if quaver % 4 else KICK, at, 100, velocity)

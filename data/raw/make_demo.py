"""Synthesise the six demo pieces and the table that tells what they are.

Every sound is made here from sines, noise and plucked delay lines; nothing is
sampled. Seeds are fixed, so a second run gives the same music.

    python make_demo.py [--out DIR]
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from scipy import signal

Audio = NDArray[np.float64]  # one voice is (samples,), a mix is (2, samples)
Voice = Callable[[int, float], Audio]  # (MIDI note, seconds) -> sound

RATE = 44100
ARTIST = "Earmark demo"
BIT_RATE = 112_000  # of the lossy files: the whole demo has to stay under 2 MB
CODECS = {"mp3": "libmp3lame", "m4a": "aac", "flac": "flac", "wav": "pcm_s16le"}
SEMITONE = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
CHORDS = {  # steps above the root; "1" is the root alone, "5" a power chord
    "": (0, 4, 7), "m": (0, 3, 7), "1": (0,), "5": (0, 7), "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10), "maj7": (0, 4, 7, 11), "m9": (0, 3, 7, 10, 14),
}  # fmt: skip

# --- Notation: note names, chord symbols, phrases ------------------------------------------


def pitch_class(name: str) -> int:
    """Pitch class of a note name: C is 0, ``Bb`` is 10."""
    return (SEMITONE[name[0]] + name.count("#") - name.count("b")) % 12


def chord(symbol: str, low: int) -> list[int]:
    """MIDI notes of a chord symbol, each in the octave above `low`.

    Folding into one octave keeps common tones where they are, which is most of voice leading.
    """
    size = 2 if symbol[1:2] in ("#", "b") else 1
    root, quality = pitch_class(symbol[:size]), symbol[size:]
    return sorted(low + (root + step - low) % 12 for step in CHORDS[quality])


def phrase(text: str) -> Iterator[tuple[float, float, int]]:
    """Read ``"C5:2 A4 | -:.5 G4:.5"`` as (beat, beats long, MIDI note).

    A colon gives the length (else one beat), ``-`` rests, bar lines are for the eye.
    """
    beat = 0.0
    for token in text.replace("|", " ").split():
        name, _, length = token.partition(":")
        beats = float(length or 1)
        if name != "-":
            yield beat, beats, pitch_class(name[:-1]) + 12 * (int(name[-1]) + 1)
        beat += beats


# --- Sound: filters, voices, drums, space ---------------------------------------------------


def clock(seconds: float) -> Audio:
    """Sample times from zero."""
    return np.arange(int(seconds * RATE)) / RATE


def noise(seconds: float, seed: int = 0) -> Audio:
    """White noise, the same for the same seed."""
    return np.random.default_rng(seed).uniform(-1, 1, int(seconds * RATE))


def band(sound: Audio, low: float = 1.0, high: float = 20e3, order: int = 2) -> Audio:
    """Keep the frequencies between `low` and `high` hertz.

    The response of cascaded RC filters: causal, so nothing rings ahead of an attack.
    """
    size = sound.shape[-1]
    s = 1j * np.fft.rfftfreq(2 * size, 1 / RATE)  # twice the length: the tail must not wrap
    response = (s / (s + low) * high / (s + high)) ** order
    return np.fft.irfft(np.fft.rfft(sound, 2 * size) * response)[..., :size]


@dataclass(frozen=True)
class Patch:
    """An additive voice; call it with a MIDI note and seconds.

    Parameters
    ----------
    partials, rolloff
        How many partials, and the power of 1/k by which they get weaker (1 is a sawtooth).
    odd
        Leave the even partials out: square waves, reeds.
    decay, damping
        Seconds in which the fundamental falls to 1/e, and how much sooner each next partial
        does: a low-pass that closes by itself.
    stretch
        Inharmonicity of a stiff string, which is what makes a piano a piano.
    cents
        Spread of three detuned copies; zero plays one.
    attack, release, vibrato
        Seconds, seconds, and the depth of a 5.5 Hz wobble in cents.
    """

    partials: int = 24
    rolloff: float = 1.0
    odd: bool = False
    decay: float = 1e9
    damping: float = 0.0
    stretch: float = 0.0
    cents: float = 0.0
    attack: float = 0.004
    release: float = 0.05
    vibrato: float = 0.0

    def __call__(self, note: int, seconds: float) -> Audio:
        """Play a note."""
        return tone(self, note, round(seconds, 4))


@lru_cache(maxsize=256)
def tone(patch: Patch, note: int, seconds: float) -> Audio:
    """One note of an additive voice, `seconds` held and then released."""
    t = clock(seconds + patch.release)
    k = np.arange(1, patch.partials + 1, 1 + patch.odd)[:, None]
    pitch = 440 * 2 ** ((note - 69) / 12) * k * np.sqrt(1 + patch.stretch * k**2)
    k, pitch = k[pitch < 0.4 * RATE, None], pitch[pitch < 0.4 * RATE, None]
    level = k**-patch.rolloff * np.exp(-t * (1 + patch.damping * (k - 1)) / patch.decay)
    wobble = patch.vibrato * np.log(2) / 1200 * -np.cos(2 * np.pi * 5.5 * t) / (2 * np.pi * 5.5)
    copies = (-patch.cents, 0.0, patch.cents) if patch.cents else (0.0,)
    sound = sum(
        (level * np.sin(2 * np.pi * pitch * 2 ** (c / 1200) * (t + wobble) + c)).sum(0)
        for c in copies
    )
    voiced: Audio = (
        sound * np.interp(t, [0, patch.attack, seconds, t[-1]], [0, 1, 1, 0]) / len(copies)
    )
    return voiced


def string(bright: float, sustain: float, take: int = 0) -> Voice:
    """Make a plucked string (Karplus-Strong): a burst of noise going round a leaky loop.

    The loop is averaged a whole period at a time, and the result stretched to the exact pitch,
    which a whole number of samples would miss. Takes after the first are played by a hand: each
    pluck is a little sharp at first, and no two of them are the same.
    """

    @lru_cache(maxsize=256)
    def pluck(note: int, seconds: float) -> Audio:
        period = RATE / (440 * 2 ** ((note - 69) / 12))
        size = round(period - 0.5)  # averaging two neighbours delays by the other half sample
        chance = np.random.default_rng(128 * take + note)
        loop = band(chance.uniform(-1, 1, size), high=bright)
        loop -= np.roll(loop, size // 8)  # plucked at an eighth of its length
        loss = np.exp(-period / RATE / sustain)
        turns = []
        for _ in range(int(1.01 * seconds * RATE / size) + 2):
            turns.append(loop)
            loop = loss * (loop + np.roll(loop, 1)) / 2
        t, wave = clock(seconds), np.concatenate(turns)
        hand = (chance.normal(0, 3) + 10 * np.exp(-t / 0.05)) * (take > 0)
        place = np.cumsum(2 ** (hand / 1200)) * (size + 0.5) / period
        wave = np.interp(place, np.arange(wave.size), wave)
        plucked: Audio = wave / np.abs(wave).max() * np.clip((seconds - t) / 0.02, 0, 1)
        return plucked

    return lambda note, seconds: pluck(note, round(seconds, 4))


@dataclass(frozen=True)
class Throat:
    """A voice: pulses of the vocal folds through the resonances of a mouth.

    Parameters
    ----------
    vowels
        What the mouth moves through while a note lasts, of `VOWELS`.
    size
        Of the mouth: below 1 the resonances lie higher, as women's do.
    breath, rough
        Noise beside the pulses, and how irregular they are: a shout, a growl.
    attack, vibrato, slide
        Seconds, cents at 5.5 Hz, and by how many semitones the pitch falls: speech.
    consonant
        Hertz around which a burst of noise lies before the vowel; 0 for none.
    """

    vowels: str = "a"
    size: float = 1.0
    breath: float = 0.02
    rough: float = 0.0
    attack: float = 0.02
    vibrato: float = 0.0
    slide: float = 0.0
    consonant: float = 0.0

    def __call__(self, note: int, seconds: float) -> Audio:
        """Sing a note."""
        return sung(self, note, round(seconds, 4))


VOWELS = {  # formants in hertz, of a man (Peterson and Barney, 1952)
    "a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010),
    "o": (570, 840, 2410), "u": (300, 870, 2240), "y": (390, 1990, 2550), "r": (490, 1350, 1690),
}  # fmt: skip


def mouth(sound: Audio, vowel: str, size: float) -> Audio:
    """Let three resonances of a vowel and two of every throat ring, side by side."""
    heard = np.zeros_like(sound)
    formants = (*VOWELS[vowel], 3400, 4500)
    for formant, width, gain in zip(
        formants, (80, 100, 140, 200, 260), (1, 0.6, 0.35, 0.2, 0.1), strict=True
    ):
        pole = np.exp((-np.pi * width + 2j * np.pi * formant / size) / RATE)
        ring = [1, -2 * pole.real, abs(pole) ** 2]
        heard += gain * signal.lfilter([1 - abs(pole), 0, abs(pole) - 1], ring, sound)
    return heard


@lru_cache(maxsize=512)
def sung(throat: Throat, note: int, seconds: float) -> Audio:
    """One note of a voice."""
    t = clock(seconds + 0.05)
    chance = np.random.default_rng(note)
    cents = throat.vibrato * np.sin(2 * np.pi * 5.5 * t) * np.clip(t / 0.4, 0, 1)
    cents -= 100 * throat.slide * np.linspace(-0.3, 1, t.size)
    wobble = band(chance.normal(0, 1, t.size), 2, 90 if throat.rough else 12, 1)
    cents += (15 + 900 * throat.rough) * wobble / max(np.abs(wobble).max(), 1e-9)
    phase = np.cumsum(440 * 2 ** ((note - 69 + cents / 100) / 12)) / RATE
    # The folds open gently and close with a snap (Klatt and Klatt, 1990).
    place = phase % 1
    pulse = np.where(place < 0.6, 2 * place - 3 * place**2 / 0.6, 0.0)
    pulse *= 1 + 0.1 * chance.normal(0, 1, int(phase[-1]) + 2)[phase.astype(int)]
    folds = pulse + throat.breath * chance.normal(0, 1, t.size) * (0.4 + place)
    steps = np.linspace(0, 1, len(throat.vowels)) if len(throat.vowels) > 1 else np.zeros(1)
    place = np.clip(t / seconds, 0, 1)
    sound = sum(
        np.interp(place, steps, np.eye(len(steps))[i]) * mouth(folds, vowel, throat.size)
        for i, vowel in enumerate(throat.vowels)
    )
    note_sung: Audio = sound / np.abs(sound).max()
    note_sung *= np.interp(t, [0, throat.attack, seconds, t[-1]], [0, 1, 0.8, 0])
    if throat.consonant:
        hiss = band(chance.normal(0, 1, t.size), throat.consonant / 1.4, throat.consonant * 1.4)
        note_sung *= np.clip((t - 0.03) / 0.03, 0, 1)
        note_sung += 0.6 * hiss / np.abs(hiss).max() * np.exp(-(((t - 0.025) / 0.025) ** 2))
    return note_sung


def kick(deep: float = 48, ring: float = 0.13, click: float = 1.0) -> Audio:
    """Bass drum: a sine falling to `deep` hertz, with the click of the beater.

    It sounds long enough to have a pitch, so tune it to the piece.
    """
    t = clock(ring * 4)
    body = np.sin(2 * np.pi * (deep * t + 5.0 * (1 - np.exp(-t / 0.025)))) * np.exp(-t / ring)
    return body + click * band(noise(ring * 4), 800, 5000) * np.exp(-t / 0.004)


def snare(ring: float = 0.09, low: float = 900) -> Audio:
    """Snare: two modes of the skin and the rattle of the wires."""
    t = clock(ring * 5)
    skin = np.sin(2 * np.pi * 196 * t) + 0.5 * np.sin(2 * np.pi * 330 * t)
    return 0.5 * skin * np.exp(-t / 0.045) + band(noise(ring * 5, 1), low) * np.exp(-t / ring)


def clap() -> Audio:
    """Hand clap: a few quick bursts of noise and the room after them."""
    t = clock(0.4)
    hands = ((0, 0.006), (0.011, 0.006), (0.022, 0.07))
    bursts = sum(np.exp(-np.maximum(t - late, 0) / ring) * (t >= late) for late, ring in hands)
    return 1.5 * band(noise(0.4, 2), 900, 3500) * bursts


def cymbal(ring: float, low: float = 7000, bell: float = 0.4) -> Audio:
    """Cymbals of old drum machines: out-of-tune squares and noise."""
    t = clock(ring * 5)
    metal = sum(np.sign(np.sin(2 * np.pi * f * t)) for f in (821, 1217, 1481, 2093, 2161, 3203))
    sound = band(bell * metal / 6 + (1 - bell) * noise(ring * 5, 3), low, 15e3)
    struck: Audio = sound / np.abs(sound).max() * np.exp(-t / ring) * np.clip(t / 0.001, 0, 1)
    return struck


def plate(ring: float, low: float = 7000, bell: float = 0.4, modes: int = 80) -> Audio:
    """Hats, ride, crash: many modes of a plate, the high ones soonest gone, and noise."""
    chance = np.random.default_rng(3)
    t = clock(ring * 5)
    metal = np.zeros_like(t)
    for pitch in np.sort(chance.uniform(low * 0.35, 15e3, modes)):
        fall = np.exp(-t / ring * (0.6 + 0.8 * pitch / 15e3))
        metal += fall * np.sin(2 * np.pi * (pitch * t + chance.uniform()))
    metal /= np.abs(metal).max()
    hiss = noise(ring * 5, 3) * np.exp(-t / ring)
    sound = band(bell * metal + (1 - bell) * hiss, low, 15e3)
    struck: Audio = sound / np.abs(sound).max() * np.clip(t / 0.001, 0, 1)
    return struck


def amplifier(sound: Audio, drive: float, low: float = 120.0, high: float = 5000.0) -> Audio:
    """Overdrive, and the loudspeaker cabinet that cuts its fizz.

    Four times the samples while it is bent, else what bends back from half the rate is heard.
    """
    fine = signal.resample_poly(level(band(sound, low, 9000, 1)), 4, 1, axis=-1)
    bent = np.tanh(np.tanh(drive * fine) * 2 + 0.25)
    played = signal.resample_poly(bent, 1, 4, axis=-1)[..., : sound.shape[-1]]
    cabinet = band(played, 90, high, 2)
    bite = signal.sosfilt(
        signal.butter(1, (1800, 3800), "bandpass", fs=RATE, output="sos"), cabinet
    )
    return level(cabinet + 0.8 * bite)


def presence(sound: Audio, gain: float) -> Audio:
    """Lift what makes voices and sticks clear."""
    return sound + gain * band(sound, 1500, 9000, 1)


def level(sound: Audio) -> Audio:
    """Give a sound an effective value of one."""
    scaled: Audio = sound / np.sqrt(np.mean(sound**2))
    return scaled


def echo(mix: Audio, seconds: float, feedback: float = 0.4) -> Audio:
    """Only the repeats, bouncing between left and right."""
    out = np.zeros_like(mix)
    for i in range(1, 5):
        lag = int(i * seconds * RATE)
        out[:, lag:] += feedback**i * mix[:: (-1) ** i, : mix.shape[1] - lag]
    return out


def reverb(mix: Audio, ring: float) -> Audio:
    """Convolve with decaying noise, another one for each ear: that is the width."""
    t = clock(ring * 4)
    room = np.stack([band(noise(ring * 4, seed), 200, 6000, 1) for seed in (4, 5)])
    room *= np.exp(-t / ring) / np.sqrt(ring * RATE / 6)
    size = mix.shape[1] + t.size
    wet = np.fft.irfft(np.fft.rfft(mix, size) * np.fft.rfft(room, size), size)
    return wet[:, : mix.shape[1]]


# --- The mixing desk ------------------------------------------------------------------------


class Fader(NamedTuple):
    """How loud, where between left (-1) and right (1), how much of it to the reverb."""

    gain: float = 1.0
    pan: float = 0.0
    wet: float = 0.0


class Mix:
    """Stereo tape with a grid of beats.

    Parameters
    ----------
    tempo, bars, meter
        Beats per minute, length in bars, beats in a bar.
    swing, grid
        Where the off-beat falls between two beats of the grid (0.5 is straight, 2/3 triplets);
        `grid` is 1 to swing eighths, 0.5 to swing sixteenths.
    loose
        Seconds by which a hand misses the grid; zero for machines.
    """

    TAIL = 0.8  # seconds left after the last bar, for what still rings

    def __init__(
        self,
        tempo: float,
        bars: int,
        meter: int = 4,
        swing: float = 0.5,
        grid: float = 1.0,
        loose: float = 0.0,
    ) -> None:
        self.beat, self.bars, self.meter = 60 / tempo, bars, meter
        self.swing, self.grid, self.loose = swing, grid, loose
        self.rng = np.random.default_rng(0)
        self.dry = np.zeros((2, int((bars * meter * self.beat + self.TAIL) * RATE)))
        self.send = np.zeros_like(self.dry)

    def add(self, beat: float, sound: Audio, fader: Fader, loud: float = 1.0) -> None:
        """Put a sound on a beat."""
        whole, part = divmod(beat / self.grid, 1)
        swung = (whole + np.interp(part, [0, 0.5, 1], [0, self.swing, 1])) * self.grid
        start = int((swung * self.beat + abs(self.rng.normal(0, self.loose))) * RATE)
        angle = (fader.pan + 1) * np.pi / 4
        sides = fader.gain * loud * np.array([[np.cos(angle)], [np.sin(angle)]])
        take = sides * sound[: self.dry.shape[1] - start]
        self.dry[:, start : start + take.shape[1]] += take
        self.send[:, start : start + take.shape[1]] += fader.wet * take

    def hits(self, steps: str, bars: Iterable[int] | None = None) -> Iterator[tuple[float, float]]:
        """Read one bar of steps, ``x`` loud and ``o`` soft, as (beat, gain) in all `bars`."""
        for bar in range(self.bars) if bars is None else bars:
            for i, step in enumerate(steps):
                if step in "xo":
                    yield (bar + i / len(steps)) * self.meter, 1.0 if step == "x" else 0.5

    def drum(
        self, steps: str, sound: Audio, fader: Fader, bars: Iterable[int] | None = None
    ) -> None:
        """Play one bar of steps in every bar, or in `bars`."""
        for beat, loud in self.hits(steps, bars):
            self.add(beat, sound, fader, loud)

    def comp(
        self, chart: str, steps: str, voice: Voice, beats: float, low: int, fader: Fader
    ) -> None:
        """Play a chord chart in a rhythm; chords that share a bar share it evenly."""
        sheet = [bar.split() for bar in chart.split("|")]
        for beat, loud in self.hits(steps):
            bar, part = divmod(beat / self.meter, 1)
            symbols = sheet[int(bar) % len(sheet)]
            for note in chord(symbols[int(part * len(symbols))], low):
                self.add(beat, voice(note, beats * self.beat), fader, loud)

    def line(self, text: str, voice: Voice, fader: Fader, bar: int = 0) -> None:
        """Play a phrase, from `bar` on."""
        for beat, beats, note in phrase(text):
            self.add(bar * self.meter + beat, voice(note, 0.95 * beats * self.beat), fader)

    def bounce(self, room: float) -> Audio:
        """Dry sound and reverb together; `room` is the ring of the room in seconds."""
        return self.dry + reverb(self.send, room)


# --- The pieces -----------------------------------------------------------------------------

PIANO = Patch(24, 1.25, decay=1.1, damping=0.22, stretch=3e-4, cents=0.8, release=0.18)
RHODES = Patch(8, 2.2, decay=1.2, damping=0.5, cents=2, release=0.1)
ORGAN = Patch(6, 0.9, cents=3, attack=0.008, vibrato=6)
VIOLINS = Patch(22, 1.3, cents=7, attack=0.12, release=0.25, vibrato=9)
STAB = Patch(40, 0.95, decay=0.5, damping=0.12, cents=11)
PLUCK = Patch(20, 1.0, odd=True, decay=0.25, damping=0.15)
SUB = Patch(4, 2.0, decay=1.5, attack=0.008)
SAW_BASS = Patch(30, 1.0, decay=0.6, damping=0.15, cents=4)
MELODICA = Patch(18, 1.1, odd=True, attack=0.04, vibrato=10)
BRASS = Patch(16, 1.0, attack=0.03, vibrato=14, release=0.08)
UPRIGHT = string(bright=1200, sustain=0.7)
GUITAR = string(bright=5000, sustain=2.0)
BASS_GUITAR = string(bright=3000, sustain=1.5)
MUTED = [string(3000, 0.6, take) for take in range(5)]  # by the palm
OPEN = [string(8000, 3.0, take) for take in range(5)]


def house(tempo: float) -> Audio:
    """Four on the floor, off-beat bass, minor stabs; all but the drums ducks under the kick."""
    drums, synths, arp = (Mix(tempo, bars=8) for _ in range(3))
    drums.drum("x---" * 4, kick(55), Fader(0.9))
    drums.drum("----x---" * 2, clap(), Fader(0.5, wet=0.2))
    drums.drum("--x-" * 4, cymbal(0.07), Fader(0.3, 0.1))
    drums.drum("oxox" * 4, cymbal(0.02, 9000), Fader(0.2, -0.3))
    drums.drum("------------oxxx", snare(0.05), Fader(0.35, 0.2, 0.2), bars=(3, 7))
    chart, roots = "Am | Am | F | Em", "A1 | A1 | F1 | E1"
    synths.comp(chart, "x--x--x---x--x--", STAB, 0.4, 57, Fader(0.22, -0.25, 0.35))
    synths.comp(chart, "x---------------", VIOLINS, 4, 64, Fader(0.1, 0.35, 0.5))
    synths.comp(roots, "--x-" * 4, SAW_BASS, 0.5, 28, Fader(0.75))
    riff = "A4:.25 C5:.25 E5:.25 A5:.25 E5:.25 C5:.25 B4:.25 E5:.25 " * 2
    for bar in range(2, 8):
        arp.line(riff, PLUCK, Fader(0.2, 0.2, 0.2), bar)
    since_kick = np.arange(synths.dry.shape[1]) / RATE % synths.beat
    duck = 1 - 0.75 * np.exp(-since_kick / 0.09)  # the pump of a side-chained compressor
    melody = arp.bounce(0.4)
    return drums.bounce(0.2) + duck * (synths.bounce(0.5) + melody + echo(melody, 0.75 * arp.beat))


def waltz(tempo: float) -> Audio:
    """Piano: oom-pah-pah on the left, a tune on the right, and strings behind."""
    mix = Mix(tempo, bars=8, meter=3, loose=0.006)
    chart = "F | F | C7 | F | Bb | F | C7 | F"
    mix.line("F2:3 C3:3 C2:3 F2:3 Bb2:3 C3:3 C2:3 F2:3", PIANO, Fader(0.9, -0.3, 0.3))
    mix.comp(chart, "-xx", PIANO, 0.7, 53, Fader(0.3, -0.15, 0.3))
    mix.comp(chart, "x--", VIOLINS, 3, 60, Fader(0.09, 0.5, 0.6))
    tune = """
        C5:2 A4 | F5 E5:.5 F5:.5 C5 | E5 D5 Bb4 | A4:2 C5
        D5:1.5 Eb5:.5 F5 | C5 A4 F4 | G4:.5 A4:.5 Bb4 E4 | F4:3
    """
    mix.line(tune, PIANO, Fader(0.75, 0.2, 0.35))
    mix.line(tune, VIOLINS, Fader(0.16, 0.35, 0.5))
    return mix.bounce(0.6)


def reggae(tempo: float) -> Audio:
    """One drop: kick and rim on three, guitar and organ off the beat, the bass in front."""
    mix = Mix(tempo, bars=6, swing=0.56, grid=0.5, loose=0.004)
    dub = Mix(tempo, bars=6)
    chart = "G | C | G | D | C | G"
    mix.drum("--------x-------", kick(49, 0.16), Fader(1.0))
    mix.drum("--------x-------", snare(0.06, 1800), Fader(0.6, wet=0.2))
    mix.drum("xoxoxoxoxoxoxoxo", plate(0.05, 5000), Fader(0.5, 0.3))
    mix.comp(chart, "--x---x---x---x-", GUITAR, 0.2, 62, Fader(0.6, -0.5, 0.05))
    mix.comp(chart, "--xo--xo--xo--xo", ORGAN, 0.14, 59, Fader(0.2, 0.5, 0.3))
    on_g = "G1:.75 G1:.25 B1:.5 D2:.5 -:.5 D2:.5 B1:.5 G1:.5 "
    on_c = "C2:.75 C2:.25 E2:.5 G2:.5 -:.5 E2:.5 D2:.5 C2:.5 "
    on_d = "D2:.75 D2:.25 A1:.5 F#1:.5 -:.5 A1:.5 D2:1 "
    bass = on_g + on_c + on_g + on_d + on_c + "G1 B1:.5 D2:.5 G1:2"
    mix.line(bass, SUB, Fader(0.6))
    dub.line("-:4 -:4 | B4:.5 D5:.5 G5:1 F#5:.5 D5:1.5", MELODICA, Fader(0.28, 0.1, 0.3))
    dub.line("E5:.5 D5:.5 C5:.5 E5:.5 D5:1 -:1 | B4:.5 A4:.5 G4:3", MELODICA, Fader(0.28), 4)
    dub.drum("----x-----------", snare(0.03, 2500), Fader(0.25), bars=(0, 3))
    return mix.bounce(0.35) + 0.35 * dub.bounce(0.6) + 0.2 * echo(dub.dry, 0.75 * dub.beat, 0.5)


def hip_hop(tempo: float) -> Audio:
    """Boom bap: swung sixteenths, electric piano, a sub that follows the kick, and a rapper."""
    mix, voice = (Mix(tempo, bars=6, swing=0.6, grid=0.5, loose=late) for late in (0.006, 0.012))
    chart = "Dm9 | Bbmaj7 | Gm7 | Am7 | Dm9 | Dm9"
    mix.drum("x------x--x-----", kick(55, 0.15), Fader(0.8))
    mix.drum("----x-------x---", snare(0.12, 500), Fader(1.4, wet=0.25))
    mix.drum("----x-------x---", clap(), Fader(0.25, 0.2, 0.2))
    mix.drum("x-o-x-oox-o-x-o-", plate(0.03), Fader(0.6, 0.2))
    mix.comp(chart, "x------o--------", RHODES, 1.6, 57, Fader(0.15, -0.4, 0.4))
    mix.comp("D1 | Bb1 | G1 | A1 | D1 | D1", "x------x--x-----", SUB, 0.9, 29, Fader(0.3))
    riff = "A4:.5 D5:.5 F5:1 E5:.5 D5:.5 F4:1 -:4 "
    mix.line(riff * 3, RHODES, Fader(0.2, 0.5, 0.4))
    chance = np.random.default_rng(0)
    for bar in range(1, 6):  # syllables that mean nothing: two vowels and what comes before them
        steps = ("x-xxx-x-xxx-x-xx", "xxx-x-xxx-xxx-x-")[bar % 2]
        places = [i for i, step in enumerate(steps) if step == "x"]
        for start, end in zip(places, [*places[1:], 16], strict=True):
            syllable = Throat(
                "".join(chance.choice(list(VOWELS), 2)),
                breath=0.1,
                rough=0.02,
                slide=float(chance.uniform(0, 4)),
                consonant=float(chance.choice([0, 1800, 3500, 6000])),
            )
            stress = start % 4 == 0
            note = 47 + 3 * stress + int(chance.integers(-2, 3))
            held = min((end - start) / 4 * voice.beat * 0.8, 0.32)
            where = Fader(1.0 if stress else 0.75, 0, 0.08)
            voice.add(bar * 4 + start / 4, syllable(note, held), where)
    dust = noise(mix.dry.shape[1] / RATE, 9)
    crackle = band(np.where(np.abs(dust) > 0.9997, dust, 0), 800, 6000)
    beat = band(mix.bounce(0.3), high=11e3, order=1) + 0.4 * crackle
    return level(presence(beat, 2)) + 0.8 * level(presence(voice.bounce(0.25), 2))


def metal(tempo: float) -> Audio:
    """Galloping power chords, four takes of a distorted guitar hard left and right, two kicks."""
    drums, low = (Mix(tempo, bars=10, loose=0.004) for _ in range(2))
    drums.drum("x" * 16, kick(62, 0.1, 2.0), Fader(1.0))
    drums.drum("----x-------x---", snare(0.19, 500), Fader(0.6, 0, 0.4))
    drums.drum("x-x-x-x-x-x-x-x-", plate(0.35, 3500), Fader(0.13, 0.4, 0.1))
    drums.drum("x---------------", plate(1.2, 2500, 0.3), Fader(0.13, -0.4, 0.2))
    gallop = "E2:.5 E2:.25 E2:.25 E2:.5 E2:.25 E2:.25 G2:.5 E2:.5 A2:.5 G2:.5"
    chance = np.random.default_rng(0)
    sides = []
    for _ in "LR":
        side = np.zeros(drums.dry.shape[1])
        for _ in range(2):  # no two of them quite together: that is what makes it wide
            guitar = Mix(tempo, bars=10, loose=0.006)
            guitar.rng = chance
            for bar in range(10):
                for beat, beats, note in phrase(gallop):
                    muted = beats < 0.5
                    for step, loud in ((0, 1.0), (7, 0.75), (12, 0.75)):
                        take = int(chance.integers(1, 5))
                        plucked = MUTED[take] if muted else OPEN[take]
                        sound = plucked(note + step, 0.97 * beats * guitar.beat)
                        guitar.add(4 * bar + beat, sound, Fader(loud))
            hum = chance.normal(0, 0.07, guitar.dry.shape[1])
            side += amplifier(guitar.dry[0] + hum, 28, 120, 4400)
        sides.append(side / np.sqrt(2))
    for bar in range(10):
        low.line(gallop.replace("2:", "1:"), BASS_GUITAR, Fader(), bar)
    tape = drums.bounce(0.3) + 0.7 * np.stack(sides) + 0.24 * amplifier(low.dry, 1.5, 30, 2500)
    return np.tanh(0.4 * level(tape + 0.5 * reverb(tape, 0.55)))


def jazz(tempo: float) -> Audio:
    """Rhythm changes: walking bass, swung ride, seventh chords, a tune on the trumpet."""
    mix = Mix(tempo, bars=6, swing=0.66, loose=0.006)
    mix.drum("x-xxx-xx", plate(0.3, 4500, 0.75), Fader(0.12, 0.4, 0.1))
    mix.drum("-x-x", plate(0.03, 6000), Fader(0.2, -0.2))
    mix.drum("xxxx", kick(58, 0.08, 0.2), Fader(0.15))
    mix.drum("-----o-x", snare(0.05, 1500), Fader(0.15, wet=0.2), (1, 3))
    chart = "Bbmaj7 G7 | Cm7 F7 | Bbmaj7 G7 | Cm7 F7 | Bb7 Eb | Bbmaj7"
    mix.comp(chart, "x--x-o--", PIANO, 0.45, 57, Fader(0.3, -0.3, 0.25))
    walk = """
        Bb1 D2 G1 B1 | C2 Eb2 F2 A1 | Bb1 F2 G2 F2 | C2 G1 F1 A1 | Bb1 D2 Eb2 E2 | F2 F1 Bb1:2
    """
    mix.line(walk, UPRIGHT, Fader(1.2))
    tune = """
        D5:.5 F5:.5 -:.5 D5:1 Bb4:.5 B4:1 | C5:.5 Eb5:.5 G5:.5 F5:1.5 -:1
        D5:.5 F5:.5 -:.5 G5:.5 F5:.5 D5:.5 B4:1 | G4:.5 Bb4:.5 C5:.5 A4:1.5 -:1
        Bb4:.5 D5:.5 F5:.5 Ab5:.5 G5:1 Bb4:1 | Bb4:3
    """
    mix.line(tune, BRASS, Fader(0.3, 0.3, 0.35))
    return mix.bounce(0.35)


# --- From tape to file ----------------------------------------------------------------------


class Piece(NamedTuple):
    """What a piece is, how it is stored, and what plays it."""

    name: str
    genre: str
    tempo: int
    tonic: str
    mode: str
    meter: int
    suffix: str
    rate: int
    channels: int
    play: Callable[[float], Audio]

    @property
    def file(self) -> str:
        """File name, which says what is inside."""
        tonic = self.tonic.lower()[0] + ("-flat" if self.tonic.endswith("b") else "")
        return f"{self.name}-{self.tempo}bpm-{tonic}-{self.mode}.{self.suffix}"


PIECES = (
    Piece("house", "electronic", 128, "A", "minor", 4, "mp3", 44100, 2, house),
    Piece("waltz", "classical", 96, "F", "major", 3, "flac", 16000, 1, waltz),
    Piece("reggae", "reggae", 76, "G", "major", 4, "ogg", 44100, 2, reggae),
    Piece("hip-hop", "hiphop", 90, "D", "minor", 4, "mp3", 44100, 2, hip_hop),
    Piece("metal", "metal", 150, "E", "minor", 4, "m4a", 44100, 2, metal),
    Piece("jazz", "jazz", 120, "Bb", "major", 4, "wav", 22050, 1, jazz),
)


def master(tape: Audio, rms: float = 0.15, knee: float = 0.6, ceiling: float = 0.85) -> Audio:
    """Set the loudness and bend the peaks above `knee` so that none passes `ceiling`.

    Lossy codecs overshoot, hence a ceiling well below one.
    """
    loud = band(tape, 28)
    loud *= rms / np.sqrt(np.mean(loud**2))
    over = np.maximum(np.abs(loud) - knee, 0)
    bent = knee + (ceiling - knee) * np.tanh(over / (ceiling - knee))
    fade = np.clip((loud.shape[1] - np.arange(loud.shape[1])) / (0.3 * RATE), 0, 1)
    limited: Audio = fade * np.where(over > 0, np.sign(loud) * bent, loud)
    return limited


def encode(piece: Piece, tape: Audio) -> bytes:
    """Encode and tag, in memory.

    FFmpeg does all but Vorbis, which libsndfile encodes better; FFmpeg then only wraps those
    packets, so that tags are written in one way and nothing random (a clock, an Ogg serial
    number) gets into a file. Wrapping needs PyAV 14.
    """
    container = "ipod" if piece.suffix == "m4a" else piece.suffix
    title = f"{piece.name.title()} in {piece.tonic} {piece.mode}"
    file = io.BytesIO()
    with av.open(file, "w", format=container, options={"fflags": "bitexact"}) as out:
        out.metadata.update(title=title, artist=ARTIST, genre=piece.genre)
        if piece.suffix == "ogg":
            sf.write(vorbis := io.BytesIO(), tape.T, RATE, format="OGG", compression_level=0.75)
            vorbis.seek(0)
            with av.open(vorbis) as source:
                stream = out.add_stream_from_template(source.streams.audio[0])
                for packet in source.demux(audio=0):
                    if packet.dts is not None:  # the last one only says that there are no more
                        packet.stream = stream
                        out.mux(packet)
        else:
            layout = "stereo" if piece.channels == 2 else "mono"
            encoder = out.add_stream(CODECS[piece.suffix], rate=piece.rate, layout=layout)
            encoder.bit_rate = BIT_RATE
            frame = av.AudioFrame.from_ndarray(tape.astype(np.float32), "fltp", layout)
            frame.sample_rate = RATE  # the encoder converts rate and sample format by itself
            out.mux(encoder.encode(frame))
            out.mux(encoder.encode(None))
    return file.getvalue()


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def table() -> bytes:
    """Return ``tracks.csv``: pitch class of the key, mode 1 for major."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["path", "genre", "artist", "tempo", "key", "mode", "time_signature"])
    for p in PIECES:
        key, mode = pitch_class(p.tonic), int(p.mode == "major")
        rows.writerow([p.file, p.genre, ARTIST, p.tempo, key, mode, p.meter])
    return text.getvalue().encode()


def main() -> None:
    """Make every piece and the table."""
    parser = argparse.ArgumentParser(description="Synthesise the demo pieces and tracks.csv.")
    here = Path(__file__).resolve().parent
    parser.add_argument("--out", type=Path, default=here, help="folder (default: beside this)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for piece in PIECES:
        tape = piece.play(piece.tempo)
        if piece.channels == 1:
            tape = tape.mean(axis=0, keepdims=True)
        write(out / piece.file, encode(piece, master(tape)))
        print(piece.file)
    write(out / "tracks.csv", table())


if __name__ == "__main__":
    main()

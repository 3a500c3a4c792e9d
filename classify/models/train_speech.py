"""Speech as it is met: read, telephoned, in a room, over music; and music through a telephone.

What people read aloud in the corpora is of one kind: a dry voice at 16 kHz. A model that is shown
nothing else learns the bandwidth, or that nothing else sounds. So readings are also synthesised (by
espeak-ng, in a dozen languages), put into rooms, sent through a telephone and laid over music, and
some music goes the same way and stays music. Everything is made of a seed, in a folder that
`train_default.py` throws away.
"""

from __future__ import annotations

import subprocess
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import soundfile
from scipy import signal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["FOLDS", "SPEECH", "Clip", "fold_of", "made"]

SPEECH = "speech"

RATE = 22_050
SECONDS = 10.0
LEVELS = ((3.0, 8.0), (8.0, 14.0), (14.0, 20.0))
"""How many dB a voice lies above the music under it; each reading is laid over each kind. The first
is the hard one: heard once at each level, a fifth of it was taken for music, and of the others one
in fifty."""

ROUNDS = 3
"""How often each reading is laid over music of each of these levels, and put into a room."""

AGAIN = ("bed", "room")
"""What differs from one round to the next; all else is made in the first alone."""

FOLDS = 3
"""Into so many parts readers, and music that lies under voices, are dealt."""

TELEPHONE = (300.0, 3400.0)
"""Hz: the band of ITU-T G.712."""

WIDEBAND = (50.0, 7800.0)
"""Hz: what 16 kHz leave."""

REVERBERATION = (0.3, 1.5)
"""Seconds in which a room falls silent, from the shortest to the longest."""

TEXTS = {
    "en-us": "All human beings are born free and equal in dignity and rights. They are endowed "
    "with reason and conscience and should act towards one another in a spirit of brotherhood.",
    "en-gb": "Everyone has the right to rest and leisure, including reasonable limitation of "
    "working hours and periodic holidays with pay. Now, back to our guest in the studio.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft "
    "und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "fr-fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont "
    "doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como "
    "están de razón y conciencia, deben comportarse fraternalmente los unos con los otros.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati "
    "di ragione e di coscienza e devono agire gli uni verso gli altri in spirito di fratellanza.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de "
    "razão e de consciência, devem agir uns para com os outros em espírito de fraternidade.",
    "nl": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd "
    "met verstand en geweten, en behoren zich jegens elkander in een geest van broederschap te "
    "gedragen.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni "
    "obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "sv": "Alla människor är födda fria och lika i värde och rättigheter. De är utrustade med "
    "förnuft och samvete och bör handla gentemot varandra i en anda av broderskap.",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana "
    "sahiptirler ve birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler.",
    "id": "Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama. Mereka "
    "dikaruniai akal dan hati nurani dan hendaknya bergaul satu sama lain dalam persaudaraan.",
}
"""Of the Universal Declaration of Human Rights, but for a sentence."""

VOICES = ("m1", "m3", "m7", "f2", "f4", "f5")


def fold_of(group: str) -> int:
    """Tell in which part a reader is, or who made the music under a voice.

    A voice has music of its own part under it: who holds out a part has heard neither.
    """
    return zlib.crc32(group.encode()) % FOLDS


@dataclass(frozen=True)
class Clip:
    """A recording that something is made of; `name` and `label` are its own."""

    path: Path
    name: str
    label: str
    group: str


def read(path: Path, seconds: float = SECONDS) -> NDArray[np.float64]:
    """Return the middle of a file, one channel at `RATE`."""
    sound, rate = soundfile.read(path, always_2d=True)
    wanted = int(seconds * rate)
    start = max(0, (len(sound) - wanted) // 2)
    mono = sound[start : start + wanted].mean(axis=1)
    common = np.gcd(rate, RATE)
    resampled: NDArray[np.float64] = signal.resample_poly(mono, RATE // common, rate // common)
    return resampled


def band(sound: NDArray[np.float64], edges: tuple[float, float]) -> NDArray[np.float64]:
    """Keep one band."""
    passed: NDArray[np.float64] = signal.sosfilt(
        signal.butter(8, edges, "bandpass", fs=RATE, output="sos"), sound
    )
    return passed


def room(sound: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.float64]:
    """Let a sound be heard in a room: noise that decays by 60 dB, behind the sound itself."""
    seconds = chance.uniform(*REVERBERATION)
    times = np.arange(int(seconds * RATE)) / RATE
    echo = chance.standard_normal(len(times)) * 10 ** (-3 * times / seconds)
    echo *= chance.uniform(0.3, 1.0) / np.sqrt((echo**2).sum())
    echo[0] += 1.0
    heard: NDArray[np.float64] = signal.fftconvolve(sound, echo)[: len(sound)]
    return heard


def over(
    voice: NDArray[np.float64], music: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Lay a voice over music that is `level` dB weaker."""
    bed = np.resize(music, len(voice))
    power = np.sqrt((voice**2).mean() / max((bed**2).mean(), 1e-12))
    heard: NDArray[np.float64] = voice + bed * power * 10 ** (-level / 20)
    return heard


def synthesised(folder: Path) -> list[Clip]:
    """Have the texts read by the voices of espeak-ng."""
    clips = []
    for language, text in TEXTS.items():
        for place, voice in enumerate(VOICES):
            name = f"{language}-{voice}"
            path = folder / f"{name}.wav"
            command = ["espeak-ng", "-v", f"{language}+{voice}", "-s", str(135 + 12 * place)]
            subprocess.run([*command, "-w", str(path), text], check=True)
            clips.append(Clip(path, name, SPEECH, f"espeak {language}"))
    return clips


def made(folder: Path, readings: list[Clip], music: list[Clip], beds: list[Clip]) -> pd.DataFrame:
    """Write what is made of readings and of music; say of each what it is.

    Parameters
    ----------
    folder : Path
        Where; the sounds go into ``audio``.
    readings : list of Clip
        Speech of people.
    music : list of Clip
        What is to be sent through a narrow band.
    beds : list of Clip
        Music to lie under voices.

    Returns
    -------
    DataFrame
        ``path`` below ``folder/audio``, ``label``, ``group``, ``source`` (the name of the clip that
        it was made of), ``bed`` (that of the music under it, or nothing) and ``made`` (how).
    """
    audio, raw = folder / "audio", folder / "raw"
    audio.mkdir(parents=True)
    raw.mkdir()
    dealt = [[bed for bed in beds if fold_of(bed.group) == fold] for fold in range(FOLDS)]
    voices = synthesised(raw)
    rows: list[dict[str, str]] = []
    for number in range(ROUNDS):
        chance = np.random.default_rng(number)
        for way in _ways(voices, readings, [] if number else music, dealt, chance):
            level = 10 ** (-chance.uniform(0, 12) / 20)
            if number and way.how not in AGAIN:
                continue
            clip = way.clip
            path = f"{clip.label}-{len(rows):04d}.flac"
            peak = max(abs(way.sound).max(), 1e-9)
            soundfile.write(audio / path, way.sound / peak * level, RATE)
            rows.append(
                {"path": path, "label": clip.label, "group": clip.group, "source": clip.name}
                | {"bed": way.bed, "made": way.how}
            )
    return pd.DataFrame(rows)


class Way(NamedTuple):
    """How a clip is heard, and over what."""

    clip: Clip
    how: str
    sound: NDArray[np.float64]
    bed: str = ""


def _ways(
    voices: list[Clip],
    readings: list[Clip],
    music: list[Clip],
    dealt: list[list[Clip]],
    chance: np.random.Generator,
) -> Iterator[Way]:
    """Go through the ways in which voices, readings and music are heard."""

    def laid_over(clip: Clip, sound: NDArray[np.float64], levels: tuple[float, float]) -> Way:
        own = dealt[fold_of(clip.group)]
        bed = own[chance.integers(len(own))]
        return Way(clip, "bed", over(sound, read(bed.path), chance.uniform(*levels)), bed.name)

    for clip in voices:
        sound = read(clip.path)
        yield Way(clip, "dry", sound)
        yield Way(clip, "room", room(sound, chance))
        yield laid_over(clip, sound, LEVELS[chance.integers(len(LEVELS))])
    for place, clip in enumerate(readings):
        sound = read(clip.path)
        for levels in LEVELS:
            yield laid_over(clip, sound, levels)
        yield Way(clip, "room", room(sound, chance))
        if place % 2:
            yield Way(clip, "telephone", band(sound, TELEPHONE))
    for clip in music:
        narrow = [TELEPHONE, WIDEBAND][chance.integers(2)]
        how = "telephone" if narrow is TELEPHONE else "wideband"
        yield Way(clip, how, band(read(clip.path), narrow))

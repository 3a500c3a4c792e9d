"""Damage real files in every way that comes to mind, and see that each is a row or a reason.

A mutation is made from a seed: bits flipped, the file cut, lengths overwritten, halves of two files
joined, tags put around it, bytes lost or inserted. Each must give a row or a failure with a reason,
in time, with no infinite value; and where the row is shorter or longer than what FFmpeg reads of
the same file, a note must say so.

    python benchmarks/fuzz.py -n 50000
    python benchmarks/fuzz.py --seed 1234        # one mutation again, its file kept
"""

from __future__ import annotations

import argparse
import collections
import io
import math
import random
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import soundfile

from earmark.extract.audio import decode, opened
from earmark.extract.audio.sources import Track
from earmark.extract.batch.track import Extraction, analyse

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DEMO = Path(__file__).parents[1] / "data" / "raw"

SECONDS = 3
RATE = 44100
DIFFERENCE = 0.01
ALLOWED = 0.06
"""Seconds by which decoders differ at the ends of a file: two frames or so."""

HANGS = 120.0
"""Seconds without a word after which a process is taken to hang."""

LIBSNDFILE = {
    "pcm.wav": ("WAV", "PCM_16"),
    "float.wav": ("WAV", "FLOAT"),
    "a.aiff": ("AIFF", "PCM_16"),
    "a.au": ("AU", "PCM_16"),
    "a.caf": ("CAF", "PCM_16"),
    "a.w64": ("W64", "PCM_24"),
    "a.rf64": ("RF64", "PCM_16"),
    "a.flac": ("FLAC", "PCM_16"),
    "a.ogg": ("OGG", "VORBIS"),
    "b.opus": ("OGG", "OPUS"),
    "b.mp3": ("MP3", "MPEG_LAYER_III"),
}
"""Files that libsndfile writes: name, container, coding."""

FFMPEG = {
    "a.mp3": ("mp3", "libmp3lame"),
    "a.aac": ("adts", "aac"),
    "a.m4a": ("ipod", "aac"),
    "lossless.m4a": ("ipod", "alac"),
    "a.wma": ("asf", "wmav2"),
    "a.wv": ("wv", "wavpack"),
    "a.tta": ("tta", "tta"),
    "a.ac3": ("ac3", "ac3"),
    "a.mp2": ("mp2", "mp2"),
    "a.opus": ("opus", "libopus"),
    "a.oga": ("ogg", "flac"),
    "a.mka": ("matroska", "aac"),
    "a.webm": ("webm", "libopus"),
    "a.ts": ("mpegts", "libmp3lame"),
    "a.avi": ("avi", "libmp3lame"),
    "a.voc": ("voc", "pcm_u8"),
}
"""Files that FFmpeg writes: name, container, codec."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutation.

    Parameters
    ----------
    kind : {"row", "noted", "refused", "fault"}
        A row, a row with a note, a failure with a reason, or what must not be.
    text : str
        The note, the reason or the fault.
    """

    kind: str
    text: str = ""


def music(seconds: float = SECONDS) -> NDArray[np.float32]:
    """Return the beginning of a demo track, in stereo."""
    with decode.open_audio(DEMO / "house-128bpm-a-minor.mp3") as audio:
        samples = np.concatenate([block.copy() for block in audio.blocks])
    return np.resize(samples, (round(seconds * RATE), 2))


def originals(samples: NDArray[np.float32]) -> dict[str, bytes]:
    """Return the same music in every container that can be written here, by name."""
    files = {}
    for name, (container, coding) in LIBSNDFILE.items():
        buffer = io.BytesIO()
        rate = 48000 if coding == "OPUS" else RATE
        soundfile.write(buffer, samples, rate, format=container, subtype=coding)
        files[name] = buffer.getvalue()
    for name, (container, coding) in FFMPEG.items():
        files[name] = _with_ffmpeg(samples, container, coding)
    # As lame -t writes it: no frame says how many follow.
    files["no-xing.mp3"] = _without_first_frame(files["a.mp3"])
    return files


def _with_ffmpeg(samples: NDArray[np.float32], container: str, codec: str) -> bytes:
    rate = 48000 if codec == "libopus" else RATE
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples.T), format="fltp", layout="stereo"
    )
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as target:
        stream = target.add_stream(codec, rate=rate)
        stream.layout = "stereo"
        stream.bit_rate = 128_000
        resampler = av.AudioResampler(
            stream.format, "stereo", rate, stream.codec_context.frame_size or 1024
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            target.mux(stream.encode(piece))
    return buffer.getvalue()


def _without_first_frame(data: bytes) -> bytes:
    at = data.find(b"\xff\xfb")
    return data[data.find(b"\xff\xfb", at + 100) :]


def mutate(seed: int, files: dict[str, bytes]) -> tuple[str, bytes, str]:
    """Return the name, the bytes and the history of one mutation."""
    chance = random.Random(seed)  # noqa: S311
    name = chance.choice(sorted(files))
    data = bytearray(files[name])
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change = chance.choice(CHANGES)
        data = change(chance, data, files)
        done.append(change.__name__.lstrip("_"))
    if chance.random() < 0.2:
        name = chance.choice(sorted(files))
        done.append("wrong ending")
    return name, bytes(data), f"{name}: {', '.join(done)}"


def _flips(chance: random.Random, data: bytearray, _: dict[str, bytes]) -> bytearray:
    end = chance.choice((64, 512, len(data)))
    for _place in range(chance.choice((1, 3, 10, 50))):
        if data:
            data[chance.randrange(min(end, len(data)))] ^= 1 << chance.randrange(8)
    return data


def _cut(chance: random.Random, data: bytearray, _: dict[str, bytes]) -> bytearray:
    return data[: len(data) * chance.randrange(1, 16) // 16]


def _beheaded(chance: random.Random, data: bytearray, _: dict[str, bytes]) -> bytearray:
    return data[len(data) * chance.randrange(1, 16) // 16 :]


def _length(chance: random.Random, data: bytearray, _: dict[str, bytes]) -> bytearray:
    value = chance.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, chance.randrange(2**20)))
    at = chance.randrange(max(1, min(len(data) - 4, chance.choice((60, 300, 4000)))))
    data[at : at + 4] = struct.pack(chance.choice("<>") + "I", value)
    return data


def _spliced(chance: random.Random, data: bytearray, files: dict[str, bytes]) -> bytearray:
    other = files[chance.choice(sorted(files))]
    return data[: len(data) // 2] + other[len(other) // 2 :]


def _joined(chance: random.Random, data: bytearray, files: dict[str, bytes]) -> bytearray:
    return data + files[chance.choice(sorted(files))]


def _twice(_: random.Random, data: bytearray, _files: dict[str, bytes]) -> bytearray:
    return data + data


def _tagged(chance: random.Random, data: bytearray, _: dict[str, bytes]) -> bytearray:
    size = chance.choice((10, 3000, 200_000))
    body = chance.randbytes(50) * (size // 50)
    id3 = b"ID3\x04\0\0" + bytes(len(body) >> at & 127 for at in (21, 14, 7, 0)) + body
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, len(body) + 32, 1, 0x80000000) + bytes(8)
    before = chance.choice((b"", id3, bytes(size)))
    behind = chance.choice((b"", b"TAG" + bytes(125), body + ape, id3, bytes(size), body))
    return bytearray(before + data + behind)


def _lost(chance: random.Random, data: bytearray, _: dict[str, bytes]) -> bytearray:
    at = chance.randrange(max(1, len(data)))
    return data[:at] + data[at + chance.choice((1, 100, 5000)) :]


def _inserted(chance: random.Random, data: bytearray, _: dict[str, bytes]) -> bytearray:
    at = chance.randrange(max(1, len(data)))
    return data[:at] + chance.randbytes(chance.choice((1, 100, 5000))) + data[at:]


def _zeroed(chance: random.Random, data: bytearray, _: dict[str, bytes]) -> bytearray:
    at = chance.randrange(max(1, len(data)))
    size = min(chance.choice((16, 500, 20_000)), len(data) - at)
    data[at : at + size] = bytes(size)
    return data


CHANGES = (
    _flips, _cut, _beheaded, _length, _length, _spliced, _joined, _twice, _tagged, _lost,
    _inserted, _zeroed,
)  # fmt: skip


def seconds_by_ffmpeg(path: Path) -> tuple[float, bool]:
    """Return how many seconds FFmpeg reads of a file, and whether that is undamaged sound.

    Everything that can be decoded counts, as the program `ffmpeg` writes it.
    """
    seconds, clean = 0.0, True
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.audio:
                return 0.0, False
            packets = container.demux(container.streams.audio[0])
            while True:
                try:
                    packet = next(packets, None)
                except (av.error.FFmpegError, ValueError, OSError, ArithmeticError, LookupError):
                    return seconds, False
                if packet is None:
                    return seconds, clean
                try:
                    for frame in packet.decode():
                        seconds += frame.samples / frame.sample_rate
                        # Floats of shifted bytes are noise beyond all measure.
                        if frame.format.name in ("flt", "dbl"):
                            largest = np.abs(frame.to_ndarray()).max(initial=0)
                            clean = clean and bool(largest < opened.LARGEST_SAMPLE)
                except (av.error.FFmpegError, ValueError, OSError, ArithmeticError, LookupError):
                    clean = False
    except (av.error.FFmpegError, ValueError, OSError, ArithmeticError, LookupError):
        return seconds, False


def judge(path: Path, feature_set: str = "loudness") -> Verdict:  # noqa: PLR0911
    """Analyse a file and tell whether what came of it is right."""
    begun = time.monotonic()
    outcome = analyse(Track(path.name, path), Extraction(feature_set))
    took = time.monotonic() - begun
    if took > 40:
        return Verdict("fault", f"took {took:.0f} s")
    expected, clean = seconds_by_ffmpeg(path)
    if outcome.failure is not None:
        reason = outcome.failure[3]
        if "please report it" in reason or "\n" in reason or not reason:
            return Verdict("fault", reason)
        # A rate of 10 Hz is damage, whatever FFmpeg makes of it.
        if clean and "sample rate" not in reason and expected > 0.9 * SECONDS:
            return Verdict("fault", f"lost, though FFmpeg reads {expected:.2f} s: {reason}")
        return Verdict("refused", reason)
    if np.isinf(outcome.values).any():
        return Verdict("fault", "an infinite value")
    seconds = float(outcome.seconds[0])
    if outcome.notes:
        return Verdict("noted", outcome.notes[0])
    # Reading all of the music where FFmpeg stumbles is right.
    whole = (SECONDS, SECONDS * RATE / 48000)
    if not any(
        math.isclose(seconds, right, rel_tol=DIFFERENCE, abs_tol=ALLOWED)
        for right in (expected, *whole, 2 * whole[0], 2 * whole[1])
    ):
        return Verdict("fault", f"silently {seconds:.2f} s, of which FFmpeg reads {expected:.2f}")
    return Verdict("row")


def run_seeds(first: int, count: int, report: Callable[[int, str, Verdict], None]) -> None:
    """Judge mutations one after the other."""
    files = originals(music())
    with tempfile.TemporaryDirectory(prefix="earmark-fuzz-") as folder:
        for seed in range(first, first + count):
            name, data, history = mutate(seed, files)
            path = Path(folder, name)
            path.write_bytes(data)
            # The descriptors of music cost ten times as much as its loudness.
            verdict = judge(path, "default" if seed % 20 == 0 else "loudness")
            path.unlink()
            report(seed, history, verdict)


def watched(first: int, count: int) -> collections.Counter[str]:
    """Judge mutations in a process of their own, which is begun anew where one ends or hangs it."""
    counts: collections.Counter[str] = collections.Counter()
    # What cannot be written here shows at once, and not in every process.
    originals(music())
    seed, last = first, first + count
    while seed < last:
        command = [sys.executable, __file__, "--worker", str(seed), str(last - seed)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
        for line in process.stdout or ():
            number, kind, text = line.rstrip("\n").split("\t", 2)
            counts[kind] += 1
            seed = int(number) + 1
            if kind == "fault":
                print(f"seed {number}: {text}", flush=True)
            if sum(counts.values()) % 500 == 0:
                print(f"{sum(counts.values())}: {dict(counts)}", file=sys.stderr, flush=True)
        if process.wait() != 0:
            print(f"seed {seed}: ended the process ({process.returncode})", flush=True)
            counts["fault"] += 1
            seed += 1
    return counts


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=2000, help="mutations (default: 2000)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first (default: 0)")
    parser.add_argument("--seed", type=int, help="only this one; its file is kept")
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        import faulthandler

        def tell(seed: int, history: str, verdict: Verdict) -> None:
            # A process that gets stuck in a library ends, and is begun anew behind the seed.
            faulthandler.dump_traceback_later(HANGS, exit=True)
            text = f"{history}: {verdict.text}".replace("\n", " ").replace("\t", " ")
            print(f"{seed}\t{verdict.kind}\t{text}", flush=True)

        faulthandler.dump_traceback_later(HANGS, exit=True)
        first, count = options.worker
        run_seeds(first, count, tell)
        return 0
    if options.seed is not None:
        name, data, history = mutate(options.seed, originals(music()))
        path = Path(tempfile.mkdtemp(prefix="earmark-fuzz-"), name)
        path.write_bytes(data)
        print(path, history, judge(path), sep="\n")
        return 0
    counts = watched(options.first, options.n)
    print(f"{sum(counts.values())} mutations: {dict(sorted(counts.items()))}")
    return 1 if counts["fault"] else 0


if __name__ == "__main__":
    sys.exit(main())

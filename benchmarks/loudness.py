"""How right the loudness meter is: on the EBU's test signals, and beside pyloudnorm on music.

The signals are synthesised from their descriptions in EBU Tech 3341 (2016, table 1) and EBU Tech
3342 (2016, table 1), written to files and analysed as any other file is.

example:

    python benchmarks/loudness.py -o loudness.json music/
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What is measured is the project that this file lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import scipy.signal
import soundfile
from numpy.typing import NDArray

from earmark.extract.audio import decode
from earmark.extract.audio import sources as files
from earmark.extract.batch.track import Extraction, analyse
from earmark.extract.descriptors.level import integrated_loudness
from earmark.extract.signal.loudness import LoudnessMeter

if TYPE_CHECKING:
    from collections.abc import Sequence

Samples = NDArray[np.float64]
Report = dict[str, Any]

STEPS: dict[str, tuple[str, float, list[tuple[Any, float]]]] = {
    "3341-1": ("loudness", -23, [(-23, 20)]),
    "3341-2": ("loudness", -33, [(-33, 20)]),
    "3341-3": ("loudness", -23, [(-36, 10), (-23, 60), (-36, 10)]),
    "3341-4": ("loudness", -23, [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)]),
    "3341-5": ("loudness", -23, [(-26, 20), (-20, 20.1), (-26, 20)]),
    "3341-6": ("loudness", -23, [((-28, -28, -24, -np.inf, -30, -30), 20)]),
    "3342-1": ("loudness_range", 10, [(-20, 20), (-30, 20)]),
    "3342-2": ("loudness_range", 5, [(-20, 20), (-15, 20)]),
    "3342-3": ("loudness_range", 20, [(-40, 20), (-20, 20)]),
    "3342-4": ("loudness_range", 15, [(level, 20) for level in (-50, -35, -20, -35, -50)]),
}
"""Sines of 1000 Hz: what is measured, the answer, and levels in dBFS with their seconds.

One level is that of two channels, six are those of L R C LFE Ls Rs."""

SINES: dict[str, tuple[float, int, float, float]] = {
    "3341-15": (-6, 4, 0.0, 0.5),
    "3341-16": (-6, 4, 45.0, 0.5),
    "3341-17": (-6, 6, 60.0, 0.5),
    "3341-18": (-6, 8, 67.5, 0.5),
    "3341-19": (3, 4, 45.0, 1.41),
}
"""True peak in dBTP, samples per period, phase in degrees, amplitude."""

BURSTS = {"3341-20": 0, "3341-21": 1, "3341-22": 2, "3341-23": 3}
"""A true peak of 0 dBTP; the offset in samples at four times the rate."""

CASES = (*STEPS, *SINES, *BURSTS)

TOLERANCES = {"loudness": (-0.1, 0.1), "loudness_range": (-1, 1), "true_peak": (-0.4, 0.2)}


def signal(case: str, rate: int) -> tuple[Samples, str, float]:
    """Return the signal of a case, of shape (samples, channels), what it tells, and the answer."""
    if case in STEPS:
        name, expected, parts = STEPS[case]
        return np.concatenate([_step(level, time, rate) for level, time in parts]), name, expected
    if case in SINES:
        expected, period, degrees, amplitude = SINES[case]
        phase = 2 * np.pi * np.arange(rate) / period + np.radians(degrees)
        return _faded(amplitude * np.sin(phase), rate), "true_peak", expected
    return _burst(BURSTS[case], rate), "true_peak", 0.0


def _step(level: Any, seconds: float, rate: int) -> Samples:
    gains = 10 ** (np.broadcast_to(level, max(2, np.size(level))) / 20)
    return np.outer(np.sin(2 * np.pi * 1000 / rate * np.arange(round(seconds * rate))), gains)


def _faded(mono: Samples, rate: int) -> Samples:
    """Fade in and out within 10 ms, and make two channels of it."""
    edge = round(0.01 * rate)
    ramp = np.ones(len(mono))
    ramp[:edge] = np.linspace(0, 1, edge)
    return np.repeat((mono * ramp * ramp[::-1])[:, None], 2, axis=1)


def _burst(offset: int, rate: int) -> Samples:
    """One period of a quarter of the rate at full scale, in a sine of a sixth at half of it."""
    # At four times the rate; both sines begin with a whole period, so that no phase jumps.
    around = 0.5 * np.sin(2 * np.pi * np.arange(24 * (rate // 12)) / 24)
    whole = np.concatenate([around, np.sin(2 * np.pi * np.arange(16) / 16), around])
    smooth = scipy.signal.firwin(1025, 1 / 4, window=("kaiser", 8.0))
    lowpassed = scipy.signal.fftconvolve(whole, smooth, "same")
    return _faded(lowpassed[offset::4], rate)


def measured(path: Path, case: str, rate: int) -> Report:
    """Write the signal of a case to a file, analyse it, and compare."""
    samples, name, expected = signal(case, rate)
    soundfile.write(path, samples, rate, format="WAVEX", subtype="PCM_24")
    job = Extraction("loudness")
    outcome = analyse(files.Track(path.name, path), job)
    found = float(outcome.values[0][job.schema.names.index(name)])
    low, high = TOLERANCES[name]
    return {
        "case": case,
        "rate": rate,
        "what": name,
        "expected": expected,
        "found": found,
        "passed": bool(low <= found - expected <= high),
    }


def ebu(rates: Sequence[int] = (48000, 44100)) -> list[Report]:
    """Return what the meter makes of every signal at every rate."""
    with tempfile.TemporaryDirectory(prefix="earmark-loudness-") as folder:
        path = Path(folder, "signal.wav")
        return [measured(path, case, rate) for rate in rates for case in CASES]


def against_pyloudnorm(sources: Sequence[Path]) -> Report:
    """Return how far our integrated loudness is from pyloudnorm's, and how much faster it is.

    Both get the decoded samples in the same process, and of both processor time counts.
    """
    pyloudnorm = importlib.import_module("pyloudnorm")
    tracks, _ = files.find(sources)
    differences: list[float] = []
    ours = theirs = 0.0
    for track in tracks:
        with decode.open_audio(track.location) as audio:
            blocks = [block.copy() for block in audio.blocks]
            rate, channels = audio.sample_rate, audio.channels
        samples = np.concatenate(blocks)
        if not differences:
            LoudnessMeter(rate, channels).feed(samples)
        start = time.process_time()
        meter = LoudnessMeter(rate, channels)
        for block in blocks:
            meter.feed(block)
        found = integrated_loudness(meter.energies().weighted)
        between = time.process_time()
        # Warns of logarithms of silence.
        with np.errstate(divide="ignore"):
            expected = pyloudnorm.Meter(rate).integrated_loudness(samples)
        theirs += time.process_time() - between
        ours += between - start
        differences.append(abs(found - expected))
    return {
        "n": len(differences),
        "median": float(np.median(differences)),
        "max": float(np.max(differences)),
        "times_as_fast": theirs / ours,
    }


def main() -> None:
    """Print both tables, and save them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="*", type=Path, help="music to compare pyloudnorm on")
    parser.add_argument("-o", "--output", type=Path, help="write everything here as JSON")
    arguments = parser.parse_args()
    report: Report = {"ebu": ebu()}
    for row in report["ebu"]:
        print(
            f"{row['case']:<9}{row['rate']:>6} Hz  {row['what']:<15}{row['expected']:>6g}"
            f"{row['found']:>9.3f}  {'ok' if row['passed'] else 'FAILED'}"
        )
    if arguments.sources:
        report["pyloudnorm"] = against_pyloudnorm(arguments.sources)
        print("beside pyloudnorm:", json.dumps(report["pyloudnorm"]))
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

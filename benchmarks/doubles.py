"""How long edits among a hundred thousand fingerprints take to be found, and how many are.

    python benchmarks/doubles.py [TRACKS]

The fingerprints are made, not heard: half a minute of words each, of which two of them have as many
in common by chance as two real recordings have (0.008). Of every fifth one there is an edit: a part
of 12 seconds of it, in which as many bits differ as in the worst of the real edits (22 %).
"""

from __future__ import annotations

import sys
import time

import numpy as np

from earmark.classify.library import fingerprint, shared_words

FRAMES = 1292
"""In half a minute."""

LASTING = 1.3
"""Frames that a word lasts."""

SPACE = 27
"""Bits that words differ in."""

BEGINS, LENGTH = 300, 517
"""Frames of the part."""

DIFFERING = 0.22

FEWEST = 20
"""Words of the part that are as they were: as few as in the worst of the real edits."""


def made(count: int, seed: int = 0) -> tuple[list[fingerprint.Fingerprint], int]:
    """Return fingerprints, and of how many of the first ones the last are edits, in their order."""
    random = np.random.default_rng(seed)
    edits = count // 6
    prints = []
    sounding = np.ones(FRAMES, bool)
    for _ in range(count - edits):
        words = random.integers(0, 2**SPACE, round(FRAMES / LASTING), dtype=np.uint32)
        lasting = np.sort(random.integers(0, len(words), FRAMES))
        prints.append(fingerprint.Fingerprint(words[lasting], sounding))
    for number in range(edits):
        words = prints[number].words[BEGINS : BEGINS + LENGTH].copy()
        flipped = random.random((LENGTH, 32), dtype=np.float32) < DIFFERING
        flipped[random.permutation(LENGTH)[:FEWEST]] = False
        words ^= (flipped << np.arange(32, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
        prints.append(fingerprint.Fingerprint(words, sounding[:LENGTH]))
    return prints, edits


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    prints, edits = made(count)
    begun, used = time.perf_counter(), time.process_time()
    found = shared_words.pairs(prints)
    asked, busy = time.perf_counter() - begun, time.process_time() - used
    same = [(int(a), int(b)) for a, b in found if fingerprint.match(prints[a], prints[b]).same]
    all_of_it, all_busy = time.perf_counter() - begun, time.process_time() - used
    right = sum(b - a == count - edits for a, b in same)
    print(f"{count} fingerprints: {len(found)} pairs in {asked:.1f} s ({busy:.1f} s of the CPU)")
    print(f"held against each other: {all_of_it:.1f} s in all ({all_busy:.1f} s of the CPU)")
    print(f"{right} of {edits} edits found, {len(same) - right} others")


if __name__ == "__main__":
    main()

"""Whether tags that were written and undone leave a thousand real files as they were.

    python benchmarks/tagged.py FOLDER... [-n FILES] [--kills RUNS]

Three seconds of each recording are written in one of nine formats, with tags of every kind that
lies about: none, ID3v1, 2.2, 2.3 and 2.4, with pictures and chapters, two kinds in one file, a
broken one behind a sound one. All are tagged, held against the journal, and untagged; every byte
has to be as before. Then runs that tag and untag are killed at random moments: each file has to be
as it was or as it shall be, and as it was when the next run has cleaned up.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import signal
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import mutagen
import numpy as np
import pandas as pd
import soundfile
from mutagen import apev2, flac, id3, mp4

from earmark.classify.library.tagging import journal, plan, restore, safe, values, write
from earmark.extract.audio.sources import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from earmark.classify.library.tagging.changes import Plan

SOUNDFILE = {
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
}
FFMPEG = {"m4a": "aac", "wma": "wmav2", "wv": "wavpack", "tta": "tta"}
"""Formats, and what writes them."""

RATE = 48000
"""Of every file, whatever that of the recording: nobody listens."""

SECONDS = 3

PICTURE = bytes(range(256)) * 40
"""What no program looks into."""


def encode(samples: Any, target: Path, codec: str) -> None:
    """Write samples of shape (samples, 2) with FFmpeg, with tags of its own."""
    with av.open(str(target), "w") as made:
        made.metadata.update({"title": "Título", "comment": "kept"})
        stream: Any = made.add_stream(codec, rate=RATE)
        stream.layout = "stereo"
        if codec in ("aac", "wmav2"):
            stream.bit_rate = 128_000
        stream.format = stream.codec_context.codec.audio_formats[0]
        whole = av.AudioFrame.from_ndarray(samples.T.astype("f4").copy(), "fltp", "stereo")
        whole.sample_rate = RATE
        resampler = av.AudioResampler(
            stream.format, "stereo", RATE, frame_size=stream.codec_context.frame_size or 1024
        )
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))


def written(samples: Any, target: Path) -> None:
    """Write samples of shape (samples, 2) in the format that the ending names."""
    ending = target.suffix[1:]
    if ending in FFMPEG:
        encode(samples, target, FFMPEG[ending])
        return
    kind, subtype = SOUNDFILE[ending]
    with soundfile.SoundFile(target, "w", RATE, 2, subtype, format=kind) as file:
        file.title = "Titulo"
        file.write(samples)


def old_tag(frames: dict[bytes, bytes], *, padding: int = 64) -> bytes:
    """Return a tag of ID3v2.2, which no library writes any more."""
    body = b"".join(
        name + len(data).to_bytes(3, "big") + data for name, data in frames.items()
    ) + bytes(padding)
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x02\x00\x00" + size + body


OLD_FRAMES = {
    b"TT2": b"\x00Title",
    b"TP1": b"\x01\xff\xfe" + "Artiste é".encode("utf-16-le"),
    b"TYE": b"\x001987",
    b"TCM": b"\x00Composer",
    b"TSP": b"\x00Sorted by",
    b"COM": b"\x00eng\x00A comment",
    b"PIC": b"\x00PNG\x03cover\x00" + PICTURE,
}
"""What iTunes wrote into MP3s in the years of 2.2."""


def _without_id3(path: Path) -> None:
    id3.delete(str(path))


def _with_old(path: Path) -> None:
    _without_id3(path)
    path.write_bytes(old_tag(OLD_FRAMES) + path.read_bytes())


def _with_id3(version: int) -> Callable[[Path], None]:
    def add(path: Path) -> None:
        _without_id3(path)
        tags = id3.ID3()
        tags.add(id3.TIT2(encoding=1, text=["Title é"]))
        tags.add(id3.TPE1(encoding=1, text=["One", "Two"]))
        tags.add(id3.APIC(encoding=0, data=PICTURE, mime="image/png", type=3, desc="cover"))
        inner = [id3.TIT2(encoding=0, text=["One"])]
        tags.add(id3.CHAP(element_id="c1", start_time=0, end_time=900, sub_frames=inner))
        tags.add(id3.PRIV(owner="x", data=b"\x00\xff"))
        tags.save(str(path), v2_version=version, v23_sep=None, v1=0)

    return add


def _with_first(path: Path) -> None:
    _without_id3(path)
    tag = b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30, b"\0") + bytes(64) + b"\x11"
    path.write_bytes(path.read_bytes() + tag)


def _with_ape(path: Path) -> None:
    tags = apev2.APEv2()
    tags["Title"] = "Title"
    tags["Publisher"] = "Somebody"
    tags.save(str(path))


def _with_broken_ape(path: Path) -> None:
    """Behind the sound stands a tag whose items are cut off, and whose size is wrong."""
    foot = (
        (2000).to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x09\0\0\0" + bytes(12)
    )
    item = (500).to_bytes(4, "little") + bytes(4) + b"Title\x00cut"
    path.write_bytes(path.read_bytes() + item + b"APETAGEX" + foot)


def _with_broken_id3(path: Path) -> None:
    """Before the sound stands a tag of no version, filled with what is no frame."""
    path.write_bytes(b"ID3\x03\0\0\0\0\x01\x00" + b"\x01?" * 64 + path.read_bytes())


def _with_comments(path: Path) -> None:
    file = mutagen.File(path)
    file["artist"] = ["One", "Two"]
    file["lyrics"] = ["la\nla"]
    if isinstance(file, flac.FLAC):
        picture = flac.Picture()
        picture.data, picture.type, picture.mime = PICTURE, 3, "image/png"
        file.add_picture(picture)
    file.save()


def _with_atoms(path: Path) -> None:
    file = mutagen.File(path)
    file["\xa9ART"] = ["One", "Two"]
    file["covr"] = [mp4.MP4Cover(PICTURE, mp4.MP4Cover.FORMAT_PNG)]
    file.save()


def _with_own_id3(path: Path) -> None:
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    file.tags.add(id3.TPE1(encoding=0, text=["One"]))
    file.tags.add(id3.APIC(encoding=0, data=PICTURE, mime="image/png", type=3, desc="cover"))
    file.save(v2_version=3)


def _with_old_chunk(path: Path) -> None:
    tag = old_tag(OLD_FRAMES)
    data = (
        path.read_bytes() + b"id3 " + len(tag).to_bytes(4, "little") + tag + b"\0" * (len(tag) & 1)
    )
    path.write_bytes(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])


KINDS: tuple[tuple[str, str, tuple[Callable[[Path], None], ...]], ...] = (
    ("mp3", "none", (_without_id3,)),
    ("mp3", "ID3v1", (_with_first,)),
    ("mp3", "ID3v2.2", (_with_old,)),
    ("mp3", "ID3v2.2 and v1", (_with_first, _with_old)),
    ("mp3", "ID3v2.3", (_with_id3(3),)),
    ("mp3", "ID3v2.4", (_with_id3(4),)),
    ("mp3", "ID3v2.3 and APE", (_with_id3(3), _with_ape)),
    ("mp3", "ID3v2.3 and a broken APE", (_with_id3(3), _with_broken_ape)),
    ("mp3", "ID3v2.2 and a broken APE", (_with_old, _with_broken_ape)),
    ("flac", "comments", (_with_comments,)),
    ("flac", "comments after ID3", (_with_comments, _with_id3(3))),
    ("flac", "comments after a broken ID3", (_with_comments, _with_broken_id3)),
    ("ogg", "comments", (_with_comments,)),
    ("opus", "comments", (_with_comments,)),
    ("m4a", "atoms", (_with_atoms,)),
    ("wav", "INFO", ()),
    ("wav", "ID3v2.3", (_with_own_id3,)),
    ("wav", "ID3v2.2", (_with_old_chunk,)),
    ("aiff", "ID3v2.3", (_with_own_id3,)),
    ("wma", "attributes", ()),
    ("wv", "APE", ()),
    ("tta", "none", ()),
)
"""Formats, what tags they have, and how they come to them."""


def _heard(path: Path) -> Any:
    """Return the first seconds of a recording, shape (samples, 2); None where it has none."""
    try:
        with soundfile.SoundFile(path) as file:
            samples = file.read(SECONDS * RATE, dtype="float32", always_2d=True)
    except soundfile.SoundFileError:
        return None
    return np.column_stack([samples[:, 0], samples[:, -1]]) if len(samples) > RATE else None


def recordings(folders: list[Path], seed: int) -> Iterator[Any]:
    """Give the beginnings of real recordings, again and again, in an order by chance."""
    places = [track.location for track in find(folders)[0]]
    np.random.default_rng(seed).shuffle(places)
    for place in itertools.cycle(places):
        if (found := _heard(place)) is not None:
            yield found


def library(folders: list[Path], count: int, target: Path, seed: int = 0) -> Counter[str]:
    """Write so many files into a folder; return how many there are of each format and kind."""
    made: Counter[str] = Counter()
    sounds = recordings(folders, seed)
    for number, (ending, kind, steps) in zip(range(count), itertools.cycle(KINDS), strict=False):
        path = target / f"{number:04} {kind}.{ending}"
        written(next(sounds), path)
        for step in steps:
            step(path)
        made[f"{ending}, {kind}"] += 1
    return made


def planned(folder: Path) -> Plan:
    """Plan all fields that can be written, for every file of a folder."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    known = {
        **{"genre": "hiphop", "probability": 0.8, "tempo": 120.4, "key": 9, "mode": 0},
        **{"energy": 0.66, "danceability": 0.5, "loudness": -9.3, "true_peak": 0.3},
        **{"duration_ms": 20000, "tag_happy": 0.4, "tag_sad": 0.2, "tag_rock": 0.5},
    }
    rows = pd.DataFrame({"path": names, **known})
    places = {name: folder / name for name in names}
    return plan.make(rows, places, values.Wanted(values.FIELDS), albums="folder")


def carried_out(made: Plan, path: Path, **rules: bool) -> write.Done:
    """Write the tags of a plan."""
    with journal.Journal(path) as log:
        return write.carry_out(made, log, write.Rules(**rules))


def undone(path: Path, **how: Any) -> write.Done:
    """Undo what a journal holds."""
    with journal.Journal(path.with_suffix(".undone")) as log:
        return restore.undo(journal.read(path), log, **how)


def sums(folder: Path) -> dict[str, str]:
    """Return the sum over each file of a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def there_and_back(folder: Path, work: Path) -> dict[str, Any]:
    """Tag and untag all files of a folder; return what became of them."""
    before = sums(folder)
    begun = time.monotonic()
    done = carried_out(planned(folder), work / "all.journal")
    tagged = time.monotonic() - begun
    changed = sum(own != before[name] for name, own in sums(folder).items())
    verified = restore.compare(journal.read(work / "all.journal"))
    as_written = int((verified.loc[verified["field"] == "", "what"] == "as written").sum())
    undone(work / "all.journal")
    after = sums(folder)
    same = sum(after.get(name) == own for name, own in before.items())
    return {
        **{"files": len(before), "written": done.counts["written"], "changed": changed},
        **{"as written": as_written, "identical again": same, "seconds": round(tagged)},
        **{"left": done.left, "more files": len(after) - len(before)},
    }


def killed(work: Callable[[], object], seconds: float) -> bool:
    """Run this in a process of its own, and kill it after so many seconds if it is not done."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def begun_in(log: Path) -> bool:
    """Tell whether a journal was begun: a run that is killed at once leaves none, or none of it."""
    return log.exists() and b"\n" in log.read_bytes()


def kill_at_random(folder: Path, work_folder: Path, kills: int, seed: int) -> tuple[int, int]:
    """Tag and untag files while the process is killed; return kills and damaged files."""
    source = np.random.default_rng(seed)
    made = planned(folder)
    before = sums(folder)
    begun = time.monotonic()
    carried_out(made, work_folder / "whole.journal")
    took = time.monotonic() - begun
    good = {name: {digest} for name, digest in before.items()}
    for entry in journal.read(work_folder / "whole.journal"):
        good[Path(entry.path).name].add(entry.new)
    undone(work_folder / "whole.journal")
    counted = bad = number = 0
    while counted < kills:
        number += 1
        log = work_folder / f"{number}.journal"
        for action in ("tag", "untag"):
            if action == "untag" and not begun_in(log):
                continue
            work = partial(undone, log) if action == "untag" else partial(carried_out, made, log)
            counted += killed(work, source.uniform(0, took))
            now = sums(folder)
            # Copies that a killed run has left have names of their own.
            bad += sum(now.get(name) not in own for name, own in good.items())
        # The next run ends it, and cleans up.
        if begun_in(log):
            again = log.with_suffix(".again.journal")
            again.write_bytes(log.read_bytes())
            undone(again)
        safe.clean([folder])
        bad += sums(folder) != before
    return counted, bad


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="real recordings")
    parser.add_argument("-n", type=int, default=1000, help="files")
    parser.add_argument("--kills", type=int, default=200, help="runs that are killed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "files").mkdir()
        made = library(given.folders, given.n, work / "files")
        print(*(f"{count:5}  {what}" for what, count in made.items()), sep="\n")
        report = there_and_back(work / "files", work)
        print(*(f"{what}: {found}" for what, found in report.items()), sep="\n")
    if given.kills:
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            (work / "files").mkdir()
            library(given.folders, len(KINDS), work / "files")
            counted, bad = kill_at_random(work / "files", work, given.kills, seed=1)
            print(f"{counted} runs killed while {len(KINDS)} files were written: {bad} damaged")


if __name__ == "__main__":
    main()

"""Other people's extractors: how they are installed, and how they are called.

The contestants run in an environment of their own, so this must import nothing of ours. Each of
their functions prepares one, called as its own documentation does it, and returns what is run on
every file; that gives the number of values. Imports go by name, since no environment holds all.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Values = dict[str, list[float]]
"""The values of a file by their name; most have one."""

PACKAGES = {
    "essentia": ["essentia"],
    "bliss-audio": ["bliss-audio"],
    "opensmile": ["opensmile"],
    # It declares nothing of what it imports.
    "pyAudioAnalysis": [
        *("pyAudioAnalysis", "eyed3", "hmmlearn", "imbalanced-learn", "matplotlib", "plotly"),
        *("pydub", "scikit-learn", "scipy", "simplejson", "tqdm"),
    ],
}
"""What pip installs for each peer, by the name of its distribution."""


def interpreter(folder: Path) -> Path:
    """Return the Python of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def versions(python: Path, packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of the distributions that an environment has."""
    code = (
        "import json; from importlib.metadata import distributions as d;"
        "print(json.dumps({e.name.lower().replace('_', '-'): e.version for e in d()}))"
    )
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {name: found[name.lower()] for name in packages if name.lower() in found}


def install(folder: Path) -> None:
    """Make the environment, and install what is not there yet, each on its own.

    Why one could not be installed is written down in it, for the tables of later runs.
    """
    if not interpreter(folder).exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    there = versions(interpreter(folder), PACKAGES)
    reasons = {}
    for name, packages in PACKAGES.items():
        if name in there:
            continue
        print(f"installing {name} …", file=sys.stderr)
        pip = [str(interpreter(folder)), "-m", "pip", "install", "--quiet", *packages]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.splitlines() or ["pip failed"]
            reasons[name] = next((line for line in lines if line.startswith("ERROR")), lines[-1])
    (folder / "reasons.json").write_text(json.dumps(reasons), encoding="utf-8")


def absent(folder: Path | None) -> dict[str, str]:
    """Return the peers that cannot be measured, and why."""
    if folder is None or not interpreter(folder).exists():
        return dict.fromkeys(PACKAGES, "not installed; --peers does it")
    there = versions(interpreter(folder), PACKAGES)
    noted = folder / "reasons.json"
    reasons = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    return {
        name: reasons.get(name, "not installed; --peers does it")
        for name in PACKAGES
        if name not in there
    }


def essentia_values() -> Callable[[str], Values]:
    """Prepare Essentia's MusicExtractor with its defaults; text and metadata are left out."""
    log = import_module("essentia").log
    log.infoActive = log.warningActive = False
    extractor = import_module("essentia.standard").MusicExtractor()
    flat = import_module("numpy").ravel

    def action(path: str) -> Values:
        pool, _ = extractor(path)
        names = [name for name in pool.descriptorNames() if not name.startswith("metadata")]
        values = {name: pool[name] for name in names}
        return {
            name: flat(value).tolist()
            for name, value in values.items()
            if not isinstance(value, str)
        }

    return action


def essentia() -> Callable[[str], int]:
    """Prepare Essentia's MusicExtractor; give the number of its values."""
    find = essentia_values()
    return lambda path: sum(map(len, find(path).values()))


def bliss() -> Callable[[str], int]:
    """Prepare bliss: a song's distance to others. It starts a thread for each of its parts."""
    song = import_module("bliss_audio").Song
    return lambda path: len(song(path).analysis)


def opensmile_values(feature_set: str) -> Callable[[str], Values]:
    """Prepare one of openSMILE's sets, its functionals over the whole file."""
    package = import_module("opensmile")
    smile = package.Smile(
        feature_set=getattr(package.FeatureSet, feature_set),
        feature_level=package.FeatureLevel.Functionals,
    )

    def action(path: str) -> Values:
        (values,) = smile.process_file(path).to_numpy().tolist()
        return {name: [value] for name, value in zip(smile.feature_names, values, strict=True)}

    return action


def opensmile(feature_set: str) -> Callable[[str], int]:
    """Prepare one of openSMILE's sets; give the number of its values."""
    find = opensmile_values(feature_set)
    return lambda path: len(find(path))


def pyaudioanalysis() -> Callable[[str], int]:
    """Prepare pyAudioAnalysis's mid-term features, averaged over the file.

    Windows of 1 s in frames of 50 ms, as in its documentation. Its tempo is left out, which fails
    with NumPy 2.
    """
    # It warns of the ffmpeg that it would call for MP3; it is given WAV.
    warnings.simplefilter("ignore")
    io = import_module("pyAudioAnalysis.audioBasicIO")
    extraction = import_module("pyAudioAnalysis.MidTermFeatures").mid_feature_extraction

    def action(path: str) -> int:
        rate, signal = io.read_audio_file(path)
        if rate <= 0:
            raise RuntimeError(f"cannot read {path}")
        signal = io.stereo_to_mono(signal)
        window, frame = rate, round(0.05 * rate)
        values, _, _ = extraction(signal, rate, window, window, frame, frame)
        return len(values.mean(axis=1))

    return action


def serve(maker: str, *arguments: str) -> None:
    """Answer every path on stdin with its values as a line of JSON on stdout."""
    # What peers print must not get among the answers.
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    find = globals()[maker](*arguments)
    for line in sys.stdin:
        answer: dict[str, object]
        try:
            answer = {"values": find(line.rstrip("\n"))}
        except Exception as error:
            # Other people's programs fail as they like; the next file is another chance.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=kept, flush=True)


def described(
    python: Path, paths: Iterable[Path], maker: str, *arguments: str
) -> Iterator[dict[str, Any]]:
    """Yield what a peer answers for each path: ``values``, or ``error``.

    It runs in its own environment, in one process until it ends by itself: then the next file gets
    a new one.
    """
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    order = [str(python), str(Path(__file__).resolve()), maker, *arguments]
    with contextlib.ExitStack() as stack:
        process = None
        for path in paths:
            if process is None:
                process = stack.enter_context(
                    subprocess.Popen(
                        order,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        encoding="utf-8",
                        env=os.environ | threads,
                    )
                )
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the peer has no pipes")
            with contextlib.suppress(BrokenPipeError):
                print(path, file=process.stdin, flush=True)
            line = process.stdout.readline()
            if line:
                yield json.loads(line)
            else:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                yield {"error": f"ended with status {process.wait()}"}
                process = None


if __name__ == "__main__":
    serve(*sys.argv[1:])

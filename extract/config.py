"""Settings: everything that changes the values of descriptors, validated, and a fingerprint of it.

Whatever does not change values (the number of workers, the progress bar) is an argument of the
function that runs, never a setting: two tables with the same fingerprint hold the same numbers.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from earmark.extract.errors import SettingsError
from earmark.extract.tempo_range import FOUND

__all__ = ["DEFAULTS", "Settings", "fingerprint", "load", "parse"]


SLOWEST_FRAMES = 10
"""The least number of frames per second that descriptors of rhythm work with."""


class Settings(BaseModel):
    """Everything that changes the value of a descriptor.

    Parameters
    ----------
    sample_rate : int
        Rate in Hz at which spectra are computed; every file is resampled to it.
    n_fft : int
        Length of the analysis window in samples.
    hop_length : int
        Samples from one frame to the next.
    fmax : float
        Upper edge in Hz of the band that descriptors use. The spectrum above it depends more on
        the codec than on the music.
    n_mels : int
        Number of mel bands.
    n_mfcc : int
        Number of mel-frequency cepstral coefficients.
    top_db : float
        Mel bands more than this many dB below the loudest one of a window are raised to that level.
        With librosa's 80 dB, bands that an MP3 of 64 kb/s empties decide how restless music is.
    tempo_range : tuple of float, optional
        Between which tempi the beat is taken, halved or doubled, as DJ programs do
        (`earmark.extract.tempo_range.in_range`). What is not given is no setting: it stands neither
        in fingerprints nor in what tables say of themselves.

    Examples
    --------
    >>> Settings(hop_length=1024).frame_rate
    21.533203125
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_rate: int = Field(22050, ge=4000, le=192000)
    n_fft: int = Field(2048, ge=64, le=65536)
    hop_length: int = Field(512, ge=16, le=65536)
    fmax: float = Field(10000.0, ge=1000)
    n_mels: int = Field(64, ge=32, le=512)
    n_mfcc: int = Field(20, ge=2, le=128)
    top_db: float = Field(65.0, gt=0, le=200)
    tempo_range: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.fmax > self.sample_rate / 2:
            raise ValueError(
                f"fmax is {self.fmax:g} Hz, above half the sample rate ({self.sample_rate / 2:g})"
            )
        if self.frame_rate < SLOWEST_FRAMES:
            raise ValueError(
                f"hop_length {self.hop_length} gives {self.frame_rate:.2g} frames a second, and "
                f"rhythm needs {SLOWEST_FRAMES}"
            )
        if self.hop_length > self.n_fft:
            raise ValueError(
                f"hop_length {self.hop_length} is longer than n_fft {self.n_fft}: samples would "
                "fall between the frames"
            )
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc {self.n_mfcc} is more than n_mels {self.n_mels}")
        if self.tempo_range is not None:
            lowest, highest = self.tempo_range
            if not FOUND[0] <= lowest < highest <= FOUND[1]:
                raise ValueError(
                    f"tempo_range is {lowest:g} {highest:g}: the lower one first, from "
                    f"{FOUND[0]:g} to {FOUND[1]:g} beats per minute"
                )
        return self

    @model_serializer(mode="wrap")
    def _given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            name: [*value] if isinstance(value, tuple) else value
            for name, value in dump(self).items()
            if value is not None
        }

    @property
    def of_sound(self) -> Settings:
        """Those that change what is measured, without the range that tempi are brought into."""
        return self.model_copy(update={"tempo_range": None})

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length


def fingerprint(settings: Settings | None, *more: str) -> str:
    """Return sixteen hexadecimal digits that change with any setting and any other argument.

    Parameters
    ----------
    settings : Settings, optional
        None where there are none.
    *more : str
        What else the values depend on.

    Examples
    --------
    >>> fingerprint(DEFAULTS) == fingerprint(Settings(n_fft=2048))
    True
    >>> fingerprint(DEFAULTS) == fingerprint(DEFAULTS, "default-4")
    False
    """
    canonical = json.dumps([settings and settings.model_dump(), *more], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


DEFAULTS = Settings()


def load(path: str | Path) -> Settings:
    """Read settings from a TOML file; those that it leaves out keep their default.

    Parameters
    ----------
    path : str or Path
        The file, with a line such as ``hop_length = 1024`` for each setting.

    Raises
    ------
    SettingsError
        The file cannot be read, is not TOML, or has an unknown key or a value out of range.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from error
    return parse(values, str(path))


def parse(values: dict[str, object], where: str) -> Settings:
    """Validate a mapping of settings.

    Parameters
    ----------
    values : dict
        Settings by name; those that it leaves out keep their default.
    where : str
        Where they come from, for messages.

    Raises
    ------
    SettingsError
        A key is unknown or a value out of range.

    Examples
    --------
    >>> parse({"n_mels": 128}, "settings.toml").n_mels
    128
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        names = ", ".join(Settings.model_fields)
        problems = "; ".join(
            item["msg"]
            if not item["loc"]
            else f"{'.'.join(map(str, item['loc']))} is no setting"
            if item["type"] == "extra_forbidden"
            else f"{'.'.join(map(str, item['loc']))} = {item['input']!r}: {item['msg']}"
            for item in error.errors()
        )
        raise SettingsError(f"{where}: {problems}. The settings are: {names}") from error

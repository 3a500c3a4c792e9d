"""The extractor as a scikit-learn transformer: paths become descriptors."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from earmark.extract import errors
from earmark.extract.audio.sources import Track
from earmark.extract.batch.executors import Processes
from earmark.extract.batch.track import Analysis, Extraction, error_of
from earmark.extract.config import DEFAULTS, Settings, parse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["AudioFeatures"]


class AudioFeatures(TransformerMixin, BaseEstimator):
    """Paths of audio files → descriptors, as the first step of a scikit-learn pipeline.

    Nothing is learned: a row depends on its file alone, and it can be called before it is fitted.
    Analysing takes longer than learning: for a search over the parameters of later steps alone,
    transform once and search without it.

    Parameters
    ----------
    set : str
        Name of the feature set.
    sample_rate, n_fft, hop_length, fmax, n_mels, n_mfcc, top_db, tempo_range
        As in `earmark.extract.config.Settings`.
    workers : int
        Number of processes; the values are the same for any.
    on_error : {"raise", "nan"}
        What to do about a file that cannot be analysed: raise its error, or warn and give a row
        of NaN, so that rows and labels stay together.

    Attributes
    ----------
    n_features_out_ : int
        Number of columns.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> pipeline = make_pipeline(AudioFeatures(), HistGradientBoostingClassifier())
    >>> paths = ["data/raw/jazz-120bpm-b-flat-major.wav", "data/raw/metal-150bpm-e-minor.m4a"]
    >>> pipeline.fit(paths, ["jazz", "metal"]).classes_
    array(['jazz', 'metal'], dtype='<U5')
    """

    def __init__(
        self,
        set: str = "default",
        *,
        sample_rate: int = DEFAULTS.sample_rate,
        n_fft: int = DEFAULTS.n_fft,
        hop_length: int = DEFAULTS.hop_length,
        fmax: float = DEFAULTS.fmax,
        n_mels: int = DEFAULTS.n_mels,
        n_mfcc: int = DEFAULTS.n_mfcc,
        top_db: float = DEFAULTS.top_db,
        tempo_range: tuple[float, float] | None = None,
        workers: int = 1,
        on_error: Literal["raise", "nan"] = "raise",
    ) -> None:
        self.set = set
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.fmax = fmax
        self.n_mels = n_mels
        self.n_mfcc = n_mfcc
        self.top_db = top_db
        self.tempo_range = tempo_range
        self.workers = workers
        self.on_error = on_error

    def _extraction(self) -> Extraction:
        if self.on_error not in ("raise", "nan"):
            raise errors.SettingsError(f"on_error = {self.on_error!r}: either 'raise' or 'nan'")
        values = {name: getattr(self, name) for name in Settings.model_fields}
        return Extraction(self.set, parse(values, type(self).__name__))

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Check the parameters and the paths; nothing is read.

        Raises
        ------
        SettingsError
            A parameter is out of range, or there is no such set.
        TypeError
            `X` holds something else than paths.
        """
        _paths(X)
        self.n_features_out_ = len(self._extraction().schema.columns)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Analyse files.

        Parameters
        ----------
        X : array-like of str or Path, of shape (files,) or (files, 1)
            Their paths.

        Returns
        -------
        ndarray of shape (files, n_features_out_)
            A row per file; what cannot be computed is NaN. ``set_output(transform="pandas")``
            gives a DataFrame.

        Raises
        ------
        FileError
            A file cannot be analysed, unless `on_error` is ``"nan"``.
        """
        extraction = self._extraction()
        tracks = [Track(path, Path(path)) for path in _paths(X)]
        values = np.full((len(tracks), len(extraction.schema.columns)), np.nan)
        failures = []
        executor = Processes(self.workers, isolate=False)
        for index, outcome in executor.run(tracks, Analysis(extraction)):
            if outcome.failure is None:
                values[index] = outcome.values[0]
                continue
            error = error_of(outcome.failure)
            if self.on_error == "raise":
                raise error
            failures.append(str(error))
        if failures:
            warnings.warn(f"{len(failures)} failed, the first: {min(failures)}", stacklevel=2)
        return values

    def get_feature_names_out(
        self,
        input_features: object = None,  # noqa: ARG002
    ) -> NDArray[np.object_]:
        """Return the names of the columns, whatever the input was called."""
        return np.array(self._extraction().schema.names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _paths(X: ArrayLike) -> list[str]:
    """Return paths as text, from any list, array, Series or table with one column."""
    array = np.asarray(X, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not all(isinstance(path, str | Path) for path in array):
        what = f"an array of shape {array.shape}" if array.ndim != 1 else "something else"
        raise TypeError(f"AudioFeatures takes a list or column of paths, and was given {what}")
    return [str(path) for path in array]

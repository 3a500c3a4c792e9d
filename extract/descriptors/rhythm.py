"""Onsets, tempo, beats and bars."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from earmark.extract.engine.registry import Column, descriptor
from earmark.extract.estimators import beats as pulse
from earmark.extract.estimators import downbeats
from earmark.extract.estimators import tempo as tempi
from earmark.extract.estimators import tempo_map as maps
from earmark.extract.signal import filters, series_loops, spectral_loops
from earmark.extract.tempo_range import FOUND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from earmark.extract.config import Settings
    from earmark.extract.engine.aggregate import TrackSummary
    from earmark.extract.engine.windows import Window

__all__ = [
    "Listener",
    "bars",
    "beats",
    "evidence",
    "heard",
    "low_level",
    "low_onset",
    "mid_onset",
    "onset_envelope",
    "onset_rate",
    "onsets",
    "peak_rate",
    "seconds",
    "tempo",
    "tempo_2",
    "tempo_map",
    "tempo_pattern",
    "tempo_std",
    "time_signature",
]

Floats = NDArray[np.float32]

TEMPO_BANDS = 16
TEMPO_PATTERN_RANGE = (40.0, 360.0)
LEAST_OVERLAP = 0.2
"""Seconds that must overlap for an autocorrelation to mean anything."""

LOW_EDGE = 225.0
"""Upper edge in Hz of the band of bass and bass drum."""

MID_EDGE = 2000.0
"""Upper edge in Hz of the band of the snare drum's body, above that of the bass."""

LEAST_STAND_OUT = 0.07
"""How far a peak of the onset envelope stands out of its neighbourhood, as a share of how far the
envelope rises: librosa's value, from an optimisation on a large collection of onsets."""

ONSET_FLOOR = 0.3
"""The same in dB: what held sounds move by is less (beating partials up to 0.2, rounding and
windowing 0.05), and of real recordings one in twenty has fainter peaks that would count."""

ONSET_DELAY = 1 / 3
"""Delay, as a share of the analysis window, from the middle of the frame in which the bands rise
most to the moment that people call the onset."""


@descriptor("series", unit="dB", range=(0, np.inf), needs=["mel_level"])
def onset_envelope(window: Window) -> Floats:
    """Mean rise of the mel bands from the frame before (`librosa.onset.onset_strength`).

    Without the delay that librosa adds, of the half window by which centring moves frames ahead.

    References
    ----------
    Böck and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013, without
    the maximum filter.
    """
    return _rise(window, 0, window.settings.n_mels)


def _rise(window: Window, first: int, last: int) -> Floats:
    """Return the mean rise of some of the mel bands from frame to frame."""
    levels = window["mel_level"]
    if not len(levels):
        return np.empty(0, np.float32)
    # The frame before the window is cut off where those in it are.
    before = window.before.get("mel_db", window["mel_db"][0]) + window.gain
    floor = levels.max() - np.float32(window.settings.top_db)
    rows = np.ascontiguousarray(levels[:, first:last])
    return spectral_loops.mean_rise(rows, np.maximum(before, floor)[first:last])


def onsets(envelope: Floats, frame_rate: float, floor: float = 0.0) -> Floats:
    """Mark each frame where a note or a stroke begins (`librosa.onset.onset_detect`).

    Parameters
    ----------
    envelope : ndarray of shape (frames,)
        Onset envelope.
    frame_rate : float
        Frames per second.
    floor : float
        How far a peak stands out of its neighbourhood at least, in the unit of the envelope.
        librosa has none: of a held tone it finds an onset in each ripple of the rounding.

    Returns
    -------
    ndarray of shape (frames,)
        One at onsets, zero elsewhere.
    """
    spread = _spread(envelope, frame_rate)
    if not spread > 0:
        return np.zeros_like(envelope)
    # The other parameters are librosa's, too.
    return series_loops.pick_peaks(
        (envelope - envelope.min()) / spread,
        max_before=int(0.03 * frame_rate),
        max_after=1,
        mean_before=int(0.10 * frame_rate),
        mean_after=int(0.10 * frame_rate) + 1,
        delta=max(LEAST_STAND_OUT, floor / spread),
        wait=int(0.03 * frame_rate),
    )


def _spread(envelope: Floats, frame_rate: float) -> float:
    """Return how far an envelope rises in most seconds that have strokes.

    The upper quartile of the maxima of its seconds: one click, or the cut where a track begins
    anew, would decide the maximum of all.
    """
    if not len(envelope):
        return 0.0
    seconds = max(1, round(len(envelope) / frame_rate))
    starts = np.arange(seconds) * len(envelope) // seconds
    return float(np.quantile(np.maximum.reduceat(envelope, starts), 0.75) - envelope.min())


def _rate(track: TrackSummary, floor: float) -> float:
    frame_rate = track.settings.frame_rate
    return float(onsets(_onsets_within(track), frame_rate, floor).mean() * frame_rate)


@descriptor(
    "track",
    unit="1/s",
    range=(0, np.inf),
    needs=["onset_envelope"],
    sets=["default"],
    version=4,
    family="rhythm",
    words={"onset_rate": ("sparser", "busier")},
)
def onset_rate(track: TrackSummary) -> float:
    """Onsets per second, from the first sound to the last.

    How busy it is: few beginnings for held strings, many for fast drums and guitars.

    The peaks of the onset envelope, picked by the rule and with the parameters of
    `librosa.onset.onset_detect`, over the seconds from the first sound to the last. A peak counts
    where it stands out of its neighbourhood by 7 % of how far the envelope rises, and by 0.3 dB: a
    held chord, whose partials beat, has no onset after its first. How far it rises is the upper
    quartile of the maxima of its seconds, where librosa takes the maximum of all: one click would
    hide the softer strokes of the whole track.

    Notes
    -----
    No tempo, and not the number of notes: what begins together is one onset, and what swells, as
    strings and voices do, may be none. A strong vibrato or tremolo, and loud noise, are taken for
    onsets. What the track begins with does not count.

    References
    ----------
    Böck, Krebs and Schedl, "Evaluating the online capabilities of onset detection methods", ISMIR
    2012: the rule.
    """
    return _rate(track, ONSET_FLOOR)


@descriptor("track", unit="1/s", range=(0, np.inf), needs=["onset_envelope"], version=2)
def peak_rate(track: TrackSummary) -> float:
    """Peaks of the onset envelope per second, however faint: `onset_rate` without its floor.

    What the estimates (`tempo`, and Spotify's) were fitted to.
    """
    return _rate(track, 0.0)


def _sound(whole: TrackSummary | Window) -> slice:
    """Return where the sound is, from the first active frame to the last."""
    active = np.flatnonzero(whole.active)
    return slice(int(active[0]), int(active[-1]) + 1)


def _onsets_within(whole: TrackSummary | Window, name: str = "onset_envelope") -> Floats:
    """Return an onset envelope from the first sound to the last.

    The step from silence to the first sound would dwarf every onset in the music: it is zero while
    frames reach over it.
    """
    sound = _sound(whole)
    envelope = whole[name][sound].copy()
    if sound.start:
        reach = whole.settings.n_fft // (2 * whole.settings.hop_length)
        envelope[: reach + 1] = 0
    return envelope


@lru_cache(maxsize=8)
def _bands_below(edge: float, settings: Settings) -> int:
    """How many mel bands lie below a frequency; one at least."""
    centres = filters.mel_frequencies(settings.n_mels + 2, settings.fmax)[1:-1]
    return max(1, int(np.searchsorted(centres, edge)))


def _low_bands(settings: Settings) -> int:
    """How many mel bands lie below `LOW_EDGE`."""
    return _bands_below(LOW_EDGE, settings)


@descriptor("series", unit="dB", needs=["mel_level"])
def low_level(window: Window) -> Floats:
    """Mean level of the mel bands below 225 Hz: bass and bass drum."""
    level: Floats = window["mel_level"][:, : _low_bands(window.settings)].mean(axis=1)
    return level


@descriptor("series", unit="dB", range=(0, np.inf), needs=["mel_level"])
def low_onset(window: Window) -> Floats:
    """Mean rise of the mel bands below 225 Hz from the frame before; see `onset_envelope`."""
    return _rise(window, 0, _low_bands(window.settings))


@descriptor("series", unit="dB", range=(0, np.inf), needs=["mel_level"])
def mid_onset(window: Window) -> Floats:
    """Mean rise of the mel bands from 225 to 2,000 Hz; see `onset_envelope`."""
    first = _low_bands(window.settings)
    return _rise(window, first, max(first + 1, _bands_below(MID_EDGE, window.settings)))


def evidence(track: TrackSummary) -> tuple[tempi.Pulses, NDArray[np.float64]]:
    """Return the input of `tempo`: the pulses, and the clues to their octave."""
    rate = peak_rate(track)
    pulses = tempi.pulses(
        _onsets_within(track),
        _onsets_within(track, "low_onset"),
        _onsets_within(track, "mid_onset"),
        rate,
        track.settings.frame_rate,
    )
    moving = track.values("fluctuation_pattern")
    return pulses, tempi.clues(track.values("tempo_pattern"), moving, rate)


def _beat(track: TrackSummary) -> tempi.Tempo:
    if not onset_rate(track):
        return tempi.Tempo(np.nan, np.nan, np.nan, np.nan)
    return tempi.octaves().decide(*evidence(track)).within(track.settings.tempo_range)


@descriptor(
    "track",
    values=[Column("tempo", "BPM", FOUND), Column("tempo_confidence", "", (0, 1))],
    needs=["onset_envelope", "low_onset", "mid_onset", "tempo_pattern", "fluctuation_pattern"],
    sets=["default", "spotify"],
    version=4,
    family="rhythm",
    words={
        "tempo": ("slower", "faster"),
        "tempo_confidence": ("less steady", "steadier"),
    },
)
def tempo(track: TrackSummary) -> tuple[float, float]:
    """Tempo in beats per minute, an estimate.

    How fast one would tap a foot to it: about 75 for a slow ballad, 90 for hip-hop, 125 for house,
    175 for drum and bass.

    Candidates are the peaks of a comb over the autocorrelation of the onset envelopes, three parts
    of all bands and one of the bass: its mean at a period and at the multiples up to the sixth, in
    windows of 12 s. What decides among them is how strong they are, whether bass drum and snare
    drum take turns on their beats, that they are no faster than onsets follow each other, and how
    near they are to the tempo that is expected of music that moves like this one, by a regression
    on `tempo_pattern`, `fluctuation_pattern` and `peak_rate`. It was fitted to what people tapped
    and to what Spotify said of modern songs. The
    confidence is the probability of the chosen one among the candidates, times the root of its
    strength: it says how sure the octave is, and is low without a pulse. NaN where nothing repeats,
    and where there is no onset: what a held sound repeats is its own ripple.

    Notes
    -----
    People disagree about the octave: what one taps at 70 another taps at 140. It gives one of the
    two, and is wrong for the others; `tempo_confidence` tells how near the choice was.

    One value: of a tempo that changes, one that it has for long. `tempo_std` says how much it
    changes, and `earmark beats` follows it. Music without a beat, speech and noise get a tempo too,
    with a low confidence. It was fitted to Western popular music alone.

    References
    ----------
    Percival and Tzanetakis, "Streamlined tempo estimation based on autocorrelation and
    cross-correlation with pulses", IEEE/ACM TASLP 22(12), 2014.

    Peeters, "Template-based estimation of tempo: using unsupervised or supervised learning to
    create better spectral templates", DAFx 2010.

    Hockman and Fujinaga, "Fast vs slow: learning tempo octaves from user data", ISMIR 2010.

    Marchand, Fresnel and Peeters, "GTZAN-Rhythm: extending the GTZAN test-set with beat, downbeat
    and swing annotations", ISMIR 2015: what people tapped.
    """
    beat = track.cached(_beat)
    return beat.bpm, beat.confidence


@descriptor(
    "track",
    values=[Column("tempo_2", "BPM", FOUND), Column("tempo_2_confidence", "", (0, 1))],
    needs=["onset_envelope", "low_onset", "mid_onset", "tempo_pattern", "fluctuation_pattern"],
    sets=["default"],
    family="rhythm",
)
def tempo_2(track: TrackSummary) -> tuple[float, float]:
    """Second most probable tempo in beats per minute, an estimate.

    What one might tap as well: mostly twice or half of `tempo`, and of music in three sometimes a
    third of it.

    The second most probable of the candidates among which `tempo` is chosen, with a confidence by
    the same rule. The nearer it is to `tempo_confidence`, the more the choice was a toss. NaN for
    both where there is but one candidate, or none.

    Notes
    -----
    No second tempo that is heard beside the first, as in music of two metres, and not the tempo of
    another part of the track.

    References
    ----------
    McKinney and Moelants, "Ambiguity in tempo perception: what draws listeners to different
    metrical levels?", Music Perception 24(2), 2006.
    """
    beat = track.cached(_beat)
    return beat.other, beat.other_confidence


def tempo_map(track: TrackSummary) -> maps.TempoMap:
    """Follow the tempo through a track; see `earmark.extract.estimators.tempo_map`.

    The seconds are those of the track.
    """
    bpm = track.cached(_beat).bpm
    if np.isnan(bpm):
        return maps.NO_MAP
    frame_rate = track.settings.frame_rate
    found = maps.follow(_onsets_within(track), _onsets_within(track, "low_onset"), bpm, frame_rate)
    return found._replace(seconds=found.seconds + _sound(track).start / frame_rate)


@descriptor(
    "track",
    unit="BPM",
    range=(0, 100),
    needs=["onset_envelope", "low_onset", "mid_onset", "tempo_pattern", "fluctuation_pattern"],
    sets=["default"],
    family="rhythm",
    words={"tempo_std": ("steadier tempo", "tempo that changes more")},
)
def tempo_std(track: TrackSummary) -> float:
    """How much the tempo changes: the standard deviation of the local tempo in beats per minute.

    Near 0 where a machine or a click keeps time, about 1 for a band that plays without, more where
    the music slows down and speeds up, and in a DJ's mix.

    The local tempo is the period, up to half an octave around `tempo`, at which the onset envelope
    correlates best with itself in 4 s, every second; a path through the seconds that changes no
    more than it has to (Viterbi). `earmark beats` has the path.

    Notes
    -----
    A tempo that is more than half an octave away from that of the track is taken for one that is
    nearer. Where there is no clear beat (`tempo_confidence`), it is the spread of guesses. NaN
    without a tempo.

    References
    ----------
    Grosche and Müller, "Extracting predominant local pulse information from music recordings", IEEE
    TASLP 19(6), 2011.

    Laroche, "Efficient tempo and beat tracking in audio recordings", JAES 51(4), 2003.
    """
    return track.cached(tempo_map).spread


class Bars(NamedTuple):
    """The beats of a track and their bars.

    Parameters
    ----------
    frames : ndarray of shape (beats,)
        Frames of the beats.
    accents : ndarray of shape (3, beats)
        See `earmark.extract.estimators.beats.accents`.
    metre, confidence : float
        Beats in a bar and how sure that is; NaN without beats.
    """

    frames: NDArray[np.int64]
    accents: NDArray[np.float64]
    metre: float
    confidence: float


def _periods(track: TrackSummary, bpm: float) -> float | NDArray[np.float64]:
    """Return the frames from beat to beat; those at each frame where the tempo changes."""
    frame_rate, found = track.settings.frame_rate, track.cached(tempo_map)
    if found.steady:
        return 60 * frame_rate / bpm
    sound = _sound(track)
    seconds = np.arange(sound.start, sound.stop) / frame_rate
    return np.asarray(60 * frame_rate / np.interp(seconds, found.seconds, found.bpm))


def _bars(track: TrackSummary) -> Bars:
    bpm = track.cached(_beat).bpm
    if np.isnan(bpm):
        return Bars(np.empty(0, np.int64), np.empty((3, 0)), np.nan, np.nan)
    sound, onset = _sound(track), _onsets_within(track)
    frames = pulse.track(onset, _periods(track, bpm))
    accents = pulse.accents(
        frames, onset, _onsets_within(track, "low_onset"), track["low_level"][sound]
    )
    return Bars(sound.start + frames, accents, *pulse.bar(accents))


@descriptor(
    "track",
    values=[
        Column("time_signature", "beats", (3, 7)),
        Column("time_signature_confidence", "", (0, 1)),
    ],
    needs=[
        *("onset_envelope", "low_onset", "mid_onset", "low_level"),
        *("tempo_pattern", "fluctuation_pattern"),
    ],
    sets=["default", "spotify"],
    family="rhythm",
    words={"time_signature": {3: "three beats to the bar", 5: "five beats to the bar"}},
)
def time_signature(track: TrackSummary) -> tuple[float, float]:
    """Beats in a bar, 3 to 7, an estimate.

    Whether one counts to three, as in a waltz, to four, as in nearly all popular music, or to
    something as rare as five and seven.

    How the beats stand out (by onset, onset of the bass, level of the bass) is correlated with
    itself one and two bars later. Four in a bar is the rule, and given unless something else is
    evident. The confidence is the probability, given that rule and that the beats are right:
    whether there is a beat at all says `tempo_confidence`. NaN for both where nothing repeats.

    Notes
    -----
    Little more than the rule that there are four: of the annotated recordings only four have three
    beats, and less than ten seconds are always four. What has five or seven is found in machines'
    music at most. It does not tell 6/8 from two bars of three, nor 2/4 from half a bar of four; a
    metre that changes has one value. Where the tempo is wrong, so is this.

    References
    ----------
    Gainza, "Automatic musical meter detection", ICASSP 2009.
    """
    bars = track.cached(_bars)
    return bars.metre, bars.confidence


class Listener:
    """Keeps the frames that tell where bars begin, while a track is read: the `watch` of a pass.

    As half floats, 12 MB for ten minutes.
    """

    NEEDS = ("time_signature", "tonnetz")
    """Descriptors in whose plan those frames are."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[np.float16]]] = {"mel_db": [], "chroma": []}

    def __call__(self, series: Mapping[str, Floats]) -> None:
        """Keep the frames of a block."""
        for name, parts in self._parts.items():
            parts.append(series[name].astype(np.float16))

    def frames(self, name: str, part: slice) -> Floats:
        """Return some of the frames of a series, shape (frames, values)."""
        return np.concatenate(self._parts[name])[part].astype(np.float32)


def bars(track: TrackSummary) -> Bars:
    """Return the beats of a track and how many of them make a bar."""
    return track.cached(_bars)


def seconds(frames: NDArray[np.int64], settings: Settings) -> NDArray[np.float64]:
    """Return when people call an onset that is found in each of some frames."""
    return frames / settings.frame_rate + ONSET_DELAY * settings.n_fft / settings.sample_rate


def heard(track: TrackSummary, listener: Listener) -> downbeats.Heard:
    """Return what is heard of a track from its first sound to the last."""
    sound, settings = _sound(track), track.settings
    onset, low_onset, mid_onset = (
        _onsets_within(track, name) for name in ("onset_envelope", "low_onset", "mid_onset")
    )
    # The mean rise of the bands above is what is left of that of all.
    low, middle = _low_bands(settings), _bands_below(MID_EDGE, settings)
    above = onset * settings.n_mels - low_onset * low - mid_onset * (middle - low)
    return downbeats.Heard(
        onset,
        low_onset,
        np.maximum(above, 0) / (settings.n_mels - middle),
        track["low_level"][sound],
        listener.frames("mel_db", sound),
        listener.frames("chroma", sound),
    )


def beats(
    track: TrackSummary, listener: Listener
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Find the beats of a track.

    Parameters
    ----------
    track : TrackSummary
        What `Listener.NEEDS` need.
    listener : Listener
        What watched the pass over the track.

    Returns
    -------
    times : ndarray of shape (beats,)
        In seconds.
    numbers : ndarray of shape (beats,)
        In the bar, from 1.
    tempi : ndarray of shape (beats,)
        Of the few seconds around each, in beats per minute.
    """
    if not track or len((found := track.cached(_bars)).frames) < 2:
        return np.empty(0), np.empty(0, np.int64), np.empty(0)
    metre = int(found.metre)
    marks = downbeats.marks(found.frames - _sound(track).start, heard(track, listener))
    numbers = (np.arange(len(found.frames)) - downbeats.first(marks, metre)) % metre + 1
    times, course = seconds(found.frames, track.settings), track.cached(tempo_map)
    return times, numbers, np.interp(times, course.seconds, course.bpm)


@descriptor(
    "window",
    range=(-1, 1),
    size=TEMPO_BANDS,
    needs=["onset_envelope"],
    sets=["default"],
    version=2,
    family="rhythm",
    words={"tempo_pattern_*": ("less steady", "steadier")},
)
def tempo_pattern(window: Window) -> Floats:
    """How much repeats at each of 16 tempi: autocorrelation of the onset envelope, 40 to 360 BPM.

    The rhythm as a picture of tempi: high at the beat, its halves and its doubles where a machine
    plays, flat where nothing repeats.

    Each value is the highest one in a band of tempi (a ratio of 1.147, slowest first) of the
    autocorrelation of the envelope without its mean, scaled to 1 at lag 0 and to the frames that
    overlap; NaN where the window is too short for the lag.

    Notes
    -----
    No tempo: of all that repeats, none is singled out as the beat. All bands are taken together;
    see `fluctuation_pattern` for which of them moves.

    References
    ----------
    Tzanetakis and Cook, "Musical genre classification of audio signals", IEEE TSAP 10(5), 2002.
    """
    envelope = _onsets_within(window)
    count = len(envelope)
    products = _autocorrelation(envelope - envelope.mean())
    if not products[0] > 0:
        return np.zeros(TEMPO_BANDS, np.float32)
    strength = products / products[0] * (count / np.arange(count, 0, -1))
    lags, firsts = _tempo_lags(window.settings.frame_rate)
    at_lags = np.interp(lags, np.arange(count), strength)
    at_lags[lags > count - LEAST_OVERLAP * window.settings.frame_rate] = np.nan
    # The longest lag of each band ends it and begins the next.
    highest = np.fmax(np.fmax.reduceat(at_lags, firsts[:-1]), at_lags[firsts[1:]])
    pattern: Floats = np.clip(highest[::-1], -1, 1).astype(np.float32)
    return pattern


@lru_cache(maxsize=8)
def _tempo_lags(frame_rate: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the lags at which an autocorrelation can be highest, and where each band begins.

    Between whole frames it runs straight: they and the edges of the bands suffice.
    """
    edges = 60 * frame_rate / np.geomspace(*TEMPO_PATTERN_RANGE[::-1], TEMPO_BANDS + 1)
    whole = np.arange(np.ceil(edges[0]), edges[-1])
    lags = np.union1d(edges, whole)
    return lags, np.searchsorted(lags, edges)


def _autocorrelation(values: Floats) -> Floats:
    """Return the autocorrelation, padded with zeros to twice the length."""
    spectrum = scipy.fft.rfft(values, 2 * len(values))
    energy = np.square(spectrum.real) + np.square(spectrum.imag)
    return np.asarray(scipy.fft.irfft(energy, 2 * len(values))[: len(values)])

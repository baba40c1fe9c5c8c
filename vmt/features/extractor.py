"""`Extractor`: from a video's frames and sound to its `Features`, by the same path for training and
for generation.

An annotation takes precedence over recognition: a `.lab` gives chords and key, a `.mid` gives the
note density. Without sound, a musical field without annotation is None: silence is not the same
as not knowing.
"""

import threading
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pretty_midi
from jaxtyping import Float32

from vmt import chords
from vmt.features import clip_weights, curves
from vmt.features import frames as visual
from vmt.features.config import VERSION, ExtractorConfig
from vmt.features.recognisers import (
    ChordRecogniser,
    LoadOptions,
    NoteTranscriber,
    chord_recogniser,
    note_transcriber,
)
from vmt.features.recognisers.protocol import SAMPLE_RATE
from vmt.features.record import Features
from vmt.hardware import choose_device

if TYPE_CHECKING:
    from vmt.features.clip import Clip

__all__ = ["VERSION", "Extractor", "ExtractorConfig"]


class Extractor:
    """The models of one `ExtractorConfig` on one device. Each is loaded once, at its first use, and
    shared by all threads.
    """

    SAMPLE_RATE: ClassVar[int] = SAMPLE_RATE
    CLIP_BATCH: ClassVar[int] = 8  # frames; on a GPU 64

    def __init__(
        self, config: ExtractorConfig, device: str = "auto", *, cache_dir: Path | None = None
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            config: what decides the values.
            device: `auto`, `cpu` or `cuda`.
            cache_dir: where downloaded weights are kept; the hub's own folder when None.

        Raises:
            SettingsError: if CUDA is asked for and there is none.
        """
        self._given = (config, device, cache_dir)
        self._config = config
        self._settled = not config.fallback_untrained
        self._wanted_device = device
        if device == "cuda":
            choose_device(device)  # says at once that there is none
        self._cache_dir = cache_dir
        self._lock = threading.RLock()
        self._models: dict[str, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process gets the settings, with the weights that were resolved, and loads models
        # of its own.
        _, device, cache_dir = self._given
        return _rebuild, (replace(self._config), device, cache_dir)

    @cached_property
    def _device(self) -> str:
        """The device; asking for it loads PyTorch, which a dry run does not."""
        return str(choose_device(self._wanted_device))

    @property
    def config(self) -> ExtractorConfig:
        """The settings, with the weights that are really used.

        Raises:
            WeightsError: if the weights cannot be had.
        """
        with self._lock:
            if not self._settled:
                given = self._config
                weights = clip_weights.resolve_weights(
                    given.clip_model, given.clip_weights, self._cache_dir, fallback_untrained=True
                )
                self._config = replace(given, clip_weights=weights)
                self._settled = True
            return self._config

    @property
    def name(self) -> str:
        """The name under which features of this extractor are kept; see `ExtractorConfig.name`.

        Raises:
            WeightsError: if the weights cannot be had.
        """
        return self.config.name

    @property
    def clip(self) -> "Clip":
        """CLIP, loaded.

        Raises:
            WeightsError: if the weights are missing or do not fit.
        """
        from vmt.features.clip import Clip  # loads PyTorch

        with self._lock:
            if "clip" not in self._models:
                config = self.config
                self._models["clip"] = Clip(
                    config.clip_model,
                    config.clip_weights,
                    config.prompts,
                    device=self._device,
                    cache_dir=self._cache_dir,
                )
            loaded: Clip = self._models["clip"]
            return loaded

    @property
    def chord_recogniser(self) -> ChordRecogniser:
        """The chord recogniser of the settings, loaded.

        Raises:
            WeightsError: if its weights are missing.
        """
        with self._lock:
            if "chords" not in self._models:
                registration = chord_recogniser(self._config.chord_recogniser)
                self._models["chords"] = registration.load(self._load_options)
            loaded: ChordRecogniser = self._models["chords"]
            return loaded

    @property
    def note_transcriber(self) -> NoteTranscriber:
        """The note transcriber of the settings, loaded.

        Raises:
            WeightsError: if its model is missing.
        """
        with self._lock:
            if "notes" not in self._models:
                registration = note_transcriber(self._config.note_transcriber)
                self._models["notes"] = registration.load(self._load_options)
            loaded: NoteTranscriber = self._models["notes"]
            return loaded

    @property
    def _load_options(self) -> LoadOptions:
        return LoadOptions(self._config.chord_nets, self._device)

    def extract(
        self,
        frames: Iterable[visual.VideoFrame],
        sound: Float32[np.ndarray, " samples"] | None,
        *,
        duration_s: float,
        source_sha256: str,
        annotation: chords.Annotation | None = None,
        notes: pretty_midi.PrettyMIDI | None = None,
        name: str,
    ) -> Features:
        """Features of one video.

        Args:
            frames: every frame, in order, the first at 0 s; read once, never ahead of what CLIP
                takes.
            sound: mono at `SAMPLE_RATE`, aligned to the frames, full scale = 1; None where there is
                none.
            duration_s: length of the picture.
            source_sha256: of the video's bytes.
            annotation: chords, and perhaps the key, that people brought.
            notes: notes that people brought.
            name: what messages call the video.

        Raises:
            MediaError: if there is no frame.
            WeightsError: if a model's weights are missing.
        """
        length = visual.grid_length(duration_s)
        tools = self.config.field_names()
        visual_fields, cuts_s = self._see(frames, length, name)
        musical_fields = self._hear(sound, annotation, notes, length, tools)

        fields = visual_fields | musical_fields
        return Features(
            **fields,
            duration_s=duration_s,
            source_sha256=source_sha256,
            extractors={field: tool for field, tool in tools.items() if fields[field] is not None},
            cuts_s=cuts_s,
        )

    def _see(
        self, frames: Iterable[visual.VideoFrame], length: int, name: str
    ) -> tuple[dict[str, Any], tuple[float, ...]]:
        """The four visual fields by name, and the cuts. No more than one batch of prepared frames
        is held at a time.
        """
        clip = self.clip
        semantic = np.empty((length, clip.dimension), dtype=np.float32)
        emotion = np.empty((length, len(self._config.prompts)), dtype=np.float32)
        motion = np.empty(length, dtype=np.float32)

        cuts = visual.CutFinder()
        stream = (
            (pick.seconds, clip.prepare(pick.rgb), pick.motion)
            for pick in visual.picks(frames, length, cuts, name)
        )
        size = self.CLIP_BATCH * (8 if self._device.startswith("cuda") else 1)
        while batch := list(islice(stream, size)):
            embeddings, emotions = clip.embed([prepared for _, prepared, _ in batch])
            for row, (seconds, _, frame_motion) in enumerate(batch):
                span = slice(seconds.start, seconds.stop)
                semantic[span], emotion[span] = embeddings[row], emotions[row]
                motion[span] = frame_motion

        motion[0] = 0  # the first frame has none before it
        offset = visual.scene_offset(cuts.cuts_s, length)
        return {
            "semantic": semantic,
            "emotion": emotion,
            "motion": motion,
            "scene_offset": offset,
        }, cuts.cuts_s

    def _hear(
        self,
        sound: Float32[np.ndarray, " samples"] | None,
        annotation: chords.Annotation | None,
        notes: pretty_midi.PrettyMIDI | None,
        length: int,
        tools: dict[str, str],
    ) -> dict[str, Any]:
        """The four musical fields by name.

        Args:
            sound: as in `extract`.
            annotation: as in `extract`.
            notes: as in `extract`.
            length: T, in seconds.
            tools: what made each field; set to `annotation` where people did.
        """
        if sound is not None:
            sound = sound[: length * self.SAMPLE_RATE]
        loudness = None if sound is None else curves.loudness(sound, self.SAMPLE_RATE, length)
        density, labels, key = None, None, None

        if notes is not None:
            tools["note_density"] = "annotation"
            density = curves.note_density(curves.midi_notes(notes), length)
        elif sound is not None:
            transcribed = self.note_transcriber.notes(sound)
            density = curves.note_density(
                ((note.start_s, note.end_s) for note in transcribed), length
            )

        if annotation is not None:
            tools["chord"] = "annotation"
            labels = annotation.each_second(length)
        elif sound is not None:
            labels = self.chord_recogniser.each_second(sound, length)

        if annotation is not None and annotation.key is not None:
            tools["key"] = "annotation"
            key = annotation.key
        elif labels is not None:
            key = curves.find_key(labels)
        return {"loudness": loudness, "note_density": density, "chord": labels, "key": key}


def _rebuild(config: ExtractorConfig, device: str, cache_dir: Path | None) -> Extractor:
    return Extractor(config, device, cache_dir=cache_dir)

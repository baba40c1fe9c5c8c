"""Composing: which take of a video is wanted, and what the models write for it, chords and
curves.
"""

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as package_version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Int64

from vmt import chords
from vmt.arrange.config import ADDED_LATER, GenerateConfig
from vmt.arrange.key_and_mood import scale_loudness, sounding_key, with_emotion
from vmt.audio.soundfont import check_soundfont, default_soundfont
from vmt.catalog import keys
from vmt.catalog.identity import assign, identify
from vmt.catalog.keys import OutputFolder
from vmt.catalog.records.soundtracks import Failure, SoundtrackRecord
from vmt.catalog.records.videos import Identity
from vmt.catalog.runs import Run
from vmt.catalog.videos import sha256_of
from vmt.errors import GenerationError, VmtError
from vmt.features.record import Features
from vmt.hardware import Precision, automatic_precision, choose_device
from vmt.jobs.ingest.extractors import remembered
from vmt.jobs.soundtrack.styles import NamedStyle, find_style, style_source
from vmt.settings import Settings
from vmt.store import ObjectStore

if TYPE_CHECKING:
    import torch

    from vmt.model.regressor import VideoRegressor
    from vmt.model.sampling import Request

__all__ = ["ChordScore", "Composer", "Failure", "Source", "Take"]


@dataclass(frozen=True, eq=False)
class Source:
    """One video that wants soundtracks, with its features."""

    id: str
    key: str
    sha256: str
    features: Features
    title: str = ""


@dataclass(frozen=True, eq=False)
class Take:
    """One soundtrack of one video: its settings, and its folder, whose name is a hash of all that
    decides the bytes.
    """

    source: Source
    config: GenerateConfig
    folder: OutputFolder

    @property
    def name(self) -> str:
        """See `take_name`."""
        return self.folder.take

    def stream(self, use: str) -> tuple[int, ...]:
        """A seed of its own for each use of chance."""
        return _stream(self.config.seed, self.source.id, use)


@dataclass(frozen=True, eq=False)
class ChordScore:
    """What the models wrote for a video: chords in the sounding key, and the curves that play them.

    The curves have four decimals, as in the record, so that a replay from the record gives the same
    bytes.
    """

    labels: tuple[str, ...]
    key: chords.Key
    note_density: Float32[np.ndarray, " time"]
    loudness: Float32[np.ndarray, " time"]

    def digest(self) -> str:
        """A hash of it all."""
        parts = [str(self.key), " ".join(self.labels)]
        content = "\n".join(parts).encode() + self.note_density.tobytes() + self.loudness.tobytes()
        return hashlib.sha256(content).hexdigest()


class Composer:
    """The models of one run and epoch, loaded once, and what they write for each video."""

    def __init__(self, store: ObjectStore, settings: Settings, run: Run, epoch: int) -> None:
        self.store, self.run, self.epoch = store, run, epoch
        self.identities: dict[str, Identity] = {}
        self._device = settings.device
        self.precision: Precision = automatic_precision(settings.device)
        self.parameters = run.parameters()
        self.extractor = remembered(store, self.parameters.extractor, settings)
        self.weights_sha256 = hashlib.sha256(run.weights(epoch)).hexdigest()
        self.soundfont = (
            check_soundfont(settings.soundfont) if settings.soundfont else default_soundfont()
        )
        self.soundfont_sha256 = sha256_of(self.soundfont)
        self._styles = style_source(store, settings)
        self._read_styles: dict[str, NamedStyle] = {}

    @cached_property
    def device(self) -> "torch.device":
        """The device of the models; asking for it loads PyTorch, which a dry run does not."""
        return choose_device(self._device)

    def style(self, name: str) -> NamedStyle:
        """The style of that name, read once, so that all takes of a batch have the same.

        Raises:
            GenerationError: if there is none, or its file is wrong.
        """
        if name not in self._read_styles:
            self._read_styles[name] = find_style(name, self._styles)
        return self._read_styles[name]

    def learn_ids(self, keys: Sequence[str]) -> None:
        """Look up, or make, the ids of many videos at once."""
        self.identities |= assign(self.store, keys)

    def read(self, key: str) -> Source | Failure:
        """A video and its features, extracted and kept now where the store has none."""
        try:
            with self._fetched(key) as (path, sha256):
                return self._source(key, path, sha256)
        except VmtError as error:
            return Failure(key, str(error), error.transient)

    def read_kept(self, key: str) -> Source | Failure | None:
        """A video and the features that the store keeps of it; None where it keeps none."""
        try:
            with self._fetched(key) as (path, sha256):
                kept = self.store.head(keys.features(self.extractor.name, sha256)) is not None
                return self._source(key, path, sha256) if kept else None
        except VmtError as error:
            return Failure(key, str(error), error.transient)

    @contextmanager
    def _fetched(self, key: str) -> Iterator[tuple[Path, str]]:
        with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
            path = Path(folder) / PurePosixPath(key).name
            self.store.get_file(key, path)
            yield path, sha256_of(path)

    def _source(self, key: str, path: Path, sha256: str) -> Source:
        from vmt.jobs.ingest.ingest import features_of

        identity = self.identities.get(key) or identify(self.store, key)
        _, features = features_of(
            self.store, self.extractor, path, sha256, training=False, video=identity.id
        )
        return Source(identity.id, key, sha256, features, identity.title)

    def take(self, source: Source, config: GenerateConfig) -> Take:
        """The take of these settings."""
        inputs = self.inputs(source.sha256, dataclasses.asdict(config))
        name = take_name(inputs)
        return Take(source, config, OutputFolder(self.run.name, self.epoch, source.id, name))

    def inputs(self, video_sha256: str, settings: Mapping[str, object]) -> dict[str, object]:
        """Everything that decides a take's bytes."""
        defaults = dataclasses.asdict(GenerateConfig())
        kept = {
            name: value
            for name, value in settings.items()
            if name not in ADDED_LATER or value != defaults[name]
        }
        return {
            "settings": kept,
            "style": self.style(str(settings["style"])).sha256,
            "video": video_sha256,
            "weights": self.weights_sha256,
            "soundfont": self.soundfont_sha256,
            "extractor": self.extractor.name,
            "precision": self.precision,
            "vmt": package_version("vmt"),
        }

    def compose(self, takes: Sequence[Take]) -> list[ChordScore]:
        """Chords of all takes as one batch, and their curves."""
        if not takes:
            return []
        from vmt.dataset.songs import video_inputs
        from vmt.model.sampling import sample_chords

        seen = [with_emotion(take.source.features, take.config) for take in takes]
        mode = self.run.mode()
        sounding = [
            sounding_key(
                features,
                take.config,
                take.stream("tonic"),
                picture_is_minor=mode.is_minor(
                    video_inputs(features),
                    float(np.random.default_rng(take.stream("mode")).random()),
                ),
            )
            for take, features in zip(takes, seen, strict=True)
        ]
        model = self.run.transformer(self.epoch)
        requests = [
            self._request(take, video_inputs(features, model.config.inputs), key)
            for take, features, key in zip(takes, seen, sounding, strict=True)
        ]
        sampled = sample_chords(model, requests, self.device, self.precision)

        regressor = self.run.regressor().to(self.device)
        scores = []
        for take, features, key, numbers in zip(takes, seen, sounding, sampled, strict=True):
            density, loudness = self._curves(regressor, features, take.config)
            scores.append(ChordScore(_labels(take, numbers, key), key, density, loudness))
        return scores

    def _curves(
        self, regressor: "VideoRegressor", features: Features, config: GenerateConfig
    ) -> tuple[Float32[np.ndarray, " time"], Float32[np.ndarray, " time"]]:
        """Note density and loudness of each second, scaled as asked for, with four decimals."""
        import torch

        from vmt.dataset.songs import video_inputs

        inputs = torch.from_numpy(video_inputs(features))[None].to(self.device)
        with torch.inference_mode():
            rhythm = regressor(inputs)[0].cpu().numpy()
        density = np.clip(rhythm[:, 0] * config.density_scale, 0, None)
        loudness = scale_loudness(np.clip(rhythm[:, 1], 0, 1), config.loudness_scale)
        return density.round(4), loudness.round(4)

    def _request(
        self, take: Take, video: Float32[np.ndarray, "time f"], key: chords.Key
    ) -> "Request":
        from vmt.model.sampling import Request

        primer = chords.transpose(chords.tokens(take.config.primer), key.semitones_to_normal)
        if self.parameters.chord_labels == 25:
            primer = chords.REDUCE_25[primer]
        tonic = chords.token("A:min" if key.minor else "C")
        return Request(
            video,
            key.minor,
            tuple(primer.tolist()) or (tonic,),
            take.stream("chords"),
            take.config.temperature,
            take.config.top_p,
            self.parameters.train.change_weight,
        )


def take_name(inputs: Mapping[str, object]) -> str:
    """A short hash of everything that decides a take's bytes."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:10]


def recorded_score(record: SoundtrackRecord) -> ChordScore:
    """What the models wrote, from a soundtrack's record."""
    return ChordScore(
        record.chords,
        chords.parse_key(record.key),
        np.array(record.curves.note_density, dtype=np.float32),
        np.array(record.curves.loudness, dtype=np.float32),
    )


def recorded_config(settings: Mapping[str, object]) -> GenerateConfig:
    """The settings of an output's record.

    Raises:
        GenerationError: if they are not this version's.
    """
    known = {field.name for field in dataclasses.fields(GenerateConfig)}
    odd_names = (set(settings) ^ known) - (set(ADDED_LATER) - set(settings))
    if odd_names:
        odd = ", ".join(sorted(odd_names))
        raise GenerationError(
            f"record: its settings are another version's ({odd}); replay it with the VMT it names"
        )
    values: dict[str, Any] = {name: frozen(value) for name, value in settings.items()}
    return GenerateConfig(**values)


def frozen(value: object) -> object:
    """JSON's lists as tuples."""
    return tuple(frozen(item) for item in value) if isinstance(value, list) else value


def _labels(take: Take, numbers: Int64[np.ndarray, " time"], key: chords.Key) -> tuple[str, ...]:
    sounding = chords.transpose(numbers, -key.semitones_to_normal)
    primer = chords.tokens(take.config.primer)[: len(sounding)]
    sounding[: len(primer)] = primer
    return tuple(chords.label(int(number)) for number in sounding)


def _stream(seed: int, video: str, use: str) -> tuple[int, ...]:
    digest = hashlib.sha256(f"{seed}/{video}/{use}".encode()).digest()
    return tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, 16, 4))

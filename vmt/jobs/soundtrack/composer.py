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
from importlib.metadata import version as package_version
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

from vmt import chords
from vmt.arrange.config import ADDED_LATER, GenerateConfig
from vmt.audio.soundfont import check_soundfont, default_soundfont
from vmt.catalog.identity import Identity, assign, identify
from vmt.catalog.runs import Run
from vmt.dataset.songs import video_inputs
from vmt.errors import GenerationError, VmtError
from vmt.features.record import Features
from vmt.hardware import Precision, choose_device, choose_precision
from vmt.jobs.ingest.extractors import remembered
from vmt.jobs.ingest.ingest import features_key, features_of, sha256_of
from vmt.jobs.soundtrack.styles import NamedStyle, find_style, style_source
from vmt.model.sampling import Request, sample_chords
from vmt.settings import Settings
from vmt.store import ObjectStore

SUFFIX = "_cgen_rd"
KINDS = ("lab", "mid", "flac", "mp4", "json")


@dataclass(frozen=True)
class Failure:
    """A video that got no soundtrack, and why.

    Attributes:
        transient: whether the reason may pass by itself.
    """

    key: str
    reason: str
    transient: bool = False


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
    """One soundtrack of one video: its settings, its name (a hash of all that decides its bytes)
    and its keys.
    """

    source: Source
    config: GenerateConfig
    name: str
    keys: Mapping[str, str]

    def stream(self, use: str) -> tuple[int, ...]:
        """A seed of its own for each use of chance."""
        return _stream(self.config.seed, self.source.id, use)


@dataclass(frozen=True, eq=False)
class Written:
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
        self.device = choose_device(settings.device)
        self.precision: Precision = choose_precision("auto", self.device)
        self.parameters = run.parameters()
        self.extractor = remembered(store, self.parameters["extractor"], settings)
        self.weights_sha256 = hashlib.sha256(run.weights(epoch)).hexdigest()
        self.soundfont = (
            check_soundfont(settings.soundfont) if settings.soundfont else default_soundfont()
        )
        self.soundfont_sha256 = sha256_of(self.soundfont)
        self._styles = style_source(store, settings)
        self._read_styles: dict[str, NamedStyle] = {}

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
                kept = self.store.head(features_key(self.extractor.name, sha256)) is not None
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
        identity = self.identities.get(key) or identify(self.store, key)
        _, features = features_of(
            self.store, self.extractor, path, sha256, training=False, video=identity.id
        )
        return Source(identity.id, key, sha256, features, identity.title)

    def take(self, source: Source, config: GenerateConfig) -> Take:
        """The take of these settings."""
        inputs = self.inputs(source.sha256, dataclasses.asdict(config))
        name = take_name(inputs)
        return Take(source, config, name, take_keys(self.run.name, self.epoch, source.id, name))

    def inputs(self, video_sha256: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Everything that decides a take's bytes."""
        defaults = dataclasses.asdict(GenerateConfig())
        kept = {
            name: value
            for name, value in settings.items()
            if name not in ADDED_LATER or value != defaults[name]
        }
        return {
            "settings": kept,
            "style": self.style(settings["style"]).sha256,
            "video": video_sha256,
            "weights": self.weights_sha256,
            "soundfont": self.soundfont_sha256,
            "extractor": self.extractor.name,
            "precision": self.precision,
            "vmt": package_version("vmt"),
        }

    def compose(self, takes: Sequence[Take]) -> list[Written]:
        """Chords of all takes as one batch, and their curves."""
        if not takes:
            return []
        seen = [directed(each.source.features, each.config) for each in takes]
        keys = [sounding_key(each, features) for each, features in zip(takes, seen, strict=True)]
        model = self.run.transformer(self.epoch)
        requests = [
            self._request(take, video_inputs(features, model.config.inputs), key)
            for take, features, key in zip(takes, seen, keys, strict=True)
        ]
        sampled = sample_chords(model, requests, self.device, self.precision)
        regressor = self.run.regressor().to(self.device)
        written = []
        for take, features, key, numbers in zip(takes, seen, keys, sampled, strict=True):
            with torch.inference_mode():
                rhythm = (
                    regressor(torch.from_numpy(video_inputs(features))[None].to(self.device))[0]
                    .cpu()
                    .numpy()
                )
            density = np.clip(rhythm[:, 0] * take.config.density_scale, 0, None)
            loudness = swung(np.clip(rhythm[:, 1], 0, 1), take.config.loudness_scale)
            labels = _labels(take, numbers, key)
            written.append(Written(labels, key, density.round(4), loudness.round(4)))
        return written

    def _request(
        self, take: Take, video: Float32[np.ndarray, "time f"], key: chords.Key
    ) -> Request:
        primer = chords.transpose(chords.tokens(take.config.primer), key.semitones_to_normal)
        if self.parameters["chord_labels"] == 25:
            primer = chords.REDUCE_25[primer]
        tonic = chords.token("A:min" if key.minor else "C")
        return Request(
            video,
            key.minor,
            tuple(primer.tolist()) or (tonic,),
            take.stream("chords"),
            take.config.temperature,
            take.config.top_p,
            (self.parameters["train"] or {}).get("change_weight", 1.0),
        )


def take_name(inputs: Mapping[str, Any]) -> str:
    """A short hash of everything that decides a take's bytes."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:10]


def take_keys(run: str, epoch: int, video: str, take: str) -> dict[str, str]:
    """Where a take's files stand."""
    prefix = f"outputs/{run}/epoch_{epoch:04d}/{video}/{take}/{video}{SUFFIX}"
    return {kind: f"{prefix}.{kind}" for kind in KINDS}


def directed(features: Features, config: GenerateConfig) -> Features:
    """Features with the emotions that a person asked for in place of the picture's; a curve's last
    row goes on.
    """
    rows = config.emotion_rows()
    if not rows:
        return features
    held = np.minimum(np.arange(features.seconds), len(rows) - 1)
    return dataclasses.replace(features, emotion=np.array(rows, dtype=np.float32)[held])


def sounding_key(take: Take, features: Features) -> chords.Key:
    """The key asked for, or a tonic from the seed and the mode from the emotions."""
    if take.config.key != "auto":
        return chords.parse_key(take.config.key)
    return chords.Key(
        int(np.random.default_rng(take.stream("tonic")).integers(12)), mood_is_minor(features)
    )


def mood_is_minor(features: Features) -> bool:
    """The mode that the picture asks for: minor where fear, tension and sadness outweigh excitement
    and rest.
    """
    mean: dict[str, float] = dict(
        zip(chords.EMOTIONS, features.emotion.mean(0).tolist(), strict=True)
    )
    return mean["fearful"] + mean["tense"] + mean["sad"] > mean["exciting"] + mean["relaxing"]


def swung(loudness: Float32[np.ndarray, " time"], scale: float) -> Float32[np.ndarray, " time"]:
    """A loudness curve whose distances from its mean, in decibels, are `scale` times as far; 0 is
    flat.
    """
    level = np.log(np.maximum(loudness, 1e-4))
    centre = level.mean()
    return np.asarray(np.clip(np.exp(centre + scale * (level - centre)), 0, 1), dtype=np.float32)


def replayed(record: Mapping[str, Any]) -> Written:
    """What the models wrote, from an output's record."""
    curves = {
        name: np.array(record["curves"][name], dtype=np.float32)
        for name in ("note_density", "loudness")
    }
    return Written(tuple(record["chords"]), chords.parse_key(record["key"]), **curves)


def recorded_config(settings: Mapping[str, Any]) -> GenerateConfig:
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
    return GenerateConfig(**{name: frozen(value) for name, value in settings.items()})


def frozen(value: Any) -> Any:
    """JSON's lists as tuples."""
    return tuple(frozen(each) for each in value) if isinstance(value, list) else value


def _labels(take: Take, numbers: Int64[np.ndarray, " time"], key: chords.Key) -> tuple[str, ...]:
    sounding = chords.transpose(numbers, -key.semitones_to_normal)
    primer = chords.tokens(take.config.primer)[: len(sounding)]
    sounding[: len(primer)] = primer
    return tuple(chords.label(int(number)) for number in sounding)


def _stream(seed: int, video: str, use: str) -> tuple[int, ...]:
    digest = hashlib.sha256(f"{seed}/{video}/{use}".encode()).digest()
    return tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, 16, 4))

"""Generate soundtracks in bulk: chords, MIDI, FLAC and MP4 for each video, and a record of what made them."""

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version as package_version
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

from vmt import chords, media
from vmt.dataset.songs import video_inputs
from vmt.errors import GenerationError, VmtError
from vmt.features.record import Features
from vmt.hardware import Precision, choose_device, choose_precision
from vmt.jobs.events import Map, OnEvent, ignore, thread_map
from vmt.jobs.extractors import remembered
from vmt.jobs.index import video_id
from vmt.jobs.ingest import features_of, sha256_of
from vmt.music.arrangement import arrange, midi_bytes, suit_tempo
from vmt.music.config import GenerateConfig
from vmt.music.render import SAMPLE_RATE, master, synthesize, write_flac
from vmt.music.sampling import Request, sample_chords
from vmt.music.soundfont import check_soundfont, default_soundfont
from vmt.music.styles import load_style
from vmt.settings import Settings
from vmt.store import ObjectStore
from vmt.training.registry import Run, now, read_champion

SUFFIX = "_cgen_rd"


@dataclass(frozen=True)
class Soundtrack:
    """One finished take: the keys of its files by kind (lab, mid, flac, mp4, json)."""

    id: str
    run: str
    epoch: int
    take: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Failure:
    """A video that got no soundtrack, and why."""

    key: str
    reason: str


@dataclass(frozen=True)
class GenerateReport:
    """What a batch made, what it found done, and what failed."""

    made: tuple[Soundtrack, ...]
    known: tuple[Soundtrack, ...]
    failed: tuple[Failure, ...]


def generate(
    store: ObjectStore,
    settings: Settings,
    video_keys: Sequence[str],
    *,
    run: str | None = None,
    epoch: int | None = None,
    config: GenerateConfig = GenerateConfig(),  # noqa: B008 - frozen
    force: bool = False,
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> GenerateReport:
    """Write soundtracks for videos in the store; one bad video never stops the others.

    A take that exists with the same inputs is left as it is.

    Args:
        settings: device, SoundFont and cache; the extractor is the one that the run was trained on.
        video_keys: the videos' keys.
        run: whose model composes; the champion where None.
        epoch: of that run; the one it selected where None.
        force: make what exists again.
        map: spreads the work on each video over workers.

    Raises:
        GenerationError: if there is no champion yet, or nobody knows how the features it was trained on were made.
        TrainingError: if the run or the epoch is not in the store.
    """
    composer = _Composer(store, settings, *_chosen(store, run, epoch), config)
    read = list(map(composer.read, video_keys))
    failed = [each for each in read if isinstance(each, Failure)]
    takes = [each for each in read if isinstance(each, _Take)]
    known = [] if force else [each for each in takes if store.head(each.keys["json"]) is not None]
    wanted = [each for each in takes if each not in known]
    on_event("vmt.generate.started", {"videos": len(video_keys), "new": len(wanted)})
    made = []
    work = zip(wanted, composer.compose(wanted), strict=True)
    for outcome in map(composer.finish, work):
        if isinstance(outcome, Failure):
            failed.append(outcome)
            on_event("vmt.soundtrack.failed", vars(outcome))
        else:
            made.append(outcome)
            on_event("vmt.soundtrack.ready", vars(outcome))
    return GenerateReport(tuple(made), tuple(composer.soundtrack(each) for each in known), tuple(failed))


def _chosen(store: ObjectStore, run: str | None, epoch: int | None) -> tuple[Run, int]:
    if run is not None:
        chosen = Run(store, run)
        chosen.parameters()
        return chosen, chosen.best_epoch() if epoch is None else epoch
    if epoch is not None:
        raise GenerationError(f"epoch {epoch} of which run? name one")
    champion = read_champion(store)
    if champion is None:
        raise GenerationError(f"store {store.url}: no champion yet; train a run and promote it, or name a run")
    return Run(store, champion.run), champion.epoch


@dataclass(frozen=True, eq=False)
class _Take:
    """One video that wants a soundtrack, with its features."""

    id: str
    key: str
    sha256: str
    features: Features
    name: str
    keys: Mapping[str, str]


@dataclass(frozen=True)
class _Score:
    """What the models wrote for a video: chords in the sounding key, and the curves that play them."""

    labels: tuple[str, ...]
    key: chords.Key
    note_density: Float32[np.ndarray, " time"]
    loudness: Float32[np.ndarray, " time"]


class _Composer:
    """One call of `generate`: the models, loaded once, and the steps that every video goes through."""

    def __init__(
        self,
        store: ObjectStore,
        settings: Settings,
        run: Run,
        epoch: int,
        config: GenerateConfig,
    ) -> None:
        self.store, self.run, self.epoch, self.config = store, run, epoch, config
        self.device = choose_device(settings.device)
        self.precision: Precision = choose_precision("auto", self.device)
        self.parameters = run.parameters()
        self.extractor = remembered(store, self.parameters["extractor"], settings)
        weights = run.weights(epoch)
        self.weights_sha256 = hashlib.sha256(weights).hexdigest()
        self.soundfont = check_soundfont(settings.soundfont) if settings.soundfont else default_soundfont()
        self.soundfont_sha256 = sha256_of(self.soundfont)

    def read(self, key: str) -> _Take | Failure:
        """A video's features and the name of its take."""
        try:
            name = video_id(key)
            with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
                path = Path(folder) / PurePosixPath(key).name
                self.store.get_file(key, path)
                sha256 = sha256_of(path)
                _, features = features_of(self.store, self.extractor, path, sha256, training=False)
        except VmtError as error:
            return Failure(key, str(error))
        take = self._take(sha256)
        prefix = f"outputs/{self.run.name}/epoch_{self.epoch:04d}/{name}/{take}/{name}{SUFFIX}"
        return _Take(
            name,
            key,
            sha256,
            features,
            take,
            {kind: f"{prefix}.{kind}" for kind in ("lab", "mid", "flac", "mp4", "json")},
        )

    def _take(self, sha256: str) -> str:
        """A short hash of everything that decides the bytes."""
        inputs = {
            "settings": dataclasses.asdict(self.config),
            "video": sha256,
            "weights": self.weights_sha256,
            "soundfont": self.soundfont_sha256,
            "extractor": self.extractor.name,
            "precision": self.precision,
            "vmt": package_version("vmt"),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:10]

    def compose(self, takes: Sequence[_Take]) -> list[_Score]:
        """Chords of all videos as one batch, and their curves."""
        if not takes:
            return []
        keys = [self._key(each) for each in takes]
        requests = [self._request(each, key) for each, key in zip(takes, keys, strict=True)]
        sampled = sample_chords(self.run.transformer(self.epoch), requests, self.device, self.precision)
        regressor = self.run.regressor().to(self.device)
        scores = []
        for take, key, numbers in zip(takes, keys, sampled, strict=True):
            with torch.inference_mode():
                rhythm = regressor(torch.from_numpy(video_inputs(take.features))[None].to(self.device))[0].cpu().numpy()
            density = np.clip(rhythm[:, 0] * self.config.density_scale, 0, None)
            loudness = np.clip(rhythm[:, 1] * self.config.loudness_scale, 0, 1)
            scores.append(_Score(self._labels(numbers, key), key, density, loudness))
        return scores

    def _labels(self, numbers: Int64[np.ndarray, " time"], key: chords.Key) -> tuple[str, ...]:
        sounding = chords.transpose(numbers, -key.semitones_to_normal)
        primer = chords.tokens(self.config.primer)[: len(sounding)]
        sounding[: len(primer)] = primer
        return tuple(chords.label(int(number)) for number in sounding)

    def _key(self, take: _Take) -> chords.Key:
        if self.config.key != "auto":
            return chords.parse_key(self.config.key)
        tonic = int(np.random.default_rng(_stream(self.config.seed, take.id, "tonic")).integers(12))
        return chords.Key(tonic, mood_is_minor(take.features))

    def _request(self, take: _Take, key: chords.Key) -> Request:
        primer = chords.transpose(chords.tokens(self.config.primer), key.semitones_to_normal)
        if self.parameters["chord_labels"] == 25:
            primer = chords.REDUCE_25[primer]
        tonic = chords.token("A:min" if key.minor else "C")
        return Request(
            video_inputs(take.features),
            key.minor,
            tuple(primer.tolist()) or (tonic,),
            _stream(self.config.seed, take.id, "chords"),
            self.config.temperature,
            self.config.top_p,
        )

    def finish(self, work: tuple[_Take, _Score]) -> Soundtrack | Failure:
        """Arrange, render, mux and upload; the record comes last and publishes the take."""
        take, score = work
        try:
            with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
                tempo = self._render(take, score, Path(folder))
                for kind in ("lab", "mid", "flac", "mp4"):
                    self.store.put_file(take.keys[kind], Path(folder) / f"out.{kind}")
            self.store.put(take.keys["json"], json.dumps(self._record(take, score, tempo), indent=1).encode())
        except VmtError as error:
            return Failure(take.key, str(error))
        return self.soundtrack(take)

    def soundtrack(self, take: _Take) -> Soundtrack:
        """The take as a report names it."""
        return Soundtrack(take.id, self.run.name, self.epoch, take.name, take.keys)

    def _render(self, take: _Take, score: _Score, folder: Path) -> float:
        duration_s = take.features.duration_s
        style = load_style(self.config.style)
        tempo = self.config.tempo_bpm or suit_tempo(
            score.labels, style, motion=take.features.motion, note_density=score.note_density
        )
        midi = arrange(
            score.labels,
            score.key,
            note_density=score.note_density,
            loudness=score.loudness,
            duration_s=duration_s,
            cuts_s=take.features.cuts_s,
            style=style,
            tempo_bpm=tempo,
            accents=self.config.accents,
            seed=int(np.random.default_rng(_stream(self.config.seed, take.id, "arrangement")).integers(2**31)),
        )
        sound = master(
            synthesize(midi, duration_s=duration_s, soundfont=self.soundfont), SAMPLE_RATE, lufs=self.config.lufs
        )
        (folder / "out.lab").write_text(chords.format_lab(score.labels, score.key))
        (folder / "out.mid").write_bytes(midi_bytes(midi))
        write_flac(sound, SAMPLE_RATE, folder / "out.flac")
        source = folder / PurePosixPath(take.key).name
        self.store.get_file(take.key, source)
        tags = {
            "title": f"{take.id}, soundtrack by VMT",
            "comment": f"AI-generated music; run {self.run.name}, epoch {self.epoch}, take {take.name}",
        }
        media.mux(source, folder / "out.flac", folder / "out.mp4", duration_s=duration_s, metadata=tags)
        return tempo

    def _record(self, take: _Take, score: _Score, tempo: float) -> dict[str, Any]:
        features = take.features
        rounded = partial(np.round, decimals=4)
        return {
            "video": {"id": take.id, "key": take.key, "sha256": take.sha256, "duration_s": features.duration_s},
            "run": self.run.name,
            "epoch": self.epoch,
            "weights_sha256": self.weights_sha256,
            "seed": self.config.seed,
            "settings": dataclasses.asdict(self.config),
            "take": take.name,
            "files": dict(take.keys),
            "made_at": now(),
            "key": str(score.key),
            "tempo_bpm": tempo,
            "chords": list(score.labels),
            "curves": {
                "emotion": rounded(features.emotion).tolist(),
                "loudness": rounded(score.loudness).tolist(),
                "note_density": rounded(score.note_density).tolist(),
                "motion": rounded(features.motion).tolist(),
            },
            "cuts_s": list(features.cuts_s),
            "precision": self.precision,
            "soundfont": {"name": self.soundfont.name, "sha256": self.soundfont_sha256},
            "extractor": self.extractor.name,
            "untrained": features.untrained,
            "vmt_version": package_version("vmt"),
        }


def mood_is_minor(features: Features) -> bool:
    """The mode that the picture asks for: minor where fear, tension and sadness outweigh excitement and rest."""
    mean: dict[str, float] = dict(zip(chords.EMOTIONS, features.emotion.mean(0).tolist(), strict=True))
    return mean["fearful"] + mean["tense"] + mean["sad"] > mean["exciting"] + mean["relaxing"]


def _stream(seed: int, video: str, use: str) -> tuple[int, ...]:
    digest = hashlib.sha256(f"{seed}/{video}/{use}".encode()).digest()
    return tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, 16, 4))

"""The public API: a ladder from a video to a soundtrack, each rung one step above the one before.

```
video --extract_features--> Features --sample_chords--> Chords --arrange_chords--> Score
      --render--> Audio            soundtrack: all of it, from a video to files
```

Enter at the rung whose input you have. Only `load_model`, `extract_features` and `soundtrack` touch
files and read the environment (`VMT_` variables, as the command line does); the others compute. The
same arguments and the same seed give the same result.

All names are exported from `vmt` and loaded at their first use, so that `import vmt` stays quick.
The third rung is called `arrange_chords` and not `arrange`: `vmt.arrange` is the package with the
arranger, and importing any of its modules would replace a function of that name. The
module is long because every rung explains its arguments and has an example; the work is elsewhere.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pretty_midi
from jaxtyping import Float32

from vmt import chords as labels_of
from vmt.errors import DatasetError, GenerationError, TrainingError
from vmt.features.record import Features

if TYPE_CHECKING:
    from vmt.catalog.runs import Run
    from vmt.features.extractor import Extractor
    from vmt.model.chord_model import ChordModel
    from vmt.model.mode import ModeModel
    from vmt.model.regressor import VideoRegressor
    from vmt.store import ObjectStore

__all__ = [
    "Audio",
    "Chords",
    "Features",
    "Model",
    "Score",
    "SoundtrackFiles",
    "arrange_chords",
    "extract_features",
    "load_model",
    "render",
    "sample_chords",
    "soundtrack",
]


@dataclass(frozen=True, eq=False)
class Model:
    """The networks of one epoch of a run, in eval mode.

    Attributes:
        name: RUN@EPOCH.
        chords: writes chords for a video.
        rhythm: predicts note density and loudness from a video.
        mode: predicts from a video whether its song is in minor.
        chord_labels: size of the vocabulary that it was trained on, 25 or 157.
        change_weight: weight of chord changes in its training, which sampling compensates.
        extractor: makes the features that it was trained on.
    """

    name: str
    chords: "ChordModel"
    rhythm: "VideoRegressor"
    mode: "ModeModel"
    chord_labels: int
    change_weight: float
    extractor: "Extractor"


@dataclass(frozen=True, eq=False)
class Chords:
    """The music of a video of T seconds before it is arranged.

    Attributes:
        labels: T chords, one a second, in the sounding key, such as `C#:min7`; `N` is silence.
        key: the sounding key.
        note_density: notes that should sound during each second, 0 or more.
        loudness: root mean square of each second, 0 to 1 of full scale.
    """

    labels: tuple[str, ...]
    key: labels_of.Key
    note_density: Float32[np.ndarray, " time"]
    loudness: Float32[np.ndarray, " time"]

    def lab(self) -> str:
        """The chords as a `.lab` text: a `key` line, then one chord a second."""
        return labels_of.format_lab(self.labels, self.key)


@dataclass(frozen=True, eq=False)
class Score:
    """Notes and controls of all instruments.

    Attributes:
        midi: times in seconds from the start of the video.
        duration_s: length of the video.
        level: amplitude that each second should have, 1 for the loudest.
    """

    midi: pretty_midi.PrettyMIDI
    duration_s: float
    level: Float32[np.ndarray, " time"]

    def midi_bytes(self) -> bytes:
        """The content of a `.mid` file."""
        from vmt.arrange.midi import midi_bytes

        return midi_bytes(self.midi)


@dataclass(frozen=True, eq=False)
class Audio:
    """Mastered music.

    Attributes:
        samples: stereo, full scale = 1.
        sample_rate: in Hz.
    """

    samples: Float32[np.ndarray, "2 samples"]
    sample_rate: int

    def write(self, path: str | Path) -> None:
        """Write a FLAC file of 16 bits."""
        from vmt.audio.synthesis import write_flac

        write_flac(self.samples, self.sample_rate, Path(path))


@dataclass(frozen=True)
class SoundtrackFiles:
    """The files of a soundtrack.

    Attributes:
        lab: the chords.
        mid: the notes.
        flac: the music.
        mp4: the video with the music.
    """

    lab: Path
    mid: Path
    flac: Path
    mp4: Path


def load_model(source: str | Path | None = None) -> Model:
    """Load the networks of a run.

    Args:
        source: RUN or RUN@EPOCH in the store that `VMT_STORE` names, or the folder of a run in a
            local store, such as `vmt-data/runs/demo`. Default: the champion of that store.

    Raises:
        GenerationError: if no source is given and the store has no champion.
        TrainingError: if the run or the epoch is not in the store.

    >>> model = vmt.load_model(run_folder)
    >>> model.chord_labels
    25
    """
    from vmt.catalog.runs import Run
    from vmt.jobs.ingest.extractors import remembered
    from vmt.settings import load_settings
    from vmt.store import LocalStore, open_store

    settings = load_settings()
    if isinstance(source, Path) or (source is not None and "/" in source):
        folder = Path(source)
        if not (folder / "model_params.json").is_file():
            raise TrainingError(f"{folder}: no run of a local store; name a folder under runs/")
        run = Run(LocalStore(folder.resolve().parents[1]), folder.resolve().name)
        epoch = run.best_epoch()
    else:
        run, epoch = _named_run(open_store(settings.store, settings), source)

    parameters = run.parameters()
    return Model(
        name=f"{run.name}@{epoch}",
        chords=run.transformer(epoch),
        rhythm=run.regressor(),
        mode=run.mode(),
        chord_labels=parameters.chord_labels,
        change_weight=parameters.train.change_weight,
        extractor=remembered(run.store, parameters.extractor, settings),
    )


def _named_run(store: "ObjectStore", source: str | None) -> tuple["Run", int]:
    """The run and epoch of RUN or RUN@EPOCH, or of the champion."""
    from vmt.catalog.runs import Run, read_champion

    if source is None:
        champion = read_champion(store)
        if champion is None:
            raise GenerationError(f"store {store.url}: no champion; promote a run, or name one")
        return Run(store, champion.run), champion.epoch

    name, at, epoch = source.partition("@")
    run = Run(store, name)
    run.parameters()  # says that there is no such run
    return run, int(epoch) if at else run.best_epoch()


def extract_features(video: str | Path, model: Model | None = None) -> Features:
    """Extract the features of a video, one value for each second.

    Args:
        video: a video file, with or without sound.
        model: use the extractor that this model was trained with. Default: the extractor that the
            environment names (`VMT_CLIP_MODEL`, `VMT_CLIP_WEIGHTS`).

    Raises:
        MediaError: if the video cannot be used.
        WeightsError: if the weights of CLIP are missing.

    >>> features = vmt.extract_features(video)
    >>> features.seconds, features.emotion.shape
    (8, (8, 6))
    """
    from vmt import media

    if model is not None:
        extractor = model.extractor
    else:
        from vmt.jobs.ingest.extractors import configured
        from vmt.settings import load_settings

        extractor = configured(load_settings())

    path = Path(video)
    info = media.probe(path)
    return extractor.extract(
        media.frames(path),
        media.sound(path, extractor.SAMPLE_RATE),
        duration_s=info.duration_s,
        source_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        name=path.stem,
    )


def sample_chords(
    model: Model,
    features: Features,
    *,
    key: str = "auto",
    primer: str = "",
    temperature: float = 1.0,
    top_p: float = 0.96,
    seed: int = 0,
    device: str = "auto",
) -> Chords:
    """Write chords for a video, and the curves of notes and loudness.

    Args:
        model: of `load_model`.
        features: of `extract_features`, by the extractor of the model.
        key: the sounding key, such as `C# minor`; `auto` takes major or minor from the video and
            the tonic from the seed.
        primer: the first chords, one a second, such as `C A:min F G`.
        temperature: over 0 to 10; lower is safer.
        top_p: sample among the likeliest chords that hold this share, over 0 to 1.
        seed: of all random choices, 0 or more.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        GenerationError: if a value is out of range.
        DatasetError: if the features are not those of the model's extractor.

    >>> chords = vmt.sample_chords(model, features, key="A minor")
    >>> len(chords.labels) == features.seconds, str(chords.key)
    (True, 'A minor')
    """
    import torch

    from vmt.arrange.config import GenerateConfig
    from vmt.arrange.key_and_mood import sounding_key
    from vmt.dataset.songs import video_inputs
    from vmt.hardware import choose_device, choose_precision
    from vmt.model.sampling import Request
    from vmt.model.sampling import sample_chords as sample

    config = GenerateConfig(
        seed=seed, key=key, primer=tuple(primer.split()), temperature=temperature, top_p=top_p
    )
    width = model.rhythm.config.d_semantic
    if features.semantic.shape[1] != width:
        raise DatasetError(
            f"features: {features.semantic.shape[1]} semantic values a second, and model "
            f"{model.name} takes {width}; extract them with extract_features(video, model)"
        )
    inputs = video_inputs(features)

    draw = float(np.random.default_rng(_stream(seed, features, "mode")).random())
    sounding = sounding_key(
        features,
        config,
        _stream(seed, features, "tonic"),
        picture_is_minor=model.mode.is_minor(inputs, draw),
    )
    given = labels_of.transpose(labels_of.tokens(config.primer), sounding.semitones_to_normal)
    if model.chord_labels == 25:
        given = labels_of.REDUCE_25[given]
    tonic = labels_of.token("A:min" if sounding.minor else "C")
    request = Request(
        inputs,
        sounding.minor,
        tuple(given.tolist()) or (tonic,),
        _stream(seed, features, "chords"),
        temperature,
        top_p,
        model.change_weight,
    )
    where = choose_device(device)
    (numbers,) = sample(model.chords, [request], where, choose_precision("auto", where))

    with torch.inference_mode():
        rhythm = model.rhythm.to(where)(torch.from_numpy(inputs)[None].to(where))[0].cpu().numpy()
    labels = labels_of.transpose(numbers, -sounding.semitones_to_normal)
    labels[: len(config.primer)] = labels_of.tokens(config.primer)[: len(labels)]
    return Chords(
        tuple(labels_of.label(int(number)) for number in labels),
        sounding,
        note_density=np.maximum(rhythm[:, 0], 0),
        loudness=np.clip(rhythm[:, 1], 0, 1),
    )


def arrange_chords(
    chords: Chords,
    features: Features,
    style: str = "band",
    *,
    tempo_bpm: float | None = None,
    accents: float = 0.5,
    seed: int = 0,
) -> Score:
    """Arrange chords for instruments, with accents at the hard cuts of the video.

    Args:
        chords: of `sample_chords`, or your own.
        features: of the same video.
        style: name of a style, such as `band`, `piano` or `orchestra`.
        tempo_bpm: 40 to 240. Default: chosen from the video, within the range of the style.
        accents: strength of the accents at hard cuts, 0 to 1.
        seed: of all random choices, 0 or more.

    Raises:
        GenerationError: if a value is out of range, or there is no such style.

    >>> score = vmt.arrange_chords(chords, features, "piano")
    >>> 0 < score.midi.get_end_time() <= score.duration_s
    True
    """
    from vmt.arrange.arrangement import arrange

    score = arrange(
        chords.labels,
        chords.key,
        note_density=chords.note_density,
        loudness=chords.loudness,
        duration_s=features.duration_s,
        cuts_s=features.cuts_s,
        emotion=features.emotion,
        motion=features.motion,
        style=style,
        tempo_bpm=tempo_bpm,
        accents=accents,
        seed=int(np.random.default_rng(_stream(seed, features, "arrangement")).integers(2**31)),
    )
    return Score(score.midi, features.duration_s, score.level)


def render(score: Score, *, lufs: float = -14.0, soundfont: str | Path | None = None) -> Audio:
    """Play a score with a synthesizer, and master the sound.

    Args:
        score: of `arrange_chords`.
        lufs: integrated loudness, -40 to -5.
        soundfont: a .sf2 file. Default: TimGM6mb, which pretty_midi brings.

    Returns:
        Stereo at 48 kHz, exactly as long as the video.

    Raises:
        GenerationError: if the SoundFont cannot be used.

    >>> audio = vmt.render(score)
    >>> audio.samples.shape == (2, round(score.duration_s * audio.sample_rate))
    True
    """
    from vmt.audio.mastering import master
    from vmt.audio.synthesis import SAMPLE_RATE, synthesize

    sound = synthesize(
        score.midi,
        duration_s=score.duration_s,
        soundfont=None if soundfont is None else Path(soundfont),
    )
    return Audio(master(sound, SAMPLE_RATE, lufs=lufs), SAMPLE_RATE)


def soundtrack(
    video: str | Path,
    folder: str | Path = ".",
    *,
    model: Model | None = None,
    style: str = "band",
    key: str = "auto",
    seed: int = 0,
) -> SoundtrackFiles:
    """Write a soundtrack for a video: `<name>.lab`, `.mid`, `.flac`, and `.mp4` with the music.

    Args:
        video: a video file.
        folder: where the files are written; it must exist.
        model: of `load_model`. Default: the champion of the store that `VMT_STORE` names.
        style: name of a style, such as `band`, `piano` or `orchestra`.
        key: the sounding key, or `auto`.
        seed: of all random choices, 0 or more.

    Raises:
        VmtError: as the rungs of the ladder.

    >>> files = vmt.soundtrack(video, folder, model=model, style="piano")
    >>> files.mp4.name, files.mp4.is_file()
    ('clip_soundtrack.mp4', True)
    """
    from vmt import media

    if model is None:
        model = load_model()
    features = extract_features(video, model)
    chords = sample_chords(model, features, key=key, seed=seed)
    score = arrange_chords(chords, features, style, seed=seed)
    audio = render(score)

    path = Path(folder) / f"{Path(video).stem}_soundtrack"
    files = SoundtrackFiles(
        *(path.with_name(f"{path.name}.{kind}") for kind in ("lab", "mid", "flac", "mp4"))
    )
    files.lab.write_text(chords.lab())
    files.mid.write_bytes(score.midi_bytes())
    audio.write(files.flac)
    media.mux(Path(video), files.flac, files.mp4, duration_s=features.duration_s)
    return files


def _stream(seed: int, features: Features, use: str) -> tuple[int, ...]:
    """Seeds of one random stream: one for each seed, video and use."""
    digest = hashlib.sha256(f"{seed}/{features.source_sha256}/{use}".encode()).digest()
    return tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, 16, 4))

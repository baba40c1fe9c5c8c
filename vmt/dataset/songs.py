"""Songs as a model sees them, and batches of songs.

Conventions: chords are AMT's numbers, normalised to C major or A minor; a position i of a batch
holds the chord of second i as input and the chord and emotion of second i + 1 as target, END after
the last second, PAD after END.
"""

import dataclasses
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from vmt import chords
from vmt.errors import DatasetError
from vmt.features.inputs import compute_inputs
from vmt.features.record import Features
from vmt.model.song_memory import SongContext

CHORD_LABELS = (25, 157)


@dataclass(frozen=True)
class Song:
    """One song of T seconds.

    Attributes:
        video: semantic, scene offset + 1, motion and the six emotions, the inputs of a model.
        emotion: the strongest emotion of each second, 0 to 5.
        tokens: chords, 0 to 156.
        minor: whether the song's key is minor.
        rhythm: note density and loudness; nan where it is not known.
        inputs: further inputs by name (`vmt.features.inputs`), for models that read them.
    """

    id: str
    video: Float32[np.ndarray, "time f"]
    emotion: Int64[np.ndarray, " time"]
    tokens: Int64[np.ndarray, " time"]
    minor: bool
    rhythm: Float32[np.ndarray, "time 2"]
    inputs: Mapping[str, Float32[np.ndarray, "time _"]] = dataclasses.field(default_factory=dict)

    def video_for(self, inputs: Iterable[str]) -> Float32[np.ndarray, "time f"]:
        """What a model reads of the video: the inputs of these names, then the common ones.

        Raises:
            DatasetError: if there is no input of a name.
        """
        return _joined(self.video, self.inputs, inputs)

    @property
    def seconds(self) -> int:
        """T."""
        return len(self.tokens)


def video_inputs(features: Features, inputs: Iterable[str] = ()) -> Float32[np.ndarray, "time f"]:
    """A model's inputs for each second: those of the names `inputs` (`vmt.features.inputs`), then
    the common ones, which are semantic, scene offset + 1, motion and six emotions.

    Raises:
        DatasetError: if there is no input of a name.
    """
    columns = [
        features.semantic,
        features.scene_offset[:, None] + 1,
        features.motion[:, None],
        features.emotion,
    ]
    common = np.concatenate(columns, axis=1, dtype=np.float32)
    return _joined(common, compute_inputs(features), inputs) if inputs else common


def _joined(
    common: Float32[np.ndarray, "time f"],
    known: Mapping[str, Float32[np.ndarray, "time _"]],
    names: Iterable[str],
) -> Float32[np.ndarray, "time _f"]:
    """The inputs of these names, then the common ones."""
    names = tuple(names)
    for name in names:
        if name not in known:
            raise DatasetError(
                f"input {name!r}: the model reads it and vmt/features/inputs has no such module; "
                "add it, or choose another run"
            )
    return np.concatenate([*(known[name] for name in names), common], axis=1) if names else common


def song(name: str, features: Features, chord_labels: int) -> Song:
    """A song from its features, chords normalised and reduced to 25 or kept at 157 labels.

    Raises:
        DatasetError: if the features hold no chords.
    """
    if chord_labels not in CHORD_LABELS:
        raise DatasetError(f"a dataset has 25 or 157 chord labels, not {chord_labels}")
    if features.chord is None or features.key is None:
        raise DatasetError(
            f"video {name}: no chords in its features, so it cannot train; bring a {name}.lab "
            "or drop the video"
        )
    tokens = chords.transpose(chords.tokens(features.chord), features.key.semitones_to_normal)
    if chord_labels == 25:
        tokens = chords.REDUCE_25[tokens]
    unknown = np.full(features.seconds, np.nan, dtype=np.float32)
    curves = [
        unknown if curve is None else curve for curve in (features.note_density, features.loudness)
    ]
    return Song(
        name,
        video_inputs(features),
        features.emotion.argmax(1),
        tokens,
        features.key.minor,
        np.stack(curves, axis=1),
        compute_inputs(features),
    )


def stretched(song: Song, factor: float) -> Song:
    """The song `factor` times as long: played slower, or faster under 1, at least two seconds of
    it.
    """
    seconds = max(round(song.seconds * factor), 2)
    place = np.minimum((np.arange(seconds) / factor).astype(np.int64), song.seconds - 1)
    return Song(
        song.id,
        song.video[place],
        song.emotion[place],
        song.tokens[place],
        song.minor,
        song.rhythm[place],
        {name: values[place] for name, values in song.inputs.items()},
    )


@dataclass(frozen=True)
class Batch:
    """Songs side by side: B songs, S seconds, L chord positions.

    Attributes:
        video: zeros past a song's end.
        inputs: chord of each second, PAD past the end.
        targets: chord of the next second, END after the last, then PAD.
        emotions: strongest emotion of the target's second, `chords.PAST_END` where there is none.
        minor: 1 in minor, 0 in major.
        lengths: seconds of each song, those past S included.
        rhythm: note density and loudness, nan past the end and where it is not known.
        context: what the `inputs` say of themselves, for a model that reads it; else None.
    """

    ids: tuple[str, ...]
    video: Float[Tensor, "batch seconds f"]
    inputs: Int64[Tensor, "batch length"]
    targets: Int64[Tensor, "batch length"]
    emotions: Int64[Tensor, "batch length"]
    minor: Float[Tensor, " batch"]
    lengths: Int64[Tensor, " batch"]
    rhythm: Float[Tensor, "batch seconds 2"]
    context: SongContext | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`."""
        moved: dict[str, Any] = {
            name: value if value is None else value.to(device)
            for name, value in vars(self).items()
            if name != "ids"
        }
        return dataclasses.replace(self, **moved)


def collate(
    songs: Sequence[Song], max_seconds: int, *, fixed: bool, inputs: Iterable[str] = ()
) -> Batch:
    """Songs as one batch, each cut to its first `max_seconds` seconds.

    Args:
        songs: at least one.
        max_seconds: of a song that the model sees.
        inputs: names of the inputs that the model reads beside the common ones.
        fixed: pad to `max_seconds` seconds and `max_seconds` - 1 positions, as the published code
            does; otherwise to the longest song.
    """
    lengths = [min(song.seconds, max_seconds) for song in songs]
    seconds = max_seconds if fixed else max(lengths)
    positions = seconds - 1 if fixed else seconds
    shape = (len(songs), seconds)
    videos = [song.video_for(inputs) for song in songs]
    video = np.zeros((*shape, videos[0].shape[1]), dtype=np.float32)
    rhythm = np.full((*shape, 2), np.nan, dtype=np.float32)
    known = np.full((len(songs), seconds + 2), chords.PAD, dtype=np.int64)
    emotion = np.full((len(songs), seconds + 2), chords.PAST_END, dtype=np.int64)
    for row, (song, length) in enumerate(zip(songs, lengths, strict=True)):
        video[row, :length] = videos[row][:length]
        rhythm[row, :length] = song.rhythm[:length]
        known[row, :length] = song.tokens[:length]
        emotion[row, :length] = song.emotion[:length]
    targets = known[:, 1 : 1 + positions].copy()
    for row, (song, length) in enumerate(zip(songs, lengths, strict=True)):
        if song.seconds == length and length - 1 < positions:
            targets[row, length - 1] = chords.END
    return Batch(
        tuple(song.id for song in songs),
        torch.from_numpy(video),
        torch.from_numpy(known[:, :positions].copy()),
        torch.from_numpy(targets),
        torch.from_numpy(emotion[:, 1 : 1 + positions].copy()),
        torch.tensor([float(song.minor) for song in songs]),
        torch.tensor([song.seconds for song in songs]),
        torch.from_numpy(rhythm),
    )


def bucketed(
    songs: Sequence[Song], batch_size: int, rng: random.Random | None = None
) -> Iterator[list[Song]]:
    """Batches of songs of like length; in random order, another at each call, where `rng` is given.

    Within a stretch of 16 batches songs are sorted by length, so that little is padded and batches
    still mix.
    """
    order = list(songs)
    if rng is None:
        order.sort(key=lambda song: (song.seconds, song.id))
    else:
        rng.shuffle(order)
        stretch = 16 * batch_size
        order = [
            song
            for start in range(0, len(order), stretch)
            for song in sorted(order[start : start + stretch], key=lambda s: s.seconds)
        ]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if rng is not None:
        rng.shuffle(batches)
    yield from batches


def input_statistics(
    songs: Sequence[Song], inputs: Iterable[str] = ()
) -> tuple[Float32[np.ndarray, " f"], Float32[np.ndarray, " f"]]:
    """Mean and standard deviation of each input over all seconds of `songs`; `inputs` as in
    `collate`.
    """
    everything = np.concatenate([song.video_for(inputs) for song in songs]).astype(np.float64)
    return everything.mean(0).astype(np.float32), everything.std(0).astype(np.float32)

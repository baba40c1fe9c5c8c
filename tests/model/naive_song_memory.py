"""A slow reference of `vmt.model.song_memory`: NumPy, one second after another, one song after
another where a chord changes, as the definition reads.
"""

import math

import numpy as np
from jaxtyping import Bool, Complex128, Float32, Int64

from vmt import chords
from vmt.model.song_memory import (
    AGES,
    HELD,
    LEVELS,
    MOMENTS,
    N_MEASURES,
    RUN_LEVELS,
    WAITS,
)

_DECAY = 0.88
_STEP = 0.75
_SAME, _LIKE, _SAME_ROOT, _OTHER = 1.0, 0.6, 0.25, -0.4
_UNKNOWN = 99
_FREQUENCIES = np.arange(8, 84) / 120.0
_MEMORIES = (60.0, 15.0)


def _likeness() -> Float32[np.ndarray, "vocabulary vocabulary"]:
    reduced = np.arange(chords.VOCABULARY_SIZE)
    reduced[: chords.END] = chords.REDUCE_25[: chords.END]
    root = chords.ROOT_OF
    likeness = np.where(root[:, None] == root, _SAME_ROOT, _OTHER)
    likeness = np.where(reduced[:, None] == reduced, _LIKE, likeness)
    return np.where(np.eye(len(root)) > 0, _SAME, likeness).astype(np.float32)


_LIKENESS = _likeness()


def reference(tokens: Int64[np.ndarray, "batch length"]) -> dict[str, np.ndarray]:
    """The fields of `SongContext` at every second of whole songs, by name."""
    memory = Memory(*tokens.shape)
    seconds = [memory.push(tokens[:, second]) for second in range(tokens.shape[1])]
    return {name: np.stack([row[name] for row in seconds], axis=1) for name in seconds[0]}


class Memory:
    """Songs so far, side by side, with room for `capacity` seconds."""

    def __init__(self, songs: int, capacity: int) -> None:
        shape = (songs, capacity)
        self.seconds = 0
        self._tokens = np.zeros(shape, dtype=np.int64)
        self._start = np.zeros(shape, dtype=np.int64)  # first second of the chord that is held
        self._held = np.zeros(shape, dtype=np.int64)
        self._next_chord = np.full(shape, chords.PAD, dtype=np.int64)
        self._wait = np.full(shape, _UNKNOWN, dtype=np.int64)  # seconds until the chord changed
        # How each second agrees with the newest one.
        self._aligned = np.zeros(shape, dtype=np.float32)
        self._match = np.zeros(shape, dtype=np.int64)
        self._progression = np.zeros(shape, dtype=np.int64)
        self._progression_before = np.zeros(shape, dtype=np.int64)
        self._lengths = np.zeros((songs, 2), dtype=np.int64)  # of the last two chords
        self._phasors: list[Complex128[np.ndarray, "songs f"]] = [
            np.zeros((songs, len(_FREQUENCIES)), dtype=np.complex128) for _ in _MEMORIES
        ]
        self._changes = [np.zeros((songs, 1)) for _ in _MEMORIES]

    def push(self, tokens: Int64[np.ndarray, " songs"]) -> dict[str, np.ndarray]:
        """Hear each song's next chord; what is then known, by name."""
        now = self.seconds
        changed = (
            np.ones(len(tokens), dtype=bool) if now == 0 else tokens != self._tokens[:, now - 1]
        )
        self._hold(tokens, changed)
        if now:
            self._align(tokens)
        known_now = self._moments() if now else _nothing(len(tokens))
        known_now |= self._rhythm(changed & (now > 0))
        length = [
            np.minimum(self._held[:, now], 20) / 8,
            np.full(len(tokens), math.log(now + 1) / 5),
        ]
        known_now["measures"] = np.column_stack([known_now.pop("best"), *length]).astype(np.float32)
        self.seconds += 1
        return known_now

    def _hold(
        self, tokens: Int64[np.ndarray, " songs"], changed: Bool[np.ndarray, " songs"]
    ) -> None:
        now = self.seconds
        self._start[:, now] = np.where(changed, now, self._start[:, now - 1])
        self._held[:, now] = now - self._start[:, now]
        self._tokens[:, now] = tokens
        if now == 0:
            return
        for song in np.flatnonzero(changed):
            first = self._start[song, now - 1]
            self._next_chord[song, first:now] = tokens[song]
            self._wait[song, first:now] = np.arange(now - first, 0, -1)
            self._lengths[song] = now - first, self._lengths[song, 0]
            before = self._start[song, :now] - 1
            self._progression_before[song, :now] = np.where(
                before >= 0, self._progression[song, np.maximum(before, 0)], 0
            )

    def _align(self, tokens: Int64[np.ndarray, " songs"]) -> None:
        """Agreement of every earlier second with the newest, from that of their neighbours a second
        ago.
        """
        now = self.seconds
        past = self._tokens[:, :now]
        old = self._aligned[:, :now]
        best = _STEP * old
        best[:, 1:] = np.maximum(best[:, 1:], old[:, :-1])
        best[:, 2:] = np.maximum(best[:, 2:], _STEP * old[:, :-2])
        self._aligned[:, :now] = np.maximum(_DECAY * best + _LIKENESS[tokens[:, None], past], 0)
        same = past == tokens[:, None]
        match = np.ones_like(past)
        match[:, 1:] += self._match[:, : now - 1]
        self._match[:, :now] = match * same
        self._progression[:, :now] = (self._progression_before[:, :now] + 1) * same

    def _moments(self) -> dict[str, np.ndarray]:
        """The earlier seconds that agree best with the newest."""
        now = self.seconds
        aligned, match, progression = (
            values[:, :now] for values in (self._aligned, self._match, self._progression)
        )
        worth = (
            aligned
            + 0.3 * np.minimum(match, 16)
            + 0.1 * np.minimum(progression, 8)
            + np.arange(now) * 1e-4
        )
        count = min(MOMENTS, now)
        place = (
            np.argpartition(-worth, count - 1, axis=1)[:, :count]
            if count < now
            else np.tile(np.arange(now), (len(worth), 1))
        )

        def at(values: np.ndarray) -> np.ndarray:
            return np.take_along_axis(values, place, axis=1)

        wait = at(self._wait[:, :now])
        drift = np.clip(self._held[:, now : now + 1] - at(self._held[:, :now]), -3, 3) + 3
        age = np.minimum((np.log2(now - place) * 1.3).astype(np.int64), AGES - 1)
        level = np.minimum((at(aligned) * 2).astype(np.int64), LEVELS - 1)
        fields = {
            "follower": at(self._tokens[:, 1 : now + 1]),
            "next_chord": at(self._next_chord[:, :now]),
            "agreement": np.minimum(at(match), LEVELS - 1) * LEVELS + level,
            "timing": drift * AGES + age,
            "progression": np.minimum(at(progression), RUN_LEVELS - 1) * WAITS
            + np.minimum(wait, WAITS)
            - 1,
            "known": np.ones_like(place, dtype=bool),
            "change_known": wait < _UNKNOWN,
        }
        if count < MOMENTS:
            fields = {
                name: np.pad(value, ((0, 0), (0, MOMENTS - count)))
                for name, value in fields.items()
            }
        best = [
            np.minimum(match.max(1), 16) / 8,
            np.minimum(progression.max(1), 8) / 4,
            aligned.max(1) / 5,
        ]
        return {**fields, "best": np.stack(best, axis=1)}

    def _rhythm(self, changed: Bool[np.ndarray, " songs"]) -> dict[str, np.ndarray]:
        """How long the chords last, and the pulse of their changes."""
        now = self.seconds
        pulses = []
        for index, memory in enumerate(_MEMORIES):
            kept = math.exp(-1 / memory)
            here = changed[:, None] * np.exp(-2j * np.pi * _FREQUENCIES * now)
            self._phasors[index] = self._phasors[index] * kept + here
            self._changes[index] = self._changes[index] * kept + changed[:, None]
            ahead = np.exp(2j * np.pi * _FREQUENCIES * (now + 1))
            pulses.append((self._phasors[index] * ahead).real / (self._changes[index] + 1))
        held = self._held[:, now]
        return {
            "held": np.minimum(held, HELD - 1),
            "before": np.minimum(self._lengths[:, 0], HELD - 1),
            "before_that": np.minimum(self._lengths[:, 1], HELD - 1),
            "pulse": np.concatenate(pulses, axis=1).astype(np.float32),
        }


def _nothing(songs: int) -> dict[str, np.ndarray]:
    """What is known at the first second, which has no past."""
    numbers = dict.fromkeys(
        ("follower", "next_chord", "agreement", "timing", "progression"),
        np.zeros((songs, MOMENTS), dtype=np.int64),
    )
    unknown = dict.fromkeys(("known", "change_known"), np.zeros((songs, MOMENTS), dtype=bool))
    return {**numbers, **unknown, "best": np.zeros((songs, N_MEASURES - 2))}

"""What a song's own past says of its next chord: like moments, how well they agree with now, and
what followed them.

A song repeats itself, seldom to the second: a bar lasts 2.1 seconds, a chord comes back with
another quality, a verse has one bar more. Each second of a song is therefore compared with all
seconds before it by a soft alignment that tolerates another chord and a step of a second, and the
seconds that agree best are the ones worth copying from.

`song_context` computes whole songs at once, for training and scoring; `SongMemory` computes one
second after another on the device of its tensors, for sampling. Both give the same numbers; a
second sees nothing that comes after it, and songs side by side never touch.

Shapes: B songs, L seconds (now), S seconds (past), K = `MOMENTS`.

Source: the alignment is a local dynamic time warping (Smith and Waterman 1981; Sakoe and Chiba
1978) that decays; the pulse is a bank of phasors (Large and Kolen 1994) on the seconds at which the
chord changes.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from vmt import chords

MOMENTS = 32
"""Like moments that a second remembers."""
LEVELS = 16
"""Of the alignment, and of the length of the exact match."""
RUN_LEVELS = 9
WAITS = 8
DRIFTS = 7
AGES = 12
HELD = 16
"""Seconds that a chord is held, and seconds to the song's end, are told apart up to here."""
N_MEASURES = 5

_DECAY = 0.88
_STEP = 0.75
_SAME, _LIKE, _SAME_ROOT, _OTHER = 1.0, 0.6, 0.25, -0.4
_LONGEST_MATCH, _LONGEST_PROGRESSION = 16, 8
_MATCH_WORTH, _PROGRESSION_WORTH, _RECENCY_WORTH = 0.3, 0.1, 1e-4
_FREQUENCIES = np.arange(8, 84) / 120.0  # Hz: chords change every 1.4 to 15 seconds
_MEMORIES = (60.0, 15.0)
N_PULSES = len(_FREQUENCIES) * len(_MEMORIES)


def _likeness() -> Float32[Tensor, "vocabulary vocabulary"]:
    reduced = np.arange(chords.VOCABULARY_SIZE)
    reduced[: chords.END] = chords.REDUCE_25[: chords.END]
    root = chords.ROOT_OF
    likeness = np.where(root[:, None] == root, _SAME_ROOT, _OTHER)
    likeness = np.where(reduced[:, None] == reduced, _LIKE, likeness)
    likeness = np.where(np.eye(len(root)) > 0, _SAME, likeness)
    return torch.from_numpy(likeness.astype(np.float32))


_LIKENESS = _likeness()


@dataclass(frozen=True)
class SongContext:
    """What is known at each of L seconds of B songs, from their chords up to there.

    The small whole numbers are bytes, so that the contexts of a data set fit in memory.

    Attributes:
        follower: the chord of the second after each like moment.
        next_chord: the chord that came after the moment's own was over.
        agreement: level of the exact match x `LEVELS` + level of the alignment.
        timing: how much longer the chord has been held now than then, -3 to 3, and how long ago it
            was: drift x `AGES` + age.
        progression: chords in a row that match, their lengths aside, x `WAITS` + seconds to the
            change that came, less 1.
        known: whether there is such a moment; what is said of one that is not known is 0.
        change_known: whether its change has come yet.
        held: seconds that the chord has been held; `before` and `before_that`, the lengths of the
            two before it.
        measures: the best match, progression and alignment, seconds held, and how far the song is;
            about 0 to 2.5.
        pulse: how surely the next second falls on a beat of the song's changes, -1 to 1 for each
            frequency.
    """

    follower: UInt8[Tensor, "batch length moments"]
    next_chord: UInt8[Tensor, "batch length moments"]
    agreement: UInt8[Tensor, "batch length moments"]
    timing: UInt8[Tensor, "batch length moments"]
    progression: UInt8[Tensor, "batch length moments"]
    known: Bool[Tensor, "batch length moments"]
    change_known: Bool[Tensor, "batch length moments"]
    held: UInt8[Tensor, "batch length"]
    before: UInt8[Tensor, "batch length"]
    before_that: UInt8[Tensor, "batch length"]
    measures: Float32[Tensor, "batch length n_measures"]
    pulse: Float32[Tensor, "batch length n_pulses"]

    def to(self, device: torch.device) -> "SongContext":
        """The same context on `device`."""
        return SongContext(
            **{name: value.to(device, non_blocking=True) for name, value in vars(self).items()}
        )


def join_seconds(seconds: Sequence[SongContext]) -> SongContext:
    """Contexts of seconds in a row, as `SongMemory.push` gave them."""
    return SongContext(
        **{
            field.name: torch.cat([getattr(second, field.name) for second in seconds], dim=1)
            for field in dataclasses.fields(SongContext)
        }
    )


def song_context(tokens: Int64[Tensor, "batch length"]) -> SongContext:
    """Context at every second of whole songs; computed where `tokens` lie, without a copy to the
    host.
    """
    songs, length = tokens.shape
    second = torch.arange(length, device=tokens.device)
    past = second[:, None] > second  # (L, S)
    same = (tokens[:, :, None] == tokens[:, None, :]) & past
    runs = _Runs.of(tokens)

    # How each second agrees with each before it.
    match = _diagonal_runs(same.to(torch.uint8), _LONGEST_MATCH)
    progression = _progressions(tokens, runs, same)
    aligned = _alignment(tokens, past)

    worth = _worth(aligned, match, progression, second).masked_fill(~past, -math.inf)
    count = min(MOMENTS, length)
    top, place = worth.topk(count, dim=2, sorted=False)
    known = top > -math.inf

    # What is known of the moments that agree best; `wait` counts from the moment to its change.
    of_past = place.flatten(1)

    def at(values: Tensor) -> Tensor:
        return values.gather(1, of_past).view_as(place)

    wait = at(runs.next_start) - place
    fields = _moments(
        known=known,
        follower=tokens.gather(1, (of_past + 1).clamp(max=length - 1)).view_as(place),
        next_chord=at(runs.next_chord),
        wait=wait,
        change_known=known & (place + wait <= second[:, None]),
        match=match.gather(2, place),
        aligned=aligned.gather(2, place),
        progression=progression.gather(2, place),
        drift=runs.held[:, :, None] - at(runs.held),
        age=second[:, None] - place,
    )
    measures = [
        match.amax(2) / _LONGEST_MATCH * 2,
        progression.amax(2) / _LONGEST_PROGRESSION * 2,
        aligned.amax(2) / 5,
        runs.held.clamp(max=20) / 8,
        ((second + 1).log() / 5).expand(songs, -1),
    ]
    return SongContext(
        **fields,
        held=runs.held.clamp(max=HELD - 1).to(torch.uint8),
        before=runs.before.clamp(max=HELD - 1).to(torch.uint8),
        before_that=runs.before_that.clamp(max=HELD - 1).to(torch.uint8),
        measures=torch.stack(measures, dim=2),
        pulse=_pulse(runs.changed),
    )


@dataclass(frozen=True)
class _Runs:
    """Stretches of one chord: what each second (B, L) belongs to, all int64 but `changed`.

    Attributes:
        changed: whether the chord differs from the one before; not so at second 0.
        number: of the second's run, from 0; `start` its first second.
        next_start: the first second of the run after it, L where there is none; `next_chord` its
            chord, 0 where there is none.
        held: seconds since its start.
        before: length of the run before, 0 where there is none; `before_that` of the one before.
    """

    changed: Bool[Tensor, "batch length"]
    number: Int64[Tensor, "batch length"]
    start: Int64[Tensor, "batch length"]
    next_start: Int64[Tensor, "batch length"]
    next_chord: Int64[Tensor, "batch length"]
    held: Int64[Tensor, "batch length"]
    before: Int64[Tensor, "batch length"]
    before_that: Int64[Tensor, "batch length"]

    @classmethod
    def of(cls, tokens: Int64[Tensor, "batch length"]) -> "_Runs":
        length = tokens.shape[1]
        second = torch.arange(length, device=tokens.device).expand_as(tokens)
        changed = F.pad(tokens[:, 1:] != tokens[:, :-1], (1, 0))
        start = (second * changed).cummax(1).values
        number = changed.cumsum(1)

        # The first change after each second: the least of those to its right.
        later = F.pad(second.masked_fill(~changed, length)[:, 1:], (0, 1), value=length)
        next_start = later.flip(1).cummin(1).values.flip(1)
        next_chord = F.pad(tokens, (0, 1)).gather(1, next_start)

        last_start = start.gather(1, (start - 1).clamp(min=0)) * (start > 0)
        start_before = start.gather(1, (last_start - 1).clamp(min=0)) * (last_start > 0)
        before, before_that = start - last_start, last_start - start_before
        return cls(
            changed, number, start, next_start, next_chord, second - start, before, before_that
        )


def _diagonal_runs(same: UInt8[Tensor, "batch now past"], longest: int) -> Tensor:
    """Length of the stretch of ones that ends at each place along its diagonal, up to `longest` (a
    power of 2): stretches of full length are joined with those before them, and so doubled.
    """
    runs, reach = same.clone(), 1
    # NumPy's bytes are three times as fast as PyTorch's on a CPU; both share the memory.
    array: Any = runs.numpy() if runs.device.type == "cpu" else runs
    while reach < longest:
        tail, head = array[:, reach:, reach:], array[:, :-reach, :-reach]
        array[:, reach:, reach:] = tail + head * (tail == reach)
        reach *= 2
    return runs


def _progressions(
    tokens: Int64[Tensor, "batch length"], runs: _Runs, same: Bool[Tensor, "batch now past"]
) -> UInt8[Tensor, "batch now past"]:
    """Chords in a row that match up to now and up to each second before, their lengths aside."""
    songs, length = tokens.shape
    # The chord of each run; runs that a song does not have agree with nothing.
    none = torch.full((songs, length), -1, device=tokens.device, dtype=tokens.dtype)
    chord = none.scatter(1, runs.number, tokens)
    earlier = torch.ones(length, length, device=tokens.device, dtype=torch.bool).tril(-1)
    equal = (chord[:, :, None] == chord[:, None, :]) & earlier
    by_run = _diagonal_runs(equal.to(torch.uint8), _LONGEST_PROGRESSION)

    first = torch.arange(songs, device=tokens.device)[:, None] * length
    rows = by_run.flatten(0, 1).index_select(0, (first + runs.number).flatten())
    by_second = rows.view(by_run.shape).gather(2, runs.number[:, None, :].expand(-1, length, -1))
    # Within the chord that is held, the progression is that chord alone.
    return torch.where(runs.number[:, :, None] == runs.number[:, None, :], same, by_second)


def _alignment(
    tokens: Int64[Tensor, "batch length"], past: Bool[Tensor, "length length"]
) -> Float32[Tensor, "batch now past"]:
    """Soft agreement of every second with those before it, from that of their neighbours a second
    ago.

    The recurrence over seconds is all that cannot be batched: six operations a second for all songs
    together, in NumPy where the tokens lie on a CPU, whose calls cost a third of PyTorch's.
    """
    length = tokens.shape[1]
    ahead = tokens.T.contiguous()  # seconds first: a step of the recurrence lies in one piece
    likeness = _LIKENESS.to(tokens.device)[ahead].gather(2, tokens.expand(length, -1, -1))
    # Two columns of zeros to the left stand for what lies before the song.
    room = F.pad(likeness.masked_fill_(~past[:, None], -math.inf), (2, 0))  # (L, B, 2 + S)
    room[0] = 0
    if tokens.device.type == "cpu":
        _align_numpy(room.numpy())
    else:
        for now in range(1, length):
            room[now, :, 2:] = _align(room[now - 1], room[now, :, 2:])
    return room[:, :, 2:].transpose(0, 1).contiguous()


def _align(old: Tensor, likeness: Float32[Tensor, "batch past"]) -> Float32[Tensor, "batch past"]:
    """Alignment of each past second with the newest, from their likeness and the `old` alignment of
    a second ago, (B, S + 2) with two zeros before the first second.
    """
    best = torch.maximum(old[:, 2:], old[:, :-2]).mul_(_STEP)
    best = torch.maximum(best, old[:, 1:-1]).mul_(_DECAY)
    return best.add_(likeness).clamp_(min=0)


def _align_numpy(room: Float32[np.ndarray, "length batch s_2"]) -> None:
    """`_align` for all seconds, in place."""
    step, decay, zero = (np.array(value, dtype=np.float32) for value in (_STEP, _DECAY, 0))
    maximum, multiply, add = np.maximum, np.multiply, np.add
    best = np.empty_like(room[0, :, 2:])
    far, near, here = (list(room[:, :, first : first + best.shape[1]]) for first in range(3))
    for old_far, old_near, old, new in zip(far, near, here, here[1:], strict=False):
        maximum(old, old_far, out=best)
        multiply(best, step, out=best)
        maximum(best, old_near, out=best)
        multiply(best, decay, out=best)
        add(best, new, out=best)
        maximum(best, zero, out=new)


def _worth(aligned: Tensor, match: Tensor, progression: Tensor, second: Tensor) -> Tensor:
    """What decides which moments are remembered."""
    worth = torch.add(aligned, match.float(), alpha=_MATCH_WORTH)
    worth.add_(progression.float(), alpha=_PROGRESSION_WORTH)
    return worth.add_(second, alpha=_RECENCY_WORTH)


def _moments(
    *,
    known: Tensor,
    follower: Tensor,
    next_chord: Tensor,
    wait: Tensor,
    change_known: Tensor,
    match: Tensor,
    aligned: Tensor,
    progression: Tensor,
    drift: Tensor,
    age: Tensor,
) -> dict[str, Tensor]:
    """The fields of `SongContext` that have K moments, from what is known of each."""
    soon = torch.where(change_known, wait.clamp(1, WAITS), WAITS) - 1
    levels = (aligned * 2).long().clamp(max=LEVELS - 1)
    ages = _ages(known.device)[age.clamp(0, _OLDEST)]
    fields = {
        "follower": follower,
        "next_chord": torch.where(change_known, next_chord, chords.PAD),
        "agreement": match.long().clamp(max=LEVELS - 1) * LEVELS + levels,
        "timing": (drift.clamp(-3, 3) + 3) * AGES + ages,
        "progression": progression.long() * WAITS + soon,
    }
    fields = {name: (value * known).to(torch.uint8) for name, value in fields.items()}
    fields |= {"known": known, "change_known": change_known}
    missing = MOMENTS - known.shape[-1]
    return {name: F.pad(value, (0, missing)) for name, value in fields.items()}


_OLDEST = 1024
"""Seconds from which on a moment is as old as can be."""


@cache
def _ages(device: torch.device) -> Int64[Tensor, " seconds"]:
    """Level of age of a moment so many seconds ago."""
    level = np.log2(np.arange(_OLDEST + 1).clip(1)) * 1.3
    return torch.from_numpy(np.minimum(level.astype(np.int64), AGES - 1)).to(device)


@cache
def _pulse_kernel(length: int, device: torch.device) -> Float32[Tensor, "length n_pulses_2"]:
    """What a change so many seconds ago adds to each pulse, and to what it is divided by."""
    ago = np.arange(length)
    waves = np.cos(2 * np.pi * (ago[:, None] + 1) * _FREQUENCIES)
    kept = [np.exp(-ago / memory)[:, None] for memory in _MEMORIES]
    kernel = np.concatenate([share * waves for share in kept] + kept, axis=1)
    return torch.from_numpy(kernel.astype(np.float32)).to(device)


def _normalised(sums: Float32[Tensor, "*shape n_pulses_2"]) -> Float32[Tensor, "*shape n_pulses"]:
    waves, changes = sums[..., :N_PULSES], sums[..., N_PULSES:]
    return waves / (changes + 1).repeat_interleave(len(_FREQUENCIES), dim=-1)


def _pulse(changed: Bool[Tensor, "batch length"]) -> Float32[Tensor, "batch length n_pulses"]:
    """A causal convolution of the seconds at which the chord changes."""
    length = changed.shape[1]
    kernel = _pulse_kernel(length, changed.device).flip(0)
    windows = F.pad(changed.float(), (length - 1, 0)).unfold(1, length, 1)
    return _normalised(windows @ kernel)


class SongMemory:
    """Songs so far, side by side, with room for `capacity` seconds, on one device."""

    def __init__(self, songs: int, capacity: int, device: torch.device) -> None:
        def zeros(dtype: torch.dtype = torch.int64, width: int = capacity) -> Tensor:
            return torch.zeros((songs, width), dtype=dtype, device=device)

        self.seconds = 0
        self._tokens, self._held, self._number = zeros(), zeros(), zeros()
        self._changed = zeros(torch.float32)
        # Of each run: its chord and its first second; of runs to come, none and far away.
        self._run_chord = zeros(width=capacity + 1) - 1
        self._run_start = zeros(width=capacity + 1) + _OLDEST * capacity
        self._before, self._before_that = zeros(width=1)[:, 0], zeros(width=1)[:, 0]
        # How each second, and each run, agrees with the newest; two zeros before the first second.
        self._aligned = zeros(torch.float32, capacity + 2)
        self._match, self._progression = zeros(), zeros(width=capacity + 1)
        self._likeness = _LIKENESS.to(device)
        self._second = torch.arange(capacity, device=device)
        self._kernel = _pulse_kernel(capacity, device).flip(0)

    def push(self, tokens: Int64[Tensor, " batch"]) -> SongContext:
        """Hear each song's next chord; what is then known, for one second (L = 1)."""
        now = self.seconds
        changed = self._hold(tokens)
        moments = self._moments(tokens, changed) if now else self._nothing()
        best = moments.pop("best")
        held = self._held[:, now]
        length = [held.clamp(max=20) / 8, torch.full_like(best[0], math.log(now + 1) / 5)]
        sums = self._changed[:, : now + 1] @ self._kernel[-now - 1 :]
        self.seconds += 1
        return SongContext(
            **moments,
            held=held.clamp(max=HELD - 1).to(torch.uint8)[:, None],
            before=self._before.clamp(max=HELD - 1).to(torch.uint8)[:, None],
            before_that=self._before_that.clamp(max=HELD - 1).to(torch.uint8)[:, None],
            measures=torch.stack([*best, *length], dim=1)[:, None],
            pulse=_normalised(sums)[:, None],
        )

    def _hold(self, tokens: Int64[Tensor, " batch"]) -> Bool[Tensor, " batch"]:
        """Take the chord into the runs; whether it differs from the one before."""
        now = self.seconds
        self._tokens[:, now] = tokens
        if now:
            changed = tokens != self._tokens[:, now - 1]
            length = self._held[:, now - 1] + 1  # of the run before, where it is over
            self._before_that = torch.where(changed, self._before, self._before_that)
            self._before = torch.where(changed, length, self._before)
            self._held[:, now] = length * ~changed
            self._number[:, now] = self._number[:, now - 1] + changed
            self._changed[:, now] = changed
        else:
            changed = torch.zeros_like(tokens, dtype=torch.bool)
        number = self._number[:, now : now + 1]
        self._run_chord.scatter_(1, number, tokens[:, None])
        self._run_start.scatter_(1, number, now - self._held[:, now : now + 1])
        return changed

    def _moments(self, tokens: Tensor, changed: Tensor) -> dict[str, Any]:
        """The earlier seconds that agree best with the newest, and the best agreements."""
        now = self.seconds
        past, newest = self._tokens[:, :now], tokens[:, None]
        same = past == newest

        # The recurrences of `song_context`, one second on.
        aligned = self._aligned[:, 2 : now + 2]
        likeness = self._likeness[tokens].gather(1, past)
        aligned.copy_(_align(self._aligned[:, : now + 2], likeness))
        match = F.pad(self._match[:, : now - 1] + 1, (1, 0), value=1).clamp(max=_LONGEST_MATCH)
        match = match * same
        self._match[:, :now] = match
        longer = F.pad(self._progression[:, : now - 1] + 1, (1, 0), value=1)
        longer = longer.clamp(max=_LONGEST_PROGRESSION) * (self._run_chord[:, :now] == newest)
        by_run = torch.where(changed[:, None], longer, self._progression[:, :now])
        self._progression[:, :now] = by_run
        number = self._number[:, :now]
        held_now = number == self._number[:, now : now + 1]
        progression = torch.where(held_now, same.long(), by_run.gather(1, number))

        worth = _worth(aligned, match, progression, self._second[:now])
        place = worth.topk(min(MOMENTS, now), dim=1, sorted=False).indices
        after = number.gather(1, place) + 1
        start = self._run_start.gather(1, after)
        fields = _moments(
            known=torch.ones_like(place, dtype=torch.bool),
            follower=self._tokens.gather(1, place + 1),
            next_chord=self._run_chord.gather(1, after),
            wait=start - place,
            change_known=start <= now,
            match=match.gather(1, place),
            aligned=aligned.gather(1, place),
            progression=progression.gather(1, place),
            drift=self._held[:, now : now + 1] - self._held.gather(1, place),
            age=now - place,
        )
        best = [
            match.amax(1) / _LONGEST_MATCH * 2,
            progression.amax(1) / _LONGEST_PROGRESSION * 2,
            aligned.amax(1) / 5,
        ]
        return {**{name: value[:, None] for name, value in fields.items()}, "best": best}

    def _nothing(self) -> dict[str, Any]:
        """The moments of the first second, which has no past."""
        shape = (len(self._tokens), 1, MOMENTS)
        zeros = torch.zeros(shape, dtype=torch.uint8, device=self._tokens.device)
        numbers = ("follower", "next_chord", "agreement", "timing", "progression")
        unknown = ("known", "change_known")
        return {
            **dict.fromkeys(numbers, zeros),
            **dict.fromkeys(unknown, zeros.bool()),
            "best": [zeros[:, 0, 0].float()] * 3,
        }

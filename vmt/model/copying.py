"""The copying transformer: chords, one a second, from the song so far and the picture.

A small causal transformer predicts the next chord in four ways and learns when to trust which: from
what it knows of songs, from the seconds that followed like moments of this song, from the chords
that came next after them, or by holding the chord. See `vmt.model.song_memory` for the like
moments.

Shapes: B songs, S seconds of video, L chords, K like moments, H copying heads, F inputs a second, D
    = d_model.

Source: mixing a model with a cache of the text so far, Grave et al. 2017 (arXiv 1612.04426);
copying, See et al. 2017 (arXiv 1704.04368); attention with linear biases, Press et al. 2022 (arXiv
2108.12409).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from vmt import chords
from vmt.model import song_memory
from vmt.model.baselines import Bigram
from vmt.model.chord_model import ChordModel, TrainingSongs
from vmt.model.config import EXTRA_INPUTS, CopyConfig
from vmt.model.distance_attention import distance_attention, distance_bias
from vmt.model.dropout import Dropout
from vmt.model.song_memory import SongContext, SongMemory, song_context

COPY_HEADS = 4
_WAYS = 4 * COPY_HEADS
_FAR = -1e4
_FARTHEST = 5.0
_NEVER = -12.0
_FLOOR = 1e-6
"""Probability that no token falls below, so that a wrong certainty costs no more than 14 nats."""
_N_ROOTS, _N_QUALITIES = 15, 16


class Layer(nn.Module):
    """Causal self-attention whose heads look back over stretches of their own, and feed-forward;
    pre-norm.
    """

    def __init__(self, config: CopyConfig) -> None:
        super().__init__()
        d = config.d_model
        self.n_heads = config.n_heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.linear1, self.linear2 = (
            nn.Linear(d, config.d_feedforward),
            nn.Linear(config.d_feedforward, d),
        )
        self.dropout = Dropout(config.dropout)
        self.log_slope = nn.Parameter(-1.0 - torch.arange(config.n_heads, dtype=torch.float32))

    def qkv_of(self, x: Float[Tensor, "batch length d"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, heads, L, D / heads)."""
        parts = self.qkv(self.norm1(x)).unflatten(2, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        return parts[0], parts[1], parts[2]

    @property
    def slope(self) -> Float[Tensor, " heads"]:
        """What each head subtracts for a second of distance."""
        return self.log_slope.exp()

    def after(
        self, x: Float[Tensor, "batch length d"], heard: Float[Tensor, "batch heads length e"]
    ) -> Float[Tensor, "batch length d"]:
        """The layer's result, given what attention heard."""
        x = self.dropout.add(x, self.out(heard.transpose(1, 2).flatten(2)))
        hidden = self.dropout(F.gelu(self.linear1(self.norm2(x))))
        return self.dropout.add(x, self.linear2(hidden))


class Worth(nn.Module):
    """How much each of H heads trusts each like moment: a sum of learned tables of its context."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.agreement = nn.Embedding(song_memory.LEVELS * song_memory.LEVELS, heads)
        self.timing = nn.Embedding(song_memory.DRIFTS * song_memory.AGES, heads)
        self.progression = nn.Embedding(song_memory.RUN_LEVELS * song_memory.WAITS, heads)
        with torch.no_grad():
            for table in (self.agreement, self.timing, self.progression):
                table.weight.zero_()
            match, alignment = (levels.flatten()[:, None] for levels in _levels())
            self.agreement.weight += 0.3 * match * torch.linspace(0.5, 1.5, heads) + 0.2 * alignment


def _levels() -> tuple[Tensor, Tensor]:
    level = torch.arange(song_memory.LEVELS, dtype=torch.float32)
    match, alignment = torch.meshgrid(level, level, indexing="ij")
    return match, alignment


def _shares(
    score: Float[Tensor, "batch length heads moments"], known: Bool[Tensor, "batch length moments"]
) -> Float[Tensor, "batch length heads moments"]:
    """Each head's shares of the moments that are known; of no meaning where none is."""
    return score.float().masked_fill(~known[:, :, None], _FAR).softmax(-1)


@dataclass(frozen=True)
class _Tables:
    """What a forward pass looks up, computed from the weights once; U chords may be met.

    Attributes:
        chord: embedding of each token of the vocabulary.
        agreement: scores of a like moment by its agreement, a column for each copying head of the
            four ways that moments are used; `timing` and `progression` likewise.
        place: of each token among the U chords, 0 where it is none of them.
        follower: what a chord adds to a layer's input when a head expects it to follow: for each
            head a row for each of the U chords, and a row of zeros for a moment that is not known;
            `next_chord` likewise.
    """

    chord: Float[Tensor, "vocabulary d"]
    agreement: Float[Tensor, "levels ways_heads"]
    timing: Float[Tensor, "timings ways_heads"]
    progression: Float[Tensor, "progressions ways_heads"]
    place: Int64[Tensor, " vocabulary"]
    follower: Float[Tensor, "heads_met d"]
    next_chord: Float[Tensor, "heads_met d"]


@dataclass
class CopyCache:
    """What generation keeps between chords; made by `CopyTransformer.start`.

    Keys, values and the penalty on distance have a row for each song and head, so that a chord
    reads them as they lie.
    """

    keys: list[Float[Tensor, "batch_heads capacity e"]]
    values: list[Float[Tensor, "batch_heads capacity e"]]
    bias: list[Float[Tensor, "batch_heads 1 capacity"]]
    tables: _Tables
    picture: Float[Tensor, "batch seconds d"]
    minor: Int64[Tensor, " batch"]
    lengths: Int64[Tensor, " batch"]
    memory: SongMemory
    position: int = 0


class CopyTransformer(ChordModel):
    """Logits of the next second's chord, given the video and the chords so far."""

    config: CopyConfig
    roots: Tensor
    qualities: Tensor
    input_mean: Tensor
    input_scale: Tensor
    bigram: Tensor

    def __init__(self, config: CopyConfig) -> None:
        super().__init__()
        self.config = config
        d, heads = config.d_model, COPY_HEADS
        self.chord, self.root, self.quality = (
            nn.Embedding(size, d) for size in (chords.VOCABULARY_SIZE, _N_ROOTS, _N_QUALITIES)
        )
        self.held, self.before, self.before_that, self.left = (
            nn.Embedding(song_memory.HELD, d) for _ in range(4)
        )
        self.mode = nn.Embedding(2, d)
        self.stay_trust, self.change_trust = Worth(heads), Worth(heads)
        self.follower, self.next_chord = nn.Linear(heads * d, d), nn.Linear(heads * d, d)
        self.measures = nn.Linear(song_memory.N_MEASURES + 2 * heads, d)
        self.pulse = nn.Sequential(
            nn.Linear(song_memory.N_PULSES, d), nn.GELU(), Dropout(config.dropout), nn.Linear(d, d)
        )
        self.picture = nn.Linear(EXTRA_INPUTS, d)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(d)
        self.dropout = Dropout(config.dropout)
        self.vocabulary = nn.Linear(d, chords.VOCABULARY_SIZE)
        self.bigram_weight = nn.Parameter(torch.ones(()))
        self.copy_stay, self.copy_change = Worth(heads), Worth(heads)
        self.sharpness = nn.Linear(d, 2 * heads)
        self.gate = nn.Linear(d, 2 * heads + 2)
        self.level = nn.Parameter(torch.zeros(()))
        self.register_buffer("roots", torch.from_numpy(chords.ROOT_OF), persistent=False)
        self.register_buffer("qualities", torch.from_numpy(chords.QUALITY_OF), persistent=False)
        self.register_buffer("input_mean", torch.zeros(config.d_video))
        self.register_buffer("input_scale", torch.ones(config.d_video))
        self.register_buffer("bigram", torch.zeros(chords.VOCABULARY_SIZE, chords.VOCABULARY_SIZE))
        self._initialise()

    def _initialise(self) -> None:
        for table in (self.root, self.quality, self.held, self.before, self.before_that, self.mode):
            nn.init.normal_(table.weight, std=0.3)
        for table in (self.chord, self.left):
            nn.init.normal_(table.weight, std=0.1)
        for zero in (self.vocabulary.weight, self.sharpness.weight, self.sharpness.bias):
            nn.init.zeros_(zero)

    @property
    def _layers(self) -> list[Layer]:
        return cast("list[Layer]", list(self.layers))

    @property
    def unpublished(self) -> tuple[str, ...]:
        """What of this model the published code does not know."""
        return ("a memory of the song",)

    def context_of(self, tokens: Int64[Tensor, "batch length"]) -> SongContext:
        """The song's own repetition up to each chord."""
        return song_context(tokens)

    def learn_songs(self, songs: TrainingSongs) -> None:
        """Take the statistics of the inputs and the bigram of the chords."""
        self.set_input_statistics(*songs.input_statistics())
        self.set_bigram(songs.tokens)

    def set_input_statistics(
        self, mean: Float[np.ndarray, " f"], deviation: Float[np.ndarray, " f"]
    ) -> None:
        """Remember the training set's mean and deviation of each input; an input that never varies
        is only centred.
        """
        self.input_mean.copy_(torch.from_numpy(mean))
        self.input_scale.copy_(torch.from_numpy(1 / np.where(deviation > 1e-6, deviation, 1.0)))

    def set_bigram(self, songs: Sequence[Int64[np.ndarray, " _"]]) -> None:
        """Remember how often each chord follows each in the training songs, where the vocabulary's
        part starts from.
        """
        known = Bigram(songs, self.config.max_seconds).log_probabilities
        self.bigram.fill_(_NEVER)
        self.bigram[: chords.PAD, : chords.PAD] = torch.from_numpy(known).float()

    def _seen(
        self, video: Float[Tensor, "batch seconds f"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch seconds d"]:
        """What the picture of the next second adds; the last second's own at the end."""
        after = torch.arange(1, video.shape[1] + 1, device=video.device).expand(len(video), -1)
        after = torch.minimum(after, lengths[:, None] - 1).clamp(0, video.shape[1] - 1)
        part = slice(-EXTRA_INPUTS, None)
        inputs = (video[..., part] - self.input_mean[part]) * self.input_scale[part]
        inputs = inputs.clamp(-_FARTHEST, _FARTHEST)
        seen: Tensor = self.picture(inputs.gather(1, after[..., None].expand_as(inputs)))
        return seen

    def _tables(self, met: Int64[Tensor, " met"]) -> _Tables:
        """The tables for songs that meet the chords `met` alone."""
        ways = [self.stay_trust, self.change_trust, self.copy_stay, self.copy_change]
        chord = (
            self.chord.weight + self.root(self.roots) + self.quality(self.qualities)
        )  # (vocabulary, D)
        embedded = F.pad(chord[met], (0, 0, 0, 1))
        place = torch.zeros(len(chord), dtype=torch.int64, device=met.device)
        place[met] = torch.arange(len(met), device=met.device)

        def projected(layer: nn.Linear) -> Tensor:
            by_head = layer.weight.view(len(layer.weight), COPY_HEADS, -1)  # (D, heads, D)
            return torch.einsum("vi,ohi->hvo", embedded, by_head).flatten(0, 1)

        return _Tables(
            chord,
            torch.cat([way.agreement.weight for way in ways], dim=1),
            torch.cat([way.timing.weight for way in ways], dim=1),
            torch.cat([way.progression.weight for way in ways], dim=1),
            place,
            projected(self.follower),
            projected(self.next_chord),
        )

    def _embed(
        self,
        tokens: Int64[Tensor, "batch length"],
        context: SongContext,
        trust: Sequence[Tensor],
        tables: _Tables,
        picture: Float[Tensor, "batch length d"],
        minor: Int64[Tensor, " batch"],
        left: Int64[Tensor, "batch length"],
    ) -> Float[Tensor, "batch length d"]:
        """The input of the first layer.

        Args:
            tokens: the chords heard.
            context: what the song's past says of each second.
            trust: each head's scores of the like moments, for what stays and for what changes.
            tables: see `_Tables`.
            picture: what each second's picture adds.
            minor: 1 for songs in minor, else 0.
            left: seconds after each.
        """
        followed = _shares(trust[0], context.known)
        changed = _shares(trust[1], context.change_known)
        holds = (context.follower == tokens[..., None]) & context.known
        stays = (followed * holds[:, :, None].to(followed.dtype)).sum(-1)
        ends = (context.progression % song_memory.WAITS == 0) & context.change_known
        due = (changed * ends[:, :, None].to(changed.dtype)).sum(-1)
        measures = torch.cat([context.measures, stays, due], dim=-1).to(picture.dtype)

        x = F.embedding(tokens, tables.chord) + self.mode(minor)[:, None] + picture
        x = x + self.held(context.held.int()) + self.before(context.before.int())
        x = x + self.before_that(context.before_that.int())
        x = x + self.left(left.clamp(0, song_memory.HELD - 1)) + self.measures(measures)
        place = _places(context.follower, context.known, tables)
        x = x + _expected(place, followed, tables.follower)
        place = _places(context.next_chord, context.change_known, tables)
        x = x + _expected(place, changed, tables.next_chord)
        x = x + self.follower.bias + self.next_chord.bias + self.pulse(context.pulse.to(x.dtype))
        out: Tensor = self.dropout(x)
        return out

    def _mix(
        self,
        x: Float[Tensor, "batch length d"],
        tokens: Int64[Tensor, "batch length"],
        context: SongContext,
        trust: Sequence[Tensor],
    ) -> Float[Tensor, "batch length vocabulary"]:
        """Log-probabilities, all raised by a learned level that only the emotion term feels.

        Args:
            x: the last layer's result.
            tokens: the chords heard.
            context: what the song's past says of each second.
            trust: each head's scores of the like moments, for what stays and for what changes.
        """
        h = self.norm(x)
        own = self.vocabulary(self.dropout(h)).float()
        own = own + self.bigram_weight.float() * self.bigram[tokens].float()
        sharpness = self.sharpness(h).float().clamp(-3, 3).exp()[..., None]
        gate = self.gate(h).float().softmax(-1)
        heads = COPY_HEADS
        stay = _shares(trust[0].float() * sharpness[:, :, :heads], context.known)
        change = _shares(trust[1].float() * sharpness[:, :, heads:], context.change_known)

        # The three ways of copying add to the vocabulary's own probabilities.
        stay = (stay * gate[..., :heads, None]).sum(2)
        change = (change * gate[..., heads:-2, None]).sum(2)
        shares = [
            stay.masked_fill(~context.known, 0.0),
            change.masked_fill(~context.change_known, 0.0),
            gate[..., -1:],
        ]
        copied = [context.follower.long(), context.next_chord.long(), tokens[..., None]]
        mixed = (own.softmax(-1) * gate[..., -2:-1]).scatter_add(
            2, torch.cat(copied, dim=2), torch.cat(shares, dim=2)
        )
        logits: Tensor = (mixed + _FLOOR).log() + self.level.float()
        return logits

    def forward(
        self,
        video: Float[Tensor, "batch seconds f"],
        tokens: Int64[Tensor, "batch length"],
        minor: Float[Tensor, " batch"],
        lengths: Int64[Tensor, " batch"] | None = None,
        context: SongContext | None = None,
    ) -> Float[Tensor, "batch length vocabulary"]:
        """Logits for the chord after each of `tokens`.

        Args:
            video: inputs a second: semantic, scene offset + 1, motion, emotion; zeros past a song's
                end.
            tokens: AMT's numbers, second by second from 0.
            minor: 1 for songs in minor, else 0.
            lengths: seconds of each video, also where it is longer than the `tokens`.
            context: of `tokens`, on their device; computed here where None.
        """
        if context is None:
            context = song_context(tokens)
        if lengths is None:
            lengths = torch.full((len(video),), video.shape[1], device=video.device)
        length = tokens.shape[1]
        tables = self._tables(_met(tokens))
        trust = _trust(context, tables)
        left = lengths[:, None] - 1 - torch.arange(length, device=tokens.device)
        picture = self._seen(video, lengths)[:, :length]

        x = self._embed(tokens, context, trust[:2], tables, picture, minor.long(), left)
        for layer in self._layers:
            x = layer.after(x, distance_attention(*layer.qkv_of(x), layer.slope))
        return self._mix(x, tokens, context, trust[2:])

    def start(
        self,
        video: Float[Tensor, "batch seconds f"],
        minor: Float[Tensor, " batch"],
        lengths: Int64[Tensor, " batch"] | None = None,
        capacity: int | None = None,
    ) -> CopyCache:
        """A cache for writing chords.

        Args:
            video: inputs a second; zeros past a song's end.
            minor: 1 for songs in minor, else 0.
            lengths: seconds of each video; all of `video` where None.
            capacity: chords that there is room for; `max_seconds` where None.
        """
        room = capacity or self.config.max_seconds
        songs, device = len(video), video.device
        if lengths is None:
            lengths = torch.full((songs,), video.shape[1], device=device)
        rows, e = songs * self.config.n_heads, self.config.d_head
        keys, values = ([video.new_zeros(rows, room, e) for _ in self.layers] for _ in range(2))
        # The last query's penalty on each key: that of `position` is its end.
        bias = [
            distance_bias(layer.slope, room - 1, room).to(video.dtype).repeat(songs, 1, 1)
            for layer in self._layers
        ]
        tables = self._tables(torch.arange(chords.VOCABULARY_SIZE, device=device))
        memory = SongMemory(songs, room, device)
        picture = self._seen(video, lengths)
        return CopyCache(keys, values, bias, tables, picture, minor.long(), lengths, memory)

    def prefill(
        self, tokens: Int64[Tensor, "batch length"], cache: CopyCache
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits for the chord after the last of `tokens`, which take an empty cache's first
        positions at once.
        """
        assert cache.position == 0
        context = song_memory.join_seconds([cache.memory.push(heard) for heard in tokens.unbind(1)])
        length = tokens.shape[1]
        x, trust = self._heard(tokens, context, cache)
        for layer, keys, values in zip(self._layers, cache.keys, cache.values, strict=True):
            q, k, v = layer.qkv_of(x)
            keys[:, :length] = k.flatten(0, 1)
            values[:, :length] = v.flatten(0, 1)
            x = layer.after(x, distance_attention(q, k, v, layer.slope))
        cache.position = length
        return self._mix(x, tokens, context, trust[2:])[:, -1]

    def step(
        self, tokens: Int64[Tensor, " batch"], cache: CopyCache
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits for the chord after `tokens`, which take the cache's next position."""
        context = cache.memory.push(tokens)
        position, last = cache.position, cache.position + 1
        x, trust = self._heard(tokens[:, None], context, cache)
        kept = zip(self._layers, cache.keys, cache.values, cache.bias, strict=True)
        for layer, keys, values, bias in kept:
            q, k, v = layer.qkv_of(x)  # (B, heads, 1, E)
            keys[:, position] = k.flatten(0, 2)
            values[:, position] = v.flatten(0, 2)
            scaled = q.flatten(0, 1) * q.shape[-1] ** -0.5
            scores = torch.baddbmm(bias[:, :, -last:], scaled, keys[:, :last].mT)
            heard = scores.softmax(-1) @ values[:, :last]
            x = layer.after(x, heard.view(q.shape))
        cache.position = last
        return self._mix(x, tokens[:, None], context, trust[2:])[:, 0]

    def _heard(
        self, tokens: Int64[Tensor, "batch length"], context: SongContext, cache: CopyCache
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """The first layer's input of chords that take the cache's next positions, and the trust in
        their like moments.
        """
        first, last = cache.position, cache.position + tokens.shape[1]
        left = cache.lengths[:, None] - 1 - torch.arange(first, last, device=tokens.device)
        trust = _trust(context, cache.tables)
        picture = cache.picture[:, first:last]
        x = self._embed(tokens, context, trust[:2], cache.tables, picture, cache.minor, left)
        return x, trust


def _met(tokens: Int64[Tensor, "batch length"]) -> Int64[Tensor, " met"]:
    """The chords that songs meet; on other devices than a CPU, where counting them would wait for
    the device, the whole vocabulary.
    """
    if tokens.device.type == "cpu":
        return torch.bincount(tokens.flatten()).nonzero()[:, 0]
    return torch.arange(chords.VOCABULARY_SIZE, device=tokens.device)


def _trust(
    context: SongContext, tables: _Tables
) -> Sequence[Float[Tensor, "batch length heads moments"]]:
    """Scores of the like moments before a softmax: for expecting what stays, what changes, and for
    copying each.
    """
    # `index_select`, for its gradient takes a quarter of the time of an embedding's.
    score = tables.agreement.index_select(0, context.agreement.flatten().int())
    score = score + tables.timing.index_select(0, context.timing.flatten().int())
    score = score + tables.progression.index_select(0, context.progression.flatten().int())
    by_head = score.view(*context.agreement.shape, -1).transpose(2, 3).contiguous()
    return [by_head[:, :, first : first + COPY_HEADS] for first in range(0, _WAYS, COPY_HEADS)]


def _places(
    chord: UInt8[Tensor, "batch length moments"],
    known: Bool[Tensor, "batch length moments"],
    tables: _Tables,
) -> Int64[Tensor, "batch length moments"]:
    """Rows of a head's table for the chords of the moments; the row of zeros where one is not
    known.
    """
    nothing = len(tables.follower) // COPY_HEADS - 1
    place = tables.place.index_select(0, chord.flatten().int()).view(chord.shape)
    return place.masked_fill(~known, nothing)


def _expected(
    place: Int64[Tensor, "batch length moments"],
    shares: Float[Tensor, "batch length heads moments"],
    table: Float[Tensor, "heads_met d"],
) -> Float[Tensor, "batch length d"]:
    """What the chords of the moments add, by each head's shares."""
    heads = shares.shape[2]
    room = shares.new_zeros(*shares.shape[:3], len(table) // heads)
    likely = room.scatter_add(3, place[:, :, None].expand(-1, -1, heads, -1), shares)
    return likely.flatten(2).to(table.dtype) @ table

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
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from vmt import chords
from vmt.model import song_memory
from vmt.model.baselines import Bigram
from vmt.model.chord_model import ChordModel, TrainingSongs
from vmt.model.config import EXTRA_INPUTS, CopyConfig
from vmt.model.dropout import Dropout
from vmt.model.song_memory import Clues

COPY_HEADS = 4
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

    def all_three(self, x: Float[Tensor, "batch length d"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, heads, L, D / heads)."""
        parts = self.qkv(self.norm1(x)).unflatten(2, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        return parts[0], parts[1], parts[2]

    def bias(
        self, first: int, last: int, device: torch.device
    ) -> Float[Tensor, "heads queries keys"]:
        """What a head subtracts for distance, for queries `first` to `last` - 1 and all keys before
        `last`.
        """
        distance = torch.arange(first, last, device=device)[:, None] - torch.arange(
            last, device=device
        )
        slope = self.log_slope.exp()[:, None, None]
        return (-slope * distance).masked_fill(distance < 0, _FAR)

    def after(
        self, x: Tensor, q: Tensor, k: Tensor, v: Tensor, bias: Tensor
    ) -> Float[Tensor, "batch length d"]:
        """The layer's result, given queries, keys and values."""
        heard = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        x = x + self.dropout(self.out(heard.transpose(1, 2).flatten(2)))
        out: Tensor = x + self.dropout(
            self.linear2(self.dropout(F.gelu(self.linear1(self.norm2(x)))))
        )
        return out


class Worth(nn.Module):
    """How much each of H heads trusts each like moment: a sum of learned tables of its clues."""

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

    def forward(
        self, clues: Clues, known: Bool[Tensor, "batch length moments"]
    ) -> Float[Tensor, "batch length moments heads"]:
        """Scores before a softmax; far below all others where the moment is not `known`."""
        score = (
            self.agreement(clues.agreement)
            + self.timing(clues.timing)
            + self.progression(clues.progression)
        )
        found: Tensor = score.masked_fill(~known[..., None], _FAR)
        return found


def _levels() -> tuple[Tensor, Tensor]:
    level = torch.arange(song_memory.LEVELS, dtype=torch.float32)
    match, alignment = torch.meshgrid(level, level, indexing="ij")
    return match, alignment


def _shares(score: Tensor, known: Tensor) -> Float[Tensor, "batch length moments heads"]:
    """Each head's shares of the moments; all zero where none is known."""
    return score.float().softmax(2) * known[..., None]


@dataclass
class CopyCache:
    """What generation keeps between chords; made by `CopyTransformer.start`."""

    keys: list[Tensor]  # (B, heads, capacity, E) a layer
    values: list[Tensor]
    picture: Float[Tensor, "batch seconds d"]
    minor: Int64[Tensor, " batch"]
    lengths: Int64[Tensor, " batch"]
    memory: song_memory.Memory
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
        inputs = ((video - self.input_mean) * self.input_scale)[..., -EXTRA_INPUTS:].clamp(
            -_FARTHEST, _FARTHEST
        )
        found: Tensor = self.picture(
            inputs.gather(1, after[..., None].expand(-1, -1, EXTRA_INPUTS))
        )
        return found

    def _embed(
        self, tokens: Tensor, clues: Clues, picture: Tensor, minor: Tensor, left: Tensor
    ) -> Tensor:
        """The input of the first layer, (B, L, D); `left` is the number of seconds after each."""
        followed = _shares(self.stay_trust(clues, clues.known), clues.known)
        changed = _shares(self.change_trust(clues, clues.change_known), clues.change_known)
        stays = (followed * (clues.follower == tokens[..., None])[..., None]).sum(2)
        due = (changed * (clues.progression % song_memory.WAITS == 0)[..., None]).sum(2)
        measures = torch.cat([clues.measures, stays, due], dim=-1).to(picture.dtype)
        x = self._chords(tokens) + self.mode(minor)[:, None] + picture
        x = (
            x
            + self.held(clues.held)
            + self.before(clues.before)
            + self.before_that(clues.before_that)
        )
        x = x + self.left(left.clamp(0, song_memory.HELD - 1)) + self.measures(measures)
        x = x + self.follower(self._expected(clues.follower, followed))
        x = (
            x
            + self.next_chord(self._expected(clues.next_chord, changed))
            + self.pulse(clues.pulse.to(x.dtype))
        )
        out: Tensor = self.dropout(x)
        return out

    def _chords(self, tokens: Tensor) -> Tensor:
        found: Tensor = (
            self.chord(tokens)
            + self.root(self.roots[tokens])
            + self.quality(self.qualities[tokens])
        )
        return found

    def _expected(self, tokens: Tensor, shares: Tensor) -> Float[Tensor, "batch length heads_d"]:
        """The mean embedding of the moments' chords, by each head's shares."""
        everything = self._chords(torch.arange(chords.VOCABULARY_SIZE, device=tokens.device))
        heads = shares.shape[3]
        room = shares.new_zeros(*tokens.shape[:2], chords.VOCABULARY_SIZE, heads)
        likely = room.scatter_add(2, tokens[..., None].expand(-1, -1, -1, heads), shares)
        return torch.einsum("blvh,vd->blhd", likely.to(everything.dtype), everything).flatten(2)

    def _mix(
        self,
        x: Float[Tensor, "batch length d"],
        tokens: Int64[Tensor, "batch length"],
        clues: Clues,
    ) -> Float[Tensor, "batch length vocabulary"]:
        """Log-probabilities, all raised by a learned level that only the emotion term feels."""
        h = self.norm(x)
        own = (
            self.vocabulary(self.dropout(h)).float()
            + self.bigram_weight.float() * self.bigram[tokens].float()
        )
        sharpness = self.sharpness(h).float().clamp(-3, 3).exp()[:, :, None]
        gate = self.gate(h).float().softmax(-1)
        heads = COPY_HEADS
        stay = _shares(
            self.copy_stay(clues, clues.known).float() * sharpness[..., :heads], clues.known
        )
        change = self.copy_change(clues, clues.change_known).float() * sharpness[..., heads:]
        change = _shares(change, clues.change_known)
        found = own.softmax(-1) * gate[..., -2:-1]
        found = found.scatter_add(2, clues.follower, (stay * gate[:, :, None, :heads]).sum(-1))
        found = found.scatter_add(
            2, clues.next_chord, (change * gate[:, :, None, heads:-2]).sum(-1)
        )
        found = found.scatter_add(2, tokens[..., None], gate[..., -1:])
        logits: Tensor = (found + _FLOOR).log() + self.level.float()
        return logits

    def forward(
        self,
        video: Float[Tensor, "batch seconds f"],
        tokens: Int64[Tensor, "batch length"],
        minor: Float[Tensor, " batch"],
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch length vocabulary"]:
        """Logits for the chord after each of `tokens`.

        Args:
            video: inputs a second: semantic, scene offset + 1, motion, emotion; zeros past a song's
                end.
            tokens: AMT's numbers, second by second from 0.
            minor: 1 for songs in minor, else 0.
            lengths: seconds of each video, also where it is longer than the `tokens`.
        """
        cache = self.start(video, minor, lengths, tokens.shape[1])
        return self._read(tokens, cache, song_memory.recall(tokens.cpu().numpy()), keep=False)

    def start(
        self,
        video: Float[Tensor, "batch seconds f"],
        minor: Float[Tensor, " batch"],
        lengths: Int64[Tensor, " batch"] | None = None,
        capacity: int | None = None,
    ) -> CopyCache:
        """A cache for writing up to `capacity` chords."""
        room = capacity or self.config.max_seconds
        if lengths is None:
            lengths = torch.full((len(video),), video.shape[1], device=video.device)
        shape = (len(video), self.config.n_heads, room, self.config.d_head)
        keys, values = ([video.new_empty(shape) for _ in self.layers] for _ in range(2))
        memory = song_memory.Memory(len(video), room)
        return CopyCache(keys, values, self._seen(video, lengths), minor.long(), lengths, memory)

    def prefill(
        self, tokens: Int64[Tensor, "batch length"], cache: CopyCache
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits for the chord after the last of `tokens`, which take an empty cache's first
        positions at once.
        """
        assert cache.position == 0
        heard = tokens.cpu().numpy()
        clues = song_memory.stack(
            [cache.memory.push(heard[:, second]) for second in range(heard.shape[1])]
        )
        return self._read(tokens, cache, clues, keep=True)[:, -1]

    def step(
        self, tokens: Int64[Tensor, " batch"], cache: CopyCache
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits for the chord after `tokens`, which take the cache's next position."""
        clues = song_memory.stack([cache.memory.push(tokens.cpu().numpy())])
        return self._read(tokens[:, None], cache, clues, keep=True)[:, 0]

    def _read(self, tokens: Tensor, cache: CopyCache, clues: Clues, *, keep: bool) -> Tensor:
        """Logits after each of `tokens`, which follow what `cache` holds; their keys and values
        join it to `keep`.
        """
        device = tokens.device
        first = cache.position
        last = first + tokens.shape[1]
        clues = clues.to(device)
        left = cache.lengths[:, None] - 1 - torch.arange(first, last, device=device)
        x = self._embed(tokens, clues, cache.picture[:, first:last], cache.minor, left)
        for layer, keys, values in zip(self._layers, cache.keys, cache.values, strict=True):
            q, k, v = layer.all_three(x)
            if keep:
                keys[:, :, first:last], values[:, :, first:last] = k, v
                k, v = keys[:, :, :last], values[:, :, :last]
            x = layer.after(x, q, k, v, layer.bias(first, last, device))
        cache.position = last
        return self._mix(x, tokens, clues)

"""The Video Music Transformer: chords, one a second, from a video's features.

Shapes: B songs, S seconds of video, L chords, F inputs a second, D = d_model. Parameters carry the
names of the published weights, so that they go in and out unchanged; four published modules that
nothing uses are kept for that alone.

Source: Kang et al. 2024, "Video2Music" (arXiv 2311.00968): the Affective Multimodal Transformer;
post-norm encoder and decoder, ReLU. The whole published model is in this file,
to be read beside the paper.
"""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from vmt import chords
from vmt.model.attention import Attention
from vmt.model.chord_model import ChordModel, TrainingSongs
from vmt.model.config import ModelConfig
from vmt.model.dropout import Dropout

N_ROOTS = 15
N_QUALITIES = 16


class FeedForward(nn.Module):
    """Two linear layers with ReLU between them, under the published names."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.linear1 = nn.Linear(config.d_model, config.d_feedforward)
        self.linear2 = nn.Linear(config.d_feedforward, config.d_model)
        self.dropout = Dropout(config.dropout)

    def feed_forward(self, x: Float[Tensor, "batch length d"]) -> Float[Tensor, "batch length d"]:
        """The block itself, dropout within it."""
        out: Tensor = self.linear2(F.relu_(self.dropout(self.linear1(x))))
        return out


class EncoderLayer(FeedForward):
    """Self-attention and feed-forward over seconds of video, each followed by its norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.self_attn = Attention(config.d_model, config.n_heads, config.dropout)
        self.norm1 = nn.LayerNorm(config.d_model)
        self.norm2 = nn.LayerNorm(config.d_model)

    def forward(
        self, x: Float[Tensor, "batch seconds d"], mask: Bool[Tensor, "batch 1 1 seconds"] | None
    ) -> Float[Tensor, "batch seconds d"]:
        """One layer; `mask` is True at seconds that exist."""
        x = self.norm1(
            self.dropout.add(x, self.self_attn.attend(*self.self_attn.qkv(x), mask=mask))
        )
        out: Tensor = self.norm2(self.dropout.add(x, self.feed_forward(x)))
        return out


@dataclass
class LayerCache:
    """Keys and values of one decoder layer: the chords so far (room for all of them) and the whole
    video.
    """

    self_k: Tensor  # (B, H, capacity, E)
    self_v: Tensor
    cross_k: Tensor  # (B, H, S, E)
    cross_v: Tensor


class DecoderLayer(FeedForward):
    """Causal self-attention over chords, attention to the video, feed-forward, each followed by its
    norm.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        distance = config.max_seconds if config.relative_positions else None
        self.self_attn = Attention(config.d_model, config.n_heads, config.dropout, distance)
        self.multihead_attn = Attention(config.d_model, config.n_heads, config.dropout)
        self.norm1 = nn.LayerNorm(config.d_model)
        self.norm2 = nn.LayerNorm(config.d_model)
        self.norm3 = nn.LayerNorm(config.d_model)

    def forward(
        self,
        x: Float[Tensor, "batch length d"],
        memory: Float[Tensor, "batch seconds d"],
        memory_mask: Bool[Tensor, "batch 1 1 seconds"] | None,
    ) -> Float[Tensor, "batch length d"]:
        """One layer over whole sequences.

        Args:
            x: chords so far.
            memory: the encoder's, of the video.
            memory_mask: True at seconds that exist; all exist where None.
        """
        x = self.norm1(
            self.dropout.add(x, self.self_attn.attend(*self.self_attn.qkv(x), causal=True))
        )
        return self._after(
            x, self.multihead_attn.attend(*self.multihead_attn.across(x, memory), mask=memory_mask)
        )

    def prefill(
        self, x: Float[Tensor, "batch length d"], cache: LayerCache, memory_mask: Tensor | None
    ) -> Float[Tensor, "batch length d"]:
        """One layer for the first chords.

        Args:
            x: the chords.
            cache: empty; receives their keys and values.
            memory_mask: as in `forward`.
        """
        q, k, v = self.self_attn.qkv(x)
        cache.self_k[:, :, : k.shape[2]] = k
        cache.self_v[:, :, : v.shape[2]] = v
        x = self.norm1(x + self.self_attn.attend(q, k, v, causal=True))
        return self._after(x, self._look(x, cache, memory_mask))

    def step(
        self,
        x: Float[Tensor, "batch 1 d"],
        cache: LayerCache,
        position: int,
        memory_mask: Tensor | None,
    ) -> Float[Tensor, "batch 1 d"]:
        """One layer for one more chord.

        Args:
            x: the chord.
            cache: receives its keys and values.
            position: of the chord, from 0.
            memory_mask: as in `forward`.
        """
        q, k, v = self.self_attn.qkv(x)
        cache.self_k[:, :, position : position + 1] = k
        cache.self_v[:, :, position : position + 1] = v
        k, v = cache.self_k[:, :, : position + 1], cache.self_v[:, :, : position + 1]
        scores = (
            None if self.self_attn.Er is None else self.self_attn.relative_scores(q, first=position)
        )
        x = self.norm1(x + self.self_attn.attend(q, k, v, mask=scores))
        return self._after(x, self._look(x, cache, memory_mask))

    def _look(self, x: Tensor, cache: LayerCache, memory_mask: Tensor | None) -> Tensor:
        q = self.multihead_attn.queries(x)
        return self.multihead_attn.attend(q, cache.cross_k, cache.cross_v, mask=memory_mask)

    def _after(self, x: Tensor, seen: Tensor) -> Tensor:
        x = self.norm2(self.dropout.add(x, seen))
        out: Tensor = self.norm3(self.dropout.add(x, self.feed_forward(x)))
        return out


class PositionalEncoding(nn.Module):
    """Sinusoidal positions, kept as a buffer under the published name and shape."""

    pe: Tensor

    def __init__(self, d_model: int, dropout: float, length: int) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        position = torch.arange(length).unsqueeze(1)
        rate = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(length, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * rate)
        pe[:, 0, 1::2] = torch.cos(position * rate)
        self.register_buffer("pe", pe)

    def forward(
        self, x: Float[Tensor, "batch length d"], first: int = 0
    ) -> Float[Tensor, "batch length d"]:
        """`x` plus the positions from `first` on."""
        out: Tensor = self.dropout(x + self.pe[first : first + x.shape[1], 0])
        return out


class Stack(nn.Module):
    """Layers and the norm after the last."""

    def __init__(self, layers: list[nn.Module], d_model: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d_model)


class EncoderDecoder(nn.Module):
    """The two stacks under the published names."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.encoder = Stack([EncoderLayer(config) for _ in range(config.n_layers)], config.d_model)
        self.decoder = Stack([DecoderLayer(config) for _ in range(config.n_layers)], config.d_model)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)


@dataclass
class Cache:
    """What generation keeps between chords; made by `VideoMusicTransformer.start`."""

    layers: list[LayerCache]
    minor: Float[Tensor, "batch 1 1"]
    memory_mask: Bool[Tensor, "batch 1 1 seconds"] | None
    position: int = 0


class VideoMusicTransformer(ChordModel):
    """Logits of the next second's chord, given the video and the chords so far."""

    config: ModelConfig
    roots: Tensor
    qualities: Tensor
    input_mean: Tensor
    input_scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d = config.d_model
        self.embedding = nn.Embedding(chords.VOCABULARY_SIZE, d)
        self.embedding_root = nn.Embedding(N_ROOTS, d)
        self.embedding_attr = nn.Embedding(N_QUALITIES, d)
        self.Linear_vis = nn.Linear(config.d_video, d)
        self.Linear_chord = nn.Linear(d + 1, d)
        self.condition_linear = nn.Linear(1, d)
        self.positional_encoding = PositionalEncoding(d, config.dropout, config.max_seconds)
        self.positional_encoding_video = PositionalEncoding(d, config.dropout, config.max_seconds)
        self.transformer = EncoderDecoder(config)
        self.Wout = nn.Linear(d, chords.VOCABULARY_SIZE)
        self.Wout_root = nn.Linear(d, N_ROOTS)
        self.Wout_attr = nn.Linear(d, N_QUALITIES)

        self.register_buffer("roots", torch.from_numpy(chords.ROOT_OF), persistent=False)
        self.register_buffer("qualities", torch.from_numpy(chords.QUALITY_OF), persistent=False)
        self.register_buffer(
            "input_mean", torch.zeros(config.d_video), persistent=config.normalise_inputs
        )
        self.register_buffer(
            "input_scale", torch.ones(config.d_video), persistent=config.normalise_inputs
        )

    @property
    def _decoder_layers(self) -> list[DecoderLayer]:
        return cast("list[DecoderLayer]", list(self.transformer.decoder.layers))

    @property
    def unpublished(self) -> tuple[str, ...]:
        """The settings in use that the published code does not know."""
        extras = {
            "normalise_inputs": self.config.normalise_inputs,
            "mask_padding": self.config.mask_padding,
            f"inputs {', '.join(self.config.inputs)}": bool(self.config.inputs),
        }
        return tuple(name for name, used in extras.items() if used)

    def learn_songs(self, songs: TrainingSongs) -> None:
        """Take the statistics of the inputs, where the configuration standardises them."""
        if self.config.normalise_inputs:
            self.set_input_statistics(*songs.input_statistics())

    def set_input_statistics(
        self, mean: Float[np.ndarray, " f"], deviation: Float[np.ndarray, " f"]
    ) -> None:
        """Store the training set's mean and deviation of each input; an input that never varies is
        only centred.
        """
        assert self.config.normalise_inputs
        self.input_mean.copy_(torch.from_numpy(mean))
        self.input_scale.copy_(torch.from_numpy(1 / np.where(deviation > 1e-6, deviation, 1.0)))

    def encode(
        self,
        video: Float[Tensor, "batch seconds f"],
        mask: Bool[Tensor, "batch 1 1 seconds"] | None = None,
    ) -> Float[Tensor, "batch seconds d"]:
        """The encoder's memory of the video; `mask` is True at seconds that exist."""
        if self.config.normalise_inputs:
            video = (video - self.input_mean) * self.input_scale
        x = self.positional_encoding_video(self.Linear_vis(video))
        for layer in self.transformer.encoder.layers:
            x = layer(x, mask)
        memory: Tensor = self.transformer.encoder.norm(x)
        return memory

    def _embed(
        self,
        tokens: Int64[Tensor, "batch length"],
        minor: Float[Tensor, "batch 1 1"],
        first: int = 0,
    ) -> Tensor:
        x = self.embedding_root(self.roots[tokens]) + self.embedding_attr(self.qualities[tokens])
        x = torch.cat([x, minor.to(x.dtype).expand(-1, x.shape[1], 1)], dim=-1)
        out: Tensor = self.positional_encoding(self.Linear_chord(x), first)
        return out

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
            lengths: seconds of each video that exist; used where the configuration masks padding.
        """
        mask = self._mask(video, lengths)
        memory = self.encode(video, mask)
        x = self._embed(tokens, minor[:, None, None])
        for layer in self._decoder_layers:
            x = layer(x, memory, mask)
        logits: Tensor = self.Wout(self.transformer.decoder.norm(x))
        return logits

    def _mask(self, video: Tensor, lengths: Tensor | None) -> Tensor | None:
        if not self.config.mask_padding or lengths is None:
            return None
        return (torch.arange(video.shape[1], device=video.device) < lengths[:, None])[:, None, None]

    def start(
        self,
        video: Float[Tensor, "batch seconds f"],
        minor: Float[Tensor, " batch"],
        lengths: Int64[Tensor, " batch"] | None = None,
        capacity: int | None = None,
    ) -> Cache:
        """A cache for writing up to `capacity` chords: the encoder runs once, here.

        Args:
            video: as in `forward`.
            minor: as in `forward`.
            lengths: as in `forward`.
            capacity: number of chords; `max_seconds` where None.
        """
        mask = self._mask(video, lengths)
        memory = self.encode(video, mask)
        room = capacity or self.config.max_seconds
        layers = []
        for layer in self._decoder_layers:
            k, v = layer.multihead_attn.keys_values(memory)
            empty = memory.new_empty(len(video), self.config.n_heads, room, self.config.d_head)
            layers.append(
                LayerCache(empty, torch.empty_like(empty), k.contiguous(), v.contiguous())
            )
        return Cache(layers, minor[:, None, None], mask)

    def prefill(
        self, tokens: Int64[Tensor, "batch length"], cache: Cache
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits for the chord after the last of `tokens`, which take an empty cache's first
        positions at once.
        """
        assert cache.position == 0
        x = self._embed(tokens, cache.minor)
        for layer, kept in zip(self._decoder_layers, cache.layers, strict=True):
            x = layer.prefill(x, kept, cache.memory_mask)
        cache.position = tokens.shape[1]
        logits: Tensor = self.Wout(self.transformer.decoder.norm(x[:, -1]))
        return logits

    def step(
        self, tokens: Int64[Tensor, " batch"], cache: Cache
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits for the chord after `tokens`, which take the cache's next position."""
        x = self._embed(tokens[:, None], cache.minor, cache.position)
        for layer, kept in zip(self._decoder_layers, cache.layers, strict=True):
            x = layer.step(x, kept, cache.position, cache.memory_mask)
        cache.position += 1
        logits: Tensor = self.Wout(self.transformer.decoder.norm(x))
        return logits[:, 0]

"""The published steps, computed plainly: what the benches compare with.

Encoder and decoder run in full for each chord; training takes one song a step, padded to 300
seconds, in float32. At each access every curve and label of a song is parsed from text, line by
line, and each second's emotion targets are chosen by comparing tensors of one number. The encoder's
attention is PyTorch's own; the decoder's is written out, for the published decoder asks for its
weights, averages them and throws them away. Dropout and Adam are PyTorch's. The weights are those
of a `VideoMusicTransformer`. The accuracies that the published evaluation takes beside the losses
are left out, for VMT takes them elsewhere.

Source: Kang et al. 2024, arXiv 2311.00968, and what its published loader, relative attention and
    epoch compute.
"""

import io

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vmt import chords
from vmt.dataset.songs import Batch, Song, collate
from vmt.model.attention import Attention
from vmt.model.loss import CHORD_WEIGHT, EMOTION_WEIGHT
from vmt.model.transformer import VideoMusicTransformer

ROWS = torch.from_numpy(chords.AFFECTIVE_TARGETS).float()
"""Emotion targets: the six emotions', then that of padding."""


def heads_of(part: Attention, x: Tensor, source: Tensor) -> list[Tensor]:
    """Queries, keys and values by head."""
    d = x.shape[-1]
    q = F.linear(x, part.in_proj_weight[:d], part.in_proj_bias[:d])
    k, v = F.linear(source, part.in_proj_weight[d:], part.in_proj_bias[d:]).chunk(2, -1)
    return [each.unflatten(-1, (part.n_heads, -1)).transpose(1, 2) for each in (q, k, v)]


def self_attention(part: Attention, x: Tensor, p: float) -> Tensor:
    """The encoder's, by PyTorch's own product."""
    found = F.scaled_dot_product_attention(*heads_of(part, x, x), dropout_p=p)
    return part.out_proj(found.transpose(1, 2).flatten(2))


def attention(part: Attention, x: Tensor, source: Tensor, p: float, causal: bool) -> Tensor:
    """The decoder's, written out, its weights averaged over heads as well."""
    q, k, v = heads_of(part, x, source)
    q = q * q.shape[-1] ** -0.5
    scores = q @ k.transpose(-2, -1)
    if part.Er is not None:
        length = q.shape[2]
        by_distance = torch.einsum("bhld,md->bhlm", q, part.Er[-length:])
        by_distance = by_distance * torch.ones(length, length).triu().flip(0)
        padded = F.pad(by_distance, (1, 0)).reshape(*q.shape[:2], length + 1, length)
        scores = scores + padded[:, :, 1:]
    if causal:
        scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
    weights = F.dropout(scores.softmax(-1), p, p > 0)
    weights.mean(1)
    return part.out_proj((weights @ v).transpose(1, 2).flatten(2))


def forward(
    model: VideoMusicTransformer, video: Tensor, tokens: Tensor, minor: Tensor, p: float = 0.0
) -> Tensor:
    """Logits after each of `tokens`, dropout `p`."""

    def drop(x: Tensor) -> Tensor:
        return F.dropout(x, p, p > 0)

    def feed_forward(layer: torch.nn.Module, x: Tensor) -> Tensor:
        return drop(layer.linear2(drop(F.relu(layer.linear1(x)))))

    memory = drop(model.Linear_vis(video) + model.positional_encoding_video.pe[: video.shape[1], 0])
    for layer in model.transformer.encoder.layers:
        memory = layer.norm1(memory + drop(self_attention(layer.self_attn, memory, p)))
        memory = layer.norm2(memory + feed_forward(layer, memory))
    memory = model.transformer.encoder.norm(memory)
    x = model.embedding_root(model.roots[tokens]) + model.embedding_attr(model.qualities[tokens])
    x = model.Linear_chord(torch.cat([x, minor[:, None, None].expand(-1, x.shape[1], 1)], -1))
    x = drop(x + model.positional_encoding.pe[: x.shape[1], 0])
    for layer in model.transformer.decoder.layers:
        x = layer.norm1(x + drop(attention(layer.self_attn, x, x, p, True)))
        x = layer.norm2(x + drop(attention(layer.multihead_attn, x, memory, p, False)))
        x = layer.norm3(x + feed_forward(layer, x))
    return model.Wout(model.transformer.decoder.norm(x))


@torch.inference_mode()
def generate(model: VideoMusicTransformer, video: Tensor, minor: Tensor, length: int) -> list[int]:
    """Chords one by one, everything computed again for each."""
    tokens = [1]
    while len(tokens) < length:
        logits = forward(model, video, torch.tensor([tokens]), minor)[0, -1, : chords.END]
        tokens.append(int(torch.multinomial(logits.softmax(-1), 1)))
    return tokens


class TextSongs:
    """Songs as the published dataset keeps them: text for every curve, parsed at each access."""

    def __init__(self, songs: list[Song]) -> None:
        self.ids = [each.id for each in songs]
        self.minor = [each.minor for each in songs]
        self.arrays = [self._npy(each.video[:, :-8]) for each in songs]
        self.texts = [self._text(each) for each in songs]

    @staticmethod
    def _npy(array: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    @staticmethod
    def _text(song: Song) -> list[str]:
        """Emotions, scene offset, motion, density, loudness and labels, a line a second."""
        curves = np.concatenate([song.video[:, -8:-6], song.rhythm], axis=1)
        emotions = "\n".join(
            f"{k} " + " ".join(f"{v:.4f}" for v in row) for k, row in enumerate(song.video[:, -6:])
        )
        single = ["\n".join(f"{k} {v:.4f}" for k, v in enumerate(column)) for column in curves.T]
        labels = "\n".join(f"{k} {chords.label(int(v))}" for k, v in enumerate(song.tokens))
        return [emotions, *single, labels]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[Batch, Tensor]:
        """A song as a batch, and its emotion targets."""
        semantic = np.load(io.BytesIO(self.arrays[index]))
        emotions, *single, labels = self.texts[index]
        rows = np.empty((len(semantic), 6), np.float32)
        for line in emotions.splitlines():
            second, *words = line.split(" ")
            rows[int(second)] = np.array([float(word) for word in words])
        curves = np.empty((len(semantic), 4), np.float32)
        for column, text in enumerate(single):
            for line in text.splitlines():
                second, word = line.split(" ")
                curves[int(second), column] = float(word)
        tokens = np.empty(len(semantic), np.int64)
        for line in labels.splitlines():
            second, word = line.split(" ")
            tokens[int(second)] = chords.token.__wrapped__(word)
        video = np.concatenate([semantic, curves[:, :2], rows], axis=1)
        song = Song(
            self.ids[index], video, rows.argmax(1), tokens, self.minor[index], curves[:, 2:]
        )
        batch = collate([song], 300, fixed=True)
        wanted = torch.zeros(batch.targets.shape[1], chords.VOCABULARY_SIZE)
        for second, emotion in enumerate(batch.emotions[0]):
            for number, row in enumerate(ROWS):
                if emotion == number:
                    wanted[second] = row
                    break
        return batch, wanted


def loss(model: VideoMusicTransformer, songs: TextSongs, index: int, p: float) -> Tensor:
    """The total loss of one song."""
    batch, wanted = songs[index]
    logits = forward(model, batch.video, batch.inputs, batch.minor, p)[0]
    chord = F.cross_entropy(logits, batch.targets[0], ignore_index=chords.PAD)
    return CHORD_WEIGHT * chord + EMOTION_WEIGHT * F.binary_cross_entropy_with_logits(
        logits, wanted
    )


def epoch(
    model: VideoMusicTransformer,
    optimizer: torch.optim.Optimizer,
    train: TextSongs,
    validation: TextSongs,
) -> None:
    """Train on each song, then measure both sets, song by song."""
    for index in range(len(train)):
        optimizer.zero_grad()
        loss(model, train, index, 0.1).backward()
        optimizer.step()
    with torch.no_grad():
        for part in (train, validation):
            sum(float(loss(model, part, index, 0.0)) for index in range(len(part)))


__all__ = ["TextSongs", "epoch", "forward", "generate", "loss"]

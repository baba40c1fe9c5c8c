"""The published steps, computed plainly: what the benches compare with.

Encoder and decoder run in full for each chord; training takes one song a step, padded to 300 seconds, in float32;
labels are parsed from text at each access and the emotion targets set row by row; attention is written out; dropout is
PyTorch's. The weights are those of a `VideoMusicTransformer`. The accuracies that the published code takes beside the
losses are left out, for VMT takes them elsewhere.

Source: Kang et al. 2024, arXiv 2311.00968, and the description of the published code in its paper and repository.
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

AFFECTIVE = torch.from_numpy(chords.AFFECTIVE_TARGETS).float()


def attention(part: Attention, x: Tensor, source: Tensor, p: float, causal: bool) -> Tensor:
    """Multi-head attention, written out."""
    d, heads = x.shape[-1], part.n_heads
    q = F.linear(x, part.in_proj_weight[:d], part.in_proj_bias[:d])
    k, v = F.linear(source, part.in_proj_weight[d:], part.in_proj_bias[d:]).chunk(2, -1)
    q, k, v = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (q, k, v))
    q = q * (d // heads) ** -0.5
    scores = q @ k.transpose(-2, -1)
    if part.Er is not None:
        length = q.shape[2]
        by_distance = torch.einsum("bhld,md->bhlm", q, part.Er[-length:])
        padded = F.pad(by_distance, (1, 0)).reshape(*q.shape[:2], length + 1, length)
        scores = scores + padded[:, :, 1:]
    if causal:
        scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
    weights = F.dropout(scores.softmax(-1), p, p > 0)
    return part.out_proj((weights @ v).transpose(1, 2).flatten(2))


def forward(model: VideoMusicTransformer, video: Tensor, tokens: Tensor, minor: Tensor, p: float = 0.0) -> Tensor:
    """Logits after each of `tokens`, dropout `p`."""

    def drop(x: Tensor) -> Tensor:
        return F.dropout(x, p, p > 0)

    def feed_forward(layer: torch.nn.Module, x: Tensor) -> Tensor:
        return drop(layer.linear2(drop(F.relu(layer.linear1(x)))))

    memory = drop(model.Linear_vis(video) + model.positional_encoding_video.pe[: video.shape[1], 0])
    for layer in model.transformer.encoder.layers:
        memory = layer.norm1(memory + drop(attention(layer.self_attn, memory, memory, p, False)))
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
        self.curves = [self._text(each) for each in songs]

    @staticmethod
    def _npy(array: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    @staticmethod
    def _text(song: Song) -> list[str]:
        columns = song.video[:, -8:]
        emotions = "\n".join(f"{k} " + " ".join(f"{v:.4f}" for v in row[2:]) for k, row in enumerate(columns))
        offset, motion = ("\n".join(f"{k} {v:.4f}" for k, v in enumerate(columns[:, i])) for i in (0, 1))
        labels = "\n".join(f"{k} {chords.label(int(v))}" for k, v in enumerate(song.tokens))
        return [emotions, offset, motion, labels]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[Batch, Tensor]:
        """A song as a batch, and its emotion targets."""
        semantic = np.load(io.BytesIO(self.arrays[index]))
        emotions, offset, motion, labels = self.curves[index]
        rows = [[float(word) for word in line.split()[1:]] for line in emotions.splitlines()]
        columns = [[[float(line.split()[1])] for line in text.splitlines()] for text in (offset, motion)]
        tokens = np.array([chords.token.__wrapped__(line.split()[1]) for line in labels.splitlines()])
        video = np.concatenate([semantic, *columns, rows], axis=1).astype(np.float32)
        rhythm = np.zeros((len(tokens), 2), np.float32)
        song = Song(self.ids[index], video, np.array(rows).argmax(1), tokens, self.minor[index], rhythm)
        batch = collate([song], 300, fixed=True)
        wanted = torch.zeros(batch.targets.shape[1], chords.VOCABULARY_SIZE)
        for second, emotion in enumerate(batch.emotions[0].tolist()):
            wanted[second] = AFFECTIVE[emotion]
        return batch, wanted


def loss(model: VideoMusicTransformer, songs: TextSongs, index: int, p: float) -> Tensor:
    """The total loss of one song."""
    batch, wanted = songs[index]
    logits = forward(model, batch.video, batch.inputs, batch.minor, p)[0]
    chord = F.cross_entropy(logits, batch.targets[0], ignore_index=chords.PAD)
    return CHORD_WEIGHT * chord + EMOTION_WEIGHT * F.binary_cross_entropy_with_logits(logits, wanted)


def epoch(
    model: VideoMusicTransformer, optimizer: torch.optim.Optimizer, train: TextSongs, validation: TextSongs
) -> None:
    """Train on each song, then measure both sets, song by song."""
    for index in range(len(train)):
        optimizer.zero_grad()
        loss(model, train, index, 0.1).backward()
        optimizer.step()
    with torch.no_grad():
        for part in (train, validation):
            sum(float(loss(model, part, index, 0.0)) for index in range(len(part)))


__all__ = ["TextSongs", "attention", "epoch", "forward", "generate", "loss"]

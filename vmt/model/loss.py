"""The affective loss: chord cross-entropy and the emotion term, song by song.

Source: Kang et al. 2024 (arXiv 2311.00968), section 4.3: 0.4 x chord + 0.6 x emotion.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from vmt import chords

CHORD_WEIGHT = 0.4
EMOTION_WEIGHT = 0.6


@dataclass(frozen=True)
class Losses:
    """Losses of each song."""

    chord: Float[Tensor, " batch"]
    emotion: Float[Tensor, " batch"]

    @property
    def total(self) -> Float[Tensor, " batch"]:
        """0.4 x chord + 0.6 x emotion."""
        return CHORD_WEIGHT * self.chord + EMOTION_WEIGHT * self.emotion


_AFFECTIVE = torch.from_numpy(chords.AFFECTIVE_TARGETS).float()


def losses(
    logits: Float[Tensor, "batch length vocabulary"],
    targets: Int64[Tensor, "batch length"],
    emotions: Int64[Tensor, "batch length"],
    *,
    count_padding: bool,
    label_smoothing: float = 0.0,
    weights: Float[Tensor, "batch length"] | None = None,
) -> Losses:
    """Losses of each song, so that a batch counts as its songs alone would.

    Args:
        logits: of the next chord, after each position.
        targets: the chord of the next second; END after the last, then PAD.
        emotions: 0 to 5, the strongest emotion of the target's second; `chords.PAST_END` past the
            end.
        count_padding: let PAD rows count in the emotion term, as the published code does.
        label_smoothing: share of the target spread over the vocabulary, 0 to 1.
        weights: how much each second counts in its song's chord loss; equally where None.
    """
    logits = logits.float()
    real = targets != chords.PAD
    chord = F.cross_entropy(
        logits.transpose(1, 2),
        targets,
        ignore_index=chords.PAD,
        reduction="none",
        label_smoothing=label_smoothing,
    )

    counted = real.float() if weights is None else real * weights
    chord_mean = (chord * counted).sum(1) / counted.sum(1).clamp(min=1)

    wanted = _AFFECTIVE.to(logits.device)[emotions]
    emotion = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(2)
    emotion_mean = (
        emotion.mean(1) if count_padding else (emotion * real).sum(1) / real.sum(1).clamp(min=1)
    )
    return Losses(chord_mean, emotion_mean)


def untilted(
    logits: Float[Tensor, "*shape vocabulary"],
    held: Int64[Tensor, "*shape"],
    change_weight: float | Float[Tensor, "*shape"],
) -> Float[Tensor, "*shape vocabulary"]:
    """Logits of the distribution of the songs, from those of a model whose training counted each
    change `change_weight` times: what holds the chord is that much more likely than it says.

    The normaliser stays, so that the sigmoids that the emotion term reads hardly move. One function
    for what is scored, what selects an epoch and what is sampled.

    Args:
        logits: of the next chord.
        held: the chord before it.
        change_weight: 1 leaves the logits as they are.
    """
    weight = torch.as_tensor(change_weight, dtype=torch.float32, device=logits.device)
    logits = logits.float()
    added = weight.log().expand(held.shape)[..., None]
    raised = logits.scatter_add(-1, held[..., None], added)
    return raised + (logits.logsumexp(-1, keepdim=True) - raised.logsumexp(-1, keepdim=True))

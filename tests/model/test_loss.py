"""The affective loss against a naive reading of its definition."""

import torch
from torch.nn import functional as F

from vmt import chords
from vmt.model.loss import losses


def naive(
    logits: torch.Tensor, targets: torch.Tensor, emotions: torch.Tensor, count_padding: bool
) -> tuple[float, float]:
    chord, emotion = [], []
    for row, target, mood in zip(logits, targets.tolist(), emotions.tolist(), strict=True):
        wanted = torch.zeros(chords.VOCABULARY_SIZE)
        if mood == chords.PAST_END:
            wanted[chords.PAD] = 1
        else:
            for quality in chords.AFFECTIVE[chords.EMOTIONS[mood]]:
                for root in chords.ROOTS:
                    wanted[chords.token(f"{root}:{quality}")] = 1
        if target != chords.PAD:
            chord.append(-row.log_softmax(0)[target].item())
        if target != chords.PAD or count_padding:
            emotion.append(F.binary_cross_entropy_with_logits(row, wanted).item())
    return sum(chord) / len(chord), sum(emotion) / len(emotion)


def test_definition() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 6, chords.VOCABULARY_SIZE)
    targets = torch.tensor(
        [[1, 5, 0, 44, 99, chords.END], [7, 8, chords.END, chords.PAD, chords.PAD, chords.PAD]]
    )
    emotions = torch.tensor([[0, 1, 2, 3, 4, 6], [5, 0, 6, 6, 6, 6]])
    for count_padding in (True, False):
        found = losses(logits, targets, emotions, count_padding=count_padding)
        for song in range(2):
            chord, emotion = naive(logits[song], targets[song], emotions[song], count_padding)
            torch.testing.assert_close(found.chord[song].item(), chord, atol=1e-5, rtol=0)
            torch.testing.assert_close(found.emotion[song].item(), emotion, atol=1e-5, rtol=0)
            torch.testing.assert_close(
                found.total[song].item(), 0.4 * chord + 0.6 * emotion, atol=1e-5, rtol=0
            )


def test_label_smoothing_moves_only_the_chord_term() -> None:
    logits, targets = torch.randn(1, 3, chords.VOCABULARY_SIZE), torch.tensor([[1, 2, 3]])
    emotions = torch.zeros(1, 3, dtype=torch.long)
    plain = losses(logits, targets, emotions, count_padding=True)
    smooth = losses(logits, targets, emotions, count_padding=True, label_smoothing=0.2)
    assert plain.chord != smooth.chord
    assert plain.emotion == smooth.emotion

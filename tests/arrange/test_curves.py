"""What was promised of whole batches: notes and loudness follow their curves, and cuts are
marked.
"""

from dataclasses import dataclass

import numpy as np
import pretty_midi
import pytest
from jaxtyping import Float32

from tests.arrange.songs import song
from vmt import chords
from vmt.arrange.arrangement import arrange, style_names
from vmt.arrange.plan import wanted_loudness
from vmt.audio.mastering import master
from vmt.audio.synthesis import SAMPLE_RATE, synthesize
from vmt.features import curves as music
from vmt.metrics.soundtrack import accents_heard, correlation, cut_hits
from vmt.synthetic import compose, truth

WORDS = (
    "C G A:min F",
    "C A:min F G",
    "A:min F C G",
    "C F A:min G:7",
    "D:min7 G:7 C:maj7 A:min7",
    "A:min D:min F E",
)

LONG = pytest.mark.long


@dataclass(frozen=True)
class Wish:
    """Curves as flat as a regressor's: they deviate by 0.7 to 1.8 notes, and by 7 to 20 % of the
    loudness.
    """

    labels: tuple[str, ...]
    note_density: Float32[np.ndarray, " time"]
    loudness: Float32[np.ndarray, " time"]

    def arranged(self, style: str) -> pretty_midi.PrettyMIDI:
        return arrange(
            self.labels,
            chords.Key(0, minor=False),
            note_density=self.note_density,
            loudness=self.loudness,
            duration_s=len(self.labels) - 0.24,
            style=style,
            cuts_s=[5.2, 13.7, 21.1],
        )


def wish(number: int, seconds: int = 40) -> Wish:
    rng = np.random.default_rng(number)
    labels = song(f"{WORDS[number % len(WORDS)]} " * 10, each_s=(2, 3, 4)[number % 3]).labels[
        :seconds
    ]
    curves = []
    for mean, spread in (
        (rng.uniform(8, 14), rng.uniform(0.7, 1.8)),
        (0.1, rng.uniform(0.007, 0.02)),
    ):
        walk = np.convolve(np.cumsum(rng.normal(size=seconds + 4)), np.ones(5) / 5, mode="valid")
        curves.append((mean + spread * (walk - walk.mean()) / walk.std()).astype(np.float32))
    return Wish(labels, *curves)


def loudness_follows(each: Wish, style: str) -> float:
    sound = synthesize(each.arranged(style), duration_s=len(each.labels) - 0.24)
    mastered = master(sound, SAMPLE_RATE, level=wanted_loudness(each.loudness)).mean(axis=0)
    return correlation(music.loudness(mastered, SAMPLE_RATE, len(each.labels)), each.loudness)


@pytest.mark.parametrize("style", style_names())
def test_notes_follow_flat_curves_in_every_style(style: str) -> None:
    found = [
        correlation(
            music.note_density(music.midi_notes(each.arranged(style)), len(each.labels)),
            each.note_density,
        )
        for each in map(wish, range(6))
    ]
    assert np.mean(found) >= 0.8


@pytest.mark.parametrize("style", ["piano", "band"])
def test_loudness_follows_a_flat_curve(style: str) -> None:
    assert loudness_follows(wish(2), style) >= 0.8


@pytest.mark.long
@pytest.mark.parametrize("style", style_names())
def test_loudness_follows_flat_curves_in_every_style(style: str) -> None:
    assert np.mean([loudness_follows(wish(number), style) for number in range(6)]) >= 0.8


@pytest.mark.parametrize(
    "style", [one if one == "band" else pytest.param(one, marks=LONG) for one in style_names()]
)
def test_cuts_of_the_demos_videos_are_marked(style: str) -> None:
    """With their own chords, under curves that know nothing of the cuts; the gain over moved music
    is over 0.
    """
    hits = []
    for index in range(20):
        each = compose(index, 0)
        labels = each.each_second()
        cuts_s = [float(cut) for cut in truth(each)["cuts_s"]]  # type: ignore[attr-defined]
        wave = np.sin(np.arange(len(labels)) / 5).astype(np.float32)
        midi = arrange(
            labels,
            each.key,
            note_density=8 + 2 * wave,
            loudness=0.1 + 0.02 * wave,
            duration_s=each.duration_s,
            cuts_s=cuts_s,
            style=style,
            accents=1.0,
            seed=index,
        )
        hits.append(cut_hits(midi, cuts_s, each.duration_s, shifts=60, seed=index))
    found = accents_heard(hits)
    assert found["cuts"] > 100
    assert found["share"] >= 0.9
    assert found["low"] > 0

"""How like real songs a model's own songs are, with VMT's sampling and with AMT's rules on the same
model.

    VMT_TEST_DATA=... python -m tests.bench.free_running STORE RUN

Each validation song of the packed MuVi-Sync is written anew from its first chord, three times: with
the picture and the length of the video. AMT's rules are those of its published generation: never N,
and never a chord for a third second. Of each song four numbers are taken; printed are their means,
and for both ways of sampling how far the mean is from that of the real songs, and the Wasserstein
distance between the two distributions over songs.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64
from scipy.stats import wasserstein_distance
from torch import Tensor

from tests.bench.recipe import full
from vmt import chords
from vmt.catalog.runs import Run
from vmt.dataset.songs import Song
from vmt.model.chord_model import ChordModel, begin
from vmt.model.sampling import Request, sample_chords
from vmt.store import open_store

SAMPLES = 3
SECONDS = 300
CPU = torch.device("cpu")
Tokens = Int64[np.ndarray, " _"]


def runs(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """Each chord in turn, and for how many seconds it is held."""
    starts = np.flatnonzero(np.append(True, tokens[1:] != tokens[:-1]))
    return tokens[starts], np.diff(np.append(starts, len(tokens)))


def pattern_return(tokens: Tokens) -> float:
    """Share of the song's patterns of four chords in a row that were there before; nan under five
    chords.
    """
    changes = runs(tokens)[0].tolist()
    patterns = [tuple(changes[index : index + 4]) for index in range(len(changes) - 3)]
    return 1 - len(set(patterns)) / len(patterns) if len(patterns) > 1 else float("nan")


MEASURES: dict[str, Callable[[Tokens], float]] = {
    "chord duration, s": lambda tokens: float(runs(tokens)[1].mean()),
    "chord vocabulary": lambda tokens: float(len(set(tokens.tolist()))),
    "share of N": lambda tokens: float((tokens == chords.N).mean()),
    "4-chord patterns that return": pattern_return,
}


def by_vmt(
    model: ChordModel, songs: Sequence[Song], sample: int, change_weight: float
) -> list[Tokens]:
    """As `vmt generate` samples."""
    requests = [
        Request(
            song.video[:SECONDS],
            song.minor,
            (int(song.tokens[0]),),
            (sample, number),
            change_weight=change_weight,
        )
        for number, song in enumerate(songs)
    ]
    return sample_chords(model, requests, CPU)


@torch.inference_mode()
def by_amt(model: ChordModel, songs: Sequence[Song], sample: int) -> list[Tokens]:
    """By AMT's rules, one song at a time."""
    found = []
    for number, song in enumerate(songs):
        chance = torch.Generator().manual_seed(1000 * sample + number)
        video = torch.from_numpy(song.video[None, :SECONDS])
        seconds = video.shape[1]
        minor, lengths = torch.tensor([float(song.minor)]), torch.tensor([seconds])
        writing = begin(model, video, minor, lengths, seconds)
        tokens = [int(song.tokens[0])]
        logits = writing.prefill(torch.tensor([tokens]))
        while len(tokens) < seconds:
            tokens.append(_by_rule(logits[0], tokens, chance))
            if len(tokens) < seconds:
                logits = writing.step(torch.tensor(tokens[-1:]))
        found.append(np.array(tokens))
    return found


def _by_rule(logits: Tensor, tokens: list[int], chance: torch.Generator) -> int:
    likely = logits[: chords.END].float().softmax(-1)
    likely[chords.N] = 0
    if tokens[-2:] == tokens[-1:] * 2:
        likely[tokens[-1]] = 0
    return int(torch.multinomial(likely, 1, generator=chance))


def values(
    songs: Sequence[Tokens], measure: Callable[[Tokens], float]
) -> Float64[np.ndarray, " _"]:
    """A number of each song that has it."""
    found = np.array([measure(song) for song in songs])
    return found[np.isfinite(found)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store")
    parser.add_argument("run")
    arguments = parser.parse_args()
    packed = Path(os.environ["VMT_TEST_DATA"]) / "muvi-sync-full" / "features-pca128.safetensors"
    songs = full(packed)["validation"]
    run = Run(open_store(arguments.store), arguments.run)
    model = run.transformer(run.best_epoch())
    weight = run.parameters()["train"]["change_weight"]
    real = [song.tokens[:SECONDS] for song in songs]
    vmt = [each for sample in range(SAMPLES) for each in by_vmt(model, songs, sample, weight)]
    amt = [each for sample in range(SAMPLES) for each in by_amt(model, songs, sample)]
    print(f"{'mean (off by; Wasserstein)':32s}{'real':>10s}{'VMT':>28s}{'AMT rules':>28s}")
    for name, measure in MEASURES.items():
        own = values(real, measure)
        cells = [
            f"{found.mean():.3f} ({abs(found.mean() - own.mean()):.3f}; "
            f"{wasserstein_distance(own, found):.3f})"
            for found in (values(vmt, measure), values(amt, measure))
        ]
        print(f"{name:32s}{own.mean():10.3f}{cells[0]:>28s}{cells[1]:>28s}", flush=True)


if __name__ == "__main__":
    main()

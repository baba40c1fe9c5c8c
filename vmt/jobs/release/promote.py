"""Which run serves: promotion and rollback, and the gate that judges a challenger.

`models/champion.json` moves by a conditional write and keeps its history. Rolling back undoes the
last promotion that was not undone yet, so that rolling back twice undoes two.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from vmt.catalog import datasets
from vmt.catalog.runs import Champion, Run, crown, now, read_champion
from vmt.dataset.songs import Song
from vmt.errors import TrainingError
from vmt.hardware import choose_device
from vmt.jobs.train.best_epoch import best_epoch, check_weights
from vmt.runtime.events import OnEvent, ignore, thread_map
from vmt.store import ObjectStore
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective

ENOUGH_SONGS = 10
MARGIN = 0.01
"""By how much a challenger's mean chord NLL must be lower, in nats."""
_SURE = 0.95
_RESAMPLES = 2000


def promote(
    store: ObjectStore, run: str, epoch: int | None = None, *, on_event: OnEvent = ignore
) -> Champion:
    """Make a run's epoch, or its best one, the champion.

    Raises:
        TrainingError: if the run or the epoch's weights are not in the store, or these are damaged.
        WeightsError: if the weights cannot be read.
        PreconditionFailed: if another writer moved the pointer meanwhile.
    """
    chosen = Run(store, run)
    chosen.parameters()
    number = best_epoch(store, run).epoch if epoch is None else epoch
    sha256 = check_weights(chosen, number)
    before = read_champion(store)
    champion = crown(store, run, number, now())
    if before is None or (before.run, before.epoch) != (run, number):
        on_event("vmt.promoted", _promoted(champion, before, sha256, rolled_back=False))
    return champion


def rollback(store: ObjectStore, *, on_event: OnEvent = ignore) -> Champion:
    """Let the one that served before serve again.

    Raises:
        TrainingError: if nothing served before, or its weights are gone or damaged.
        WeightsError: if its weights cannot be read.
        PreconditionFailed: if another writer moved the pointer meanwhile.
    """
    present = read_champion(store)
    if present is None:
        raise TrainingError(f"store {store.url}: no champion yet, so none to roll back from")
    earlier: list[dict[str, Any]] = []
    for each in present.history:
        if each.get("rolled_back"):
            earlier.pop()  # the rollback brought it back
        else:
            earlier.append(each)
    if not earlier:
        raise TrainingError(
            f"{present.run} epoch {present.epoch}: nothing served before it; promote another "
            "by name"
        )
    target = earlier[-1]
    sha256 = check_weights(Run(store, target["run"]), target["epoch"])
    champion = crown(store, target["run"], target["epoch"], now(), back_from=present)
    on_event("vmt.promoted", _promoted(champion, present, sha256, rolled_back=True))
    return champion


def _promoted(
    champion: Champion, before: Champion | None, sha256: str, *, rolled_back: bool
) -> dict[str, Any]:
    return {
        "run": champion.run,
        "epoch": champion.epoch,
        "since": champion.since,
        "weights_sha256": sha256,
        "before": None if before is None else {"run": before.run, "epoch": before.epoch},
        "rolled_back": rolled_back,
    }


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a challenger.

    Attributes:
        better: whether it should serve.
        reason: the sentence that says why.
        run: the challenger.
        epoch: its best epoch, the one that would serve.
        new: its mean chord NLL on the test songs; None where no songs decided.
        old: the champion's.
        songs: how many decided.
    """

    better: bool
    reason: str
    run: str
    epoch: int
    new: float | None = None
    old: float | None = None
    songs: int = 0


def judge(store: ObjectStore, run: str, *, margin: float = MARGIN, device: str = "auto") -> Verdict:
    """Whether `run` beats the champion on the test songs of the newest version of its dataset;
    promotes nothing.

    Both models score the same songs by chord NLL. With ten songs or more the paired bootstrap over
    songs decides: the challenger's mean must be lower by over `margin` nats in 95 % of resamples.
    With fewer the means decide by the same margin, and the reason says that the evidence is thin.

    Raises:
        TrainingError: if no epoch of `run` can serve.
    """
    champion, challenger = read_champion(store), Run(store, run)
    epoch = best_epoch(store, run).epoch
    if champion is None:
        return Verdict(True, "there was no champion", run, epoch)
    if (champion.run, champion.epoch) == (run, epoch):
        return Verdict(False, f"{run} serves already", run, epoch)
    own, theirs = challenger.parameters(), Run(store, champion.run).parameters()
    if own["extractor"] != theirs["extractor"]:
        gone = (
            f"the champion {champion.run} reads features of {theirs['extractor']}, no longer "
            "extracted"
        )
        return Verdict(True, gone, run, epoch)
    dataset = own["dataset"] or theirs["dataset"]
    if dataset is None:
        return Verdict(
            False,
            f"neither run names a dataset to decide by; `vmt promote {run}` promotes",
            run,
            epoch,
        )
    version = datasets.read(store, datasets.resolve(store, dataset.partition("@")[0]))
    songs = datasets.load_songs(store, version, thread_map, ("test",))["test"]
    if not songs:
        reason = (
            f"{version.ref} has no test songs to decide by; `vmt promote {run}` promotes by hand"
        )
        return Verdict(False, reason, run, epoch)
    new = song_nlls(challenger, epoch, songs, device)
    old = song_nlls(Run(store, champion.run), champion.epoch, songs, device)
    better, reason = decide(new, old, margin)
    return Verdict(better, reason, run, epoch, float(new.mean()), float(old.mean()), len(songs))


def song_nlls(
    run: Run, epoch: int, songs: list[Song], device: str
) -> Float64[np.ndarray, " songs"]:
    """Chord NLL of each song under a run's epoch."""
    chosen = choose_device(device)
    model = run.transformer(epoch).to(chosen)
    weight = (run.parameters()["train"] or {}).get("change_weight", 1.0)
    objective = ChordObjective(model, TrainConfig(change_weight=weight))
    return np.array([objective.scores([song], chosen, "float32")[1] for song in songs])


def decide(
    new: Float64[np.ndarray, " songs"], old: Float64[np.ndarray, " songs"], margin: float = MARGIN
) -> tuple[bool, str]:
    """Whether the challenger's NLLs beat the champion's on the same songs by over `margin`, and
    why.
    """
    compared = f"{new.mean():.4f} against {old.mean():.4f} chord NLL on {len(new)} test songs"
    if len(new) < ENOUGH_SONGS:
        thin = f"fewer than {ENOUGH_SONGS} songs, so the evidence is thin"
        return bool(
            old.mean() - new.mean() > margin
        ), f"{compared}; a margin of {margin:g} decides; {thin}"
    draws = np.random.default_rng(0).integers(len(new), size=(_RESAMPLES, len(new)))
    share = float(((old - new)[draws].mean(1) > margin).mean())
    return (
        share >= _SURE,
        f"{compared}; lower by over {margin:g} in {share:.1%} of resamples, {_SURE:.0%} decide",
    )

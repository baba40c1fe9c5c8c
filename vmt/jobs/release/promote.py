"""Which run serves: promotion and rollback, and the gate that judges a challenger.

`models/champion.json` moves by a conditional write and keeps its history. Rolling back undoes the
last promotion that was not undone yet, so that rolling back twice undoes two.
"""

import numpy as np
from jaxtyping import Float64

from vmt.catalog import datasets
from vmt.catalog.records.nights import GateVerdict
from vmt.catalog.records.runs import Champion, FormerChampion
from vmt.catalog.runs import Run, now, read_champion, set_champion
from vmt.dataset.songs import Song
from vmt.errors import TrainingError
from vmt.hardware import choose_device
from vmt.jobs.train.best_epoch import best_epoch, check_weights
from vmt.metrics.bootstrap import share_above
from vmt.runtime.events import OnEvent, ignore, thread_map
from vmt.store import ObjectStore
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective

ENOUGH_SONGS = 10
MARGIN = 0.01
"""By how much a challenger's mean chord NLL must be lower, in nats."""
_SURE = 0.95


def promote(
    store: ObjectStore, run: str, epoch: int | None = None, *, on_event: OnEvent = ignore
) -> Champion:
    """Make a run's epoch, or its best one, the champion.

    Args:
        store: the store.
        run: its name.
        epoch: its best one where None.
        on_event: is told of the new champion.

    Raises:
        TrainingError: if the run or the epoch's weights are not in the store, or these are damaged.
        WeightsError: if the weights cannot be read.
        PreconditionFailed: if another writer moved the pointer meanwhile.
    """
    named = Run(store, run)
    named.parameters()
    number = best_epoch(store, run).epoch if epoch is None else epoch
    sha256 = check_weights(named, number)
    before = read_champion(store)
    champion = set_champion(store, run, number, now())
    if before is None or (before.run, before.epoch) != (run, number):
        on_event("vmt.promoted", _promoted(champion, before, sha256, rolled_back=False))
    return champion


def rollback(store: ObjectStore, *, on_event: OnEvent = ignore) -> Champion:
    """Make the champion before the present one the champion again.

    Raises:
        TrainingError: if nothing served before, or its weights are gone or damaged.
        WeightsError: if its weights cannot be read.
        PreconditionFailed: if another writer moved the pointer meanwhile.
    """
    present = read_champion(store)
    if present is None:
        raise TrainingError(f"store {store.url}: no champion yet, so none to roll back from")
    target = _served_before(present)
    if target is None:
        raise TrainingError(
            f"{present.run} epoch {present.epoch}: nothing served before it; promote another "
            "by name"
        )
    sha256 = check_weights(Run(store, target.run), target.epoch)
    champion = set_champion(store, target.run, target.epoch, now(), back_from=present)
    on_event("vmt.promoted", _promoted(champion, present, sha256, rolled_back=True))
    return champion


def _served_before(present: Champion) -> FormerChampion | None:
    """The champion before the last promotion that was not rolled back."""
    earlier: list[FormerChampion] = []
    for past in present.history:
        if past.rolled_back:
            earlier.pop()  # the rollback made it the champion again
        else:
            earlier.append(past)
    return earlier[-1] if earlier else None


def _promoted(
    champion: Champion, before: Champion | None, sha256: str, *, rolled_back: bool
) -> dict[str, object]:
    return {
        "run": champion.run,
        "epoch": champion.epoch,
        "since": champion.since,
        "weights_sha256": sha256,
        "before": None if before is None else {"run": before.run, "epoch": before.epoch},
        "rolled_back": rolled_back,
    }


def judge(
    store: ObjectStore, run: str, *, margin: float = MARGIN, device: str = "auto"
) -> GateVerdict:
    """Whether `run` beats the champion on the test songs of the newest version of its dataset;
    promotes nothing.

    Both models score the same songs by chord NLL. With ten songs or more the paired bootstrap over
    songs decides: the challenger's mean must be lower by over `margin` nats in 95 % of resamples.
    With fewer the means decide by the same margin, and the reason says that the evidence is thin.

    Args:
        store: the store.
        run: the challenger.
        margin: in nats.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        TrainingError: if no epoch of `run` can serve.
    """
    champion, challenger = read_champion(store), Run(store, run)
    epoch = best_epoch(store, run).epoch

    def undecided(better: bool, reason: str) -> GateVerdict:
        return GateVerdict(better, reason, run, epoch, margin=margin)

    # What needs no songs to decide.
    if champion is None:
        return undecided(True, "there was no champion")
    if (champion.run, champion.epoch) == (run, epoch):
        return undecided(False, f"{run} serves already")
    own, theirs = challenger.parameters(), Run(store, champion.run).parameters()
    if own.extractor != theirs.extractor:
        return undecided(
            True,
            f"the champion {champion.run} reads features of {theirs.extractor}, no longer "
            "extracted",
        )
    dataset = own.dataset or theirs.dataset
    if dataset is None:
        return undecided(
            False, f"neither run names a dataset to decide by; `vmt promote {run}` promotes"
        )
    version = datasets.read(store, datasets.resolve(store, dataset.partition("@")[0]))
    songs = datasets.load_songs(store, version, thread_map, ("test",))["test"]
    if not songs:
        return undecided(
            False,
            f"{version.ref} has no test songs to decide by; `vmt promote {run}` promotes by hand",
        )

    new = song_nlls(challenger, epoch, songs, device)
    old = song_nlls(Run(store, champion.run), champion.epoch, songs, device)
    better, reason = decide(new, old, margin)
    return GateVerdict(
        better, reason, run, epoch, float(new.mean()), float(old.mean()), len(songs), margin
    )


def song_nlls(
    run: Run, epoch: int, songs: list[Song], device: str
) -> Float64[np.ndarray, " songs"]:
    """Chord NLL of each song under a run's epoch, in nats.

    Args:
        run: whose model predicts.
        epoch: of the run.
        songs: to predict.
        device: `auto`, `cpu` or `cuda`.
    """
    place = choose_device(device)
    model = run.transformer(epoch).to(place)
    train = run.parameters().train  # of which the weight of changes is taken out
    weight = 1.0 if train is None else train.change_weight
    objective = ChordObjective(model, TrainConfig(change_weight=weight))
    return np.array([objective.scores([song], place, "float32")[1] for song in songs])


def decide(
    new: Float64[np.ndarray, " songs"], old: Float64[np.ndarray, " songs"], margin: float = MARGIN
) -> tuple[bool, str]:
    """Whether the challenger's NLLs beat the champion's on the same songs by over `margin`, and
    why.

    Args:
        new: of the challenger, in nats.
        old: of the champion.
        margin: in nats.
    """
    compared = f"{new.mean():.4f} against {old.mean():.4f} chord NLL on {len(new)} test songs"
    if len(new) < ENOUGH_SONGS:
        thin = f"fewer than {ENOUGH_SONGS} songs, so the evidence is thin"
        better = bool(old.mean() - new.mean() > margin)
        return better, f"{compared}; a margin of {margin:g} decides; {thin}"
    share = share_above(old - new, margin)
    return (
        share >= _SURE,
        f"{compared}; lower by over {margin:g} in {share:.1%} of resamples, {_SURE:.0%} decide",
    )

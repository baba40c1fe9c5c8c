"""Which run serves: promotion by hand, and the gate through which a challenger passes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from vmt.dataset import versions
from vmt.dataset.songs import Song
from vmt.errors import TrainingError
from vmt.hardware import choose_device
from vmt.jobs.events import OnEvent, ignore, thread_map
from vmt.store import ObjectStore
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective
from vmt.training.registry import Champion, Run, crown, now, read_champion

ENOUGH_SONGS = 10
_RESAMPLES = 2000


def promote(store: ObjectStore, run: str, epoch: int | None = None, *, on_event: OnEvent = ignore) -> Champion:
    """Make a run's epoch, or the one it selected, the champion.

    Raises:
        TrainingError: if the run or the epoch's weights are not in the store.
        PreconditionFailed: if another writer moved the pointer meanwhile.
    """
    chosen = Run(store, run)
    chosen.parameters()
    number = chosen.best_epoch() if epoch is None else epoch
    if store.head(chosen.weights_key(number)) is None:
        raise TrainingError(f"run {run} has no weights of epoch {number}; it selected epoch {chosen.best_epoch()}")
    champion = crown(store, run, number, now())
    on_event("vmt.promoted", {"run": run, "epoch": number, "since": champion.since})
    return champion


@dataclass(frozen=True)
class Verdict:
    """Whether a challenger takes over, and the sentence that says why."""

    promoted: bool
    reason: str


def challenge(store: ObjectStore, run: str, *, device: str = "auto", on_event: OnEvent = ignore) -> Verdict:
    """Promote `run` if it beats the champion on the test songs of the newest version of its dataset.

    Both models score the same songs by chord NLL. With ten songs or more the paired bootstrap over songs decides: the
    challenger's mean must be lower in 95 % of resamples. With fewer the better mean serves, and the reason says that
    the evidence is thin.
    """
    champion = read_champion(store)
    challenger = Run(store, run)
    if champion is None:
        promote(store, run, on_event=on_event)
        return Verdict(True, f"{run} serves: there was no champion")
    if champion.run == run and champion.epoch == challenger.best_epoch():
        return Verdict(False, f"{run} serves already")
    own = challenger.parameters()
    theirs = Run(store, champion.run).parameters()
    if own["extractor"] != theirs["extractor"]:
        promote(store, run, on_event=on_event)
        return Verdict(
            True,
            f"{run} serves: the champion {champion.run} reads features of {theirs['extractor']}, no longer extracted",
        )
    dataset = own["dataset"] or theirs["dataset"]
    if dataset is None:
        return Verdict(False, f"{champion.run} stays: neither run names a dataset to decide by; promote {run} by hand")
    version = versions.read(store, versions.resolve(store, dataset.partition("@")[0]))
    songs = versions.load_songs(store, version, thread_map, ("test",))["test"]
    if not songs:
        return Verdict(
            False,
            f"{champion.run} stays: {version.ref} has no test songs to decide by; `vmt promote {run}` promotes by hand",
        )
    new = song_nlls(challenger, challenger.best_epoch(), songs, device)
    old = song_nlls(Run(store, champion.run), champion.epoch, songs, device)
    verdict = decide(new, old, run, champion.run)
    if verdict.promoted:
        promote(store, run, on_event=on_event)
    return verdict


def song_nlls(run: Run, epoch: int, songs: list[Song], device: str) -> Float64[np.ndarray, " songs"]:
    """Chord NLL of each song under a run's epoch."""
    chosen = choose_device(device)
    model = run.transformer(epoch).to(chosen)
    objective = ChordObjective(model, TrainConfig())
    return np.array([objective.scores([song], chosen, "float32")[1] for song in songs])


def decide(
    new: Float64[np.ndarray, " songs"], old: Float64[np.ndarray, " songs"], challenger: str, champion: str
) -> Verdict:
    """Whether the challenger's NLLs beat the champion's on the same songs."""
    compared = f"{new.mean():.4f} against {old.mean():.4f} chord NLL on {len(new)} test songs"
    better = bool(new.mean() < old.mean())
    if len(new) < ENOUGH_SONGS:
        thin = f"{compared}; fewer than {ENOUGH_SONGS} songs, so the evidence is thin"
        return Verdict(better, f"{challenger} serves: {thin}" if better else f"{champion} stays: {thin}")
    draws = np.random.default_rng(0).integers(len(new), size=(_RESAMPLES, len(new)))
    share = float(((new - old)[draws].mean(1) < 0).mean())
    sure = f"{compared}; lower in {share:.1%} of resamples"
    return Verdict(share >= 0.95, f"{challenger} serves: {sure}" if share >= 0.95 else f"{champion} stays: {sure}")

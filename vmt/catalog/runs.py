"""What a run keeps in the store, who trains it, and which run serves.

`Run` reads and writes a run's records and tables. `TrainingLease` says which process trains it.
`Champion` is the pointer to the run that serves, moved by conditional writes that keep its history.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vmt.catalog import documents, keys
from vmt.catalog.keys import Part
from vmt.catalog.records.runs import (
    BestEpochs,
    Champion,
    FormerChampion,
    LeaseRecord,
    LoopState,
    RunParameters,
    RunSummary,
    RunVerdict,
    WeightHashes,
)
from vmt.errors import ObjectNotFound, PreconditionFailed, RunTaken, TrainingError
from vmt.store import ObjectStore
from vmt.training.results import EpochResult, from_csv, to_csv

if TYPE_CHECKING:
    from vmt.model.chord_model import ChordModel
    from vmt.model.mode import ModeModel
    from vmt.model.regressor import VideoRegressor

__all__ = ["Champion", "Run", "TrainingLease", "now", "read_champion", "runs", "set_champion"]


def now() -> str:
    """The time as the store writes it: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Run:
    """The objects of one run."""

    store: ObjectStore
    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name):
            raise TrainingError(
                f"run {self.name!r}: a name has letters, digits, '.', '_' and '-', at most 100"
            )

    # Records.

    def saved_parameters(self) -> RunParameters | None:
        """The run's parameters; None where there is no such run."""
        return documents.read(self.store, keys.model_params(self.name), RunParameters)

    def parameters(self) -> RunParameters:
        """The run's parameters.

        Raises:
            TrainingError: if there is no such run.
        """
        parameters = self.saved_parameters()
        if parameters is None:
            raise TrainingError(f"run {self.name}: not in the store; `vmt runs` lists what is")
        return parameters

    def write_parameters(self, parameters: RunParameters) -> None:
        """Write the run's parameters."""
        documents.write(self.store, keys.model_params(self.name), parameters)

    def summary(self) -> RunSummary | None:
        """The run's summary; None before its first epoch."""
        return documents.read(self.store, keys.summary(self.name), RunSummary)

    def write_summary(self, summary: RunSummary) -> None:
        """Write the run's summary."""
        documents.write(self.store, keys.summary(self.name), summary)

    def best_epochs(self) -> BestEpochs | None:
        """The run's best epochs; None before its first epoch."""
        return documents.read(self.store, keys.best_epochs(self.name), BestEpochs)

    def write_best_epochs(self, best: BestEpochs) -> None:
        """Write the run's best epochs."""
        documents.write(self.store, keys.best_epochs(self.name), best)

    def best_epoch(self) -> int:
        """The epoch that the run selects.

        Raises:
            TrainingError: if no epoch is finished.
        """
        best = self.best_epochs()
        if best is None:
            raise TrainingError(
                f"run {self.name}: no epoch is finished yet; start `vmt train` again to resume"
            )
        return best.selected

    def verdict(self) -> RunVerdict | None:
        """What the gate decided about the run; None where it was not judged."""
        return documents.read(self.store, keys.verdict(self.name), RunVerdict)

    def write_verdict(self, verdict: RunVerdict) -> None:
        """Write what the gate decided; from then on the run counts as judged."""
        documents.write(self.store, keys.verdict(self.name), verdict)

    def loop(self, part: Part = keys.CHORDS) -> LoopState | None:
        """Where the training of a part resumes; None where nothing is trained yet."""
        return documents.read(self.store, keys.loop(self.name, part), LoopState)

    def write_loop(self, loop: LoopState, part: Part = keys.CHORDS) -> None:
        """Write where the training of a part resumes."""
        documents.write(self.store, keys.loop(self.name, part), loop)

    def weight_hash(self, epoch: int) -> str | None:
        """The SHA-256 of an epoch's weights, as training wrote it down; None where it did not."""
        hashes = documents.read(self.store, keys.weight_hashes(self.name), WeightHashes)
        return hashes.epochs.get(str(epoch)) if hashes is not None else None

    def write_weight_hash(self, epoch: int, sha256: str, part: Part = keys.CHORDS) -> None:
        """Write down the SHA-256 of an epoch's weights.

        Args:
            epoch: its number.
            sha256: of its weights.
            part: of the run.
        """

        def added(known: WeightHashes | None) -> WeightHashes:
            return WeightHashes({**(known.epochs if known else {}), str(epoch): sha256})

        documents.update(self.store, keys.weight_hashes(self.name, part), WeightHashes, added)

    # Tables and weights.

    def results(self, part: Part = keys.CHORDS) -> list[EpochResult]:
        """The rows of results.csv; none before epoch 0 is measured."""
        try:
            return from_csv(self.store.get(keys.results(self.name, part)))
        except ObjectNotFound:
            return []

    def write_results(
        self, rows: Sequence[EpochResult], columns: Sequence[str], part: Part = keys.CHORDS
    ) -> None:
        """Write results.csv.

        Args:
            rows: one an epoch.
            columns: their names.
            part: of the run.
        """
        self.store.put(keys.results(self.name, part), to_csv(rows, columns))

    def weights_key(self, epoch: int) -> str:
        """The key of an epoch's weights."""
        return keys.weights(self.name, epoch)

    def weights(self, epoch: int) -> bytes:
        """An epoch's weights.

        Raises:
            TrainingError: if that epoch has none.
        """
        try:
            return self.store.get(self.weights_key(epoch))
        except ObjectNotFound as error:
            rows = self.results()
            known = (
                f"its table has {rows[0].epoch} to {rows[-1].epoch}"
                if rows
                else "no epoch is finished"
            )
            raise TrainingError(
                f"run {self.name} has no weights of epoch {epoch}; {known}"
            ) from error

    def transformer(self, epoch: int) -> "ChordModel":
        """The chord model of an epoch, in eval mode."""
        from vmt.model.checkpoints import load_transformer  # loads PyTorch

        return load_transformer(self.weights(epoch), self.weights_key(epoch))

    def regressor(self) -> "VideoRegressor":
        """The biGRU's best epoch, in eval mode.

        Raises:
            TrainingError: if the run has none.
        """
        from vmt.model.checkpoints import load_regressor  # loads PyTorch

        key = keys.best_weights(self.name, keys.RHYTHM)
        try:
            return load_regressor(self.store.get(key), key)
        except ObjectNotFound as error:
            raise TrainingError(
                f"run {self.name}: its biGRU is not trained; start `vmt train` again to finish "
                "the run"
            ) from error

    def mode(self) -> "ModeModel":
        """The model of major and minor; one that knows MuVi-Sync's share of minor alone where the
        run has none, as runs of older versions.
        """
        from vmt.model.checkpoints import load_mode  # loads PyTorch
        from vmt.model.mode import constant_mode

        key = keys.mode_weights(self.name)
        try:
            return load_mode(self.store.get(key), key)
        except ObjectNotFound:
            return constant_mode()


@dataclass(frozen=True)
class TrainingLease:
    """One process's lease to train a run. Whoever takes it last holds it, because the process that
    held it before may be dead.

    If that process lives, it learns of it before it publishes anything more.
    """

    run: Run
    token: str

    @classmethod
    def take(cls, run: Run) -> "TrainingLease":
        """Take the run from whoever trained it."""
        lease = cls(run, secrets.token_hex(8))
        documents.write(run.store, keys.lease(run.name), LeaseRecord(lease.token, now()))
        return lease

    def check(self) -> None:
        """Make sure that no other process has taken the run since.

        Raises:
            RunTaken: if one has, or has even finished it.
        """
        holder = documents.read(self.run.store, keys.lease(self.run.name), LeaseRecord)
        if holder is None or holder.token != self.token:
            since = "and finished it" if holder is None else f"at {holder.since} and trains it"
            raise RunTaken(
                f"run {self.run.name}: another process took it {since}; this one stops, "
                "nothing is lost"
            )

    def end(self) -> None:
        """Release the run: no process trains it any more."""
        self.check()
        self.run.store.delete(keys.lease(self.run.name))


def runs(store: ObjectStore) -> Iterator[Run]:
    """All runs, by name."""
    for name in store.folders(keys.RUNS):
        yield Run(store, name)


def read_champion(store: ObjectStore) -> Champion | None:
    """Who serves, or None before the first promotion."""
    return documents.read(store, keys.champion(), Champion)


def set_champion(
    store: ObjectStore, run: str, epoch: int, since: str, *, back_from: Champion | None = None
) -> Champion:
    """Make a run's epoch the champion; naming the present one changes nothing.

    Args:
        store: the store.
        run: the run.
        epoch: its epoch.
        since: the time now.
        back_from: the champion that is rolled back; the history says so of it, and it must serve
            still.

    Raises:
        PreconditionFailed: if another writer moved the pointer meanwhile.
    """
    old, etag = documents.read_with_etag(store, keys.champion(), Champion)
    if back_from is not None and old != back_from:
        raise PreconditionFailed(
            "champion: another writer moved it meanwhile; read it and roll back again"
        )
    if old is not None and (old.run, old.epoch) == (run, epoch):
        return old
    history = old.history if old else ()
    if old is not None:
        past = FormerChampion(old.run, old.epoch, old.since, since, back_from is not None)
        history = (*history, past)
    new = Champion(run, epoch, since, history)
    # One attempt and no loop: whoever was faster may have promoted something better.
    try:
        documents.replace(store, keys.champion(), new, etag)
    except PreconditionFailed as error:
        raise PreconditionFailed(
            f"champion: another writer moved it while {run} epoch {epoch} was being promoted; "
            "read it and try again"
        ) from error
    return new

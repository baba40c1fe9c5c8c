"""Train one part of a run, its chord model or its biGRU, epoch by epoch: every epoch's objects are
in the store before the epoch counts, and training resumes at the last one that does.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vmt.catalog import keys
from vmt.catalog.keys import Part
from vmt.catalog.records.runs import BestEpochs, LoopState
from vmt.catalog.runs import Run, TrainingLease
from vmt.errors import ObjectNotFound
from vmt.model import checkpoints
from vmt.training.distributed import Team
from vmt.training.publisher import Publisher
from vmt.training.results import LOSSES, EpochResult, best
from vmt.training.trainer import Trainer


@dataclass(frozen=True)
class PartTraining:
    """The training of one part of a run.

    Attributes:
        run: it belongs to.
        part: `keys.CHORDS` or `keys.RHYTHM`.
        trainer: with model, songs and settings.
        columns: names of the columns of results.csv.
        to_bytes: the model's weights now.
        team: the processes that train together.
        lease: of this process, which is checked before each epoch is published; None on processes
            that publish nothing.
        on_published: is given all rows after each epoch.
    """

    run: Run
    part: Part
    trainer: Trainer
    columns: tuple[str, ...]
    to_bytes: Callable[[], bytes]
    team: Team
    lease: TrainingLease | None
    on_published: Callable[[list[EpochResult]], None] = lambda rows: None

    @property
    def _selected_column(self) -> int:
        """The column that decides which epoch is best: the biGRU has one loss."""
        return LOSSES.index(self.trainer.config.select_by) if self.part == keys.CHORDS else 0

    def fit(self) -> list[EpochResult]:
        """Epochs to the last, or until patience ends, each published in the background."""
        rows = self._resume()
        self.team.wait()  # nobody writes before all have read where the run is
        with Publisher() as publisher:
            while self.trainer.epoch < self.trainer.config.epochs and not self._impatient(rows):
                rows = [*rows, self.trainer.run_epoch()]
                if self.lease is None:
                    continue
                weights, state = self.to_bytes(), checkpoints.to_bytes(self.trainer.state())
                publisher.submit(partial(self._publish, self.lease, rows, weights, state))
        return rows

    def _impatient(self, rows: list[EpochResult]) -> bool:
        config = self.trainer.config
        if not config.patience or not rows:
            return False
        leader = best(rows, self._selected_column, config.min_change)
        return rows[-1].epoch - leader.epoch >= config.patience

    def _resume(self) -> list[EpochResult]:
        """Load the last epoch that counts; its rows and those before it."""
        loop = self.run.loop(self.part)
        if loop is None:
            return []
        store, name, epoch = self.run.store, self.run.name, loop.epoch
        weights_key = keys.weights(name, epoch, self.part)
        state_key = keys.optimizer(name, epoch, self.part)
        try:
            weights, _ = checkpoints.from_bytes(store.get(weights_key), weights_key)
            state, _ = checkpoints.from_bytes(store.get(state_key), state_key)
        except ObjectNotFound:
            if self.run.loop(self.part) == loop:
                raise
            # The process that had the run before published one epoch more in between.
            return self._resume()
        self.trainer.load_state(weights, state)
        if self.lease is not None:
            self._drop_states(keep=state_key)
        return [row for row in self.run.results(self.part) if row.epoch <= epoch]

    def _drop_states(self, keep: str) -> None:
        """Delete optimizer states of other epochs: the last one's and what a killed upload left."""
        for info in list(self.run.store.list(keys.optimizer_prefix(self.run.name, self.part))):
            if info.key != keep:
                self.run.store.delete(info.key)

    def _publish(
        self, lease: TrainingLease, rows: list[EpochResult], weights: bytes, state: bytes
    ) -> None:
        """One epoch's objects; the loop's comes last and makes them count."""
        lease.check()
        run, store, part, epoch = self.run, self.run.store, self.part, rows[-1].epoch

        store.put(keys.weights(run.name, epoch, part), weights)
        run.write_weight_hash(epoch, hashlib.sha256(weights).hexdigest(), part)
        store.put(keys.optimizer(run.name, epoch, part), state)
        if best(rows, self._selected_column).epoch == epoch:
            store.put(keys.best_weights(run.name, part), weights)
        run.write_results(rows, self.columns, part)
        if part == keys.CHORDS:
            run.write_best_epochs(BestEpochs.of(rows, self.trainer.config.select_by))
        run.write_loop(LoopState(epoch), part)

        store.delete(keys.optimizer(run.name, epoch - 1, part))
        self.on_published(rows)

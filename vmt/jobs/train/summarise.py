"""Write what lists and pages read of a run while it trains and after."""

import time
from functools import cached_property

import numpy as np

from vmt.catalog.records.runs import RegressionSummary, RunBaselines, RunState, RunSummary
from vmt.catalog.runs import Run, now
from vmt.jobs.train.training_data import TrainingData
from vmt.model.baselines import Bigram, Unigram, chord_nll
from vmt.training.config import RunConfig
from vmt.training.objectives import rhythm_statistics
from vmt.training.results import LOSSES, EpochResult, best


class Summariser:
    """Writes the summary of one run, from one start of its training on."""

    def __init__(self, run: Run, config: RunConfig, songs: TrainingData) -> None:
        self.run, self.config, self.songs = run, config, songs
        earlier = run.summary()
        self.started_at = (earlier.started_at if earlier else None) or now()
        self._seconds_before = (earlier.seconds if earlier else None) or 0.0
        self._started = time.monotonic()

    def write(
        self,
        state: RunState,
        rows: list[EpochResult],
        *,
        regression: RegressionSummary | None = None,
        epoch: int | None = None,
        error: str | None = None,
    ) -> None:
        """Write the run's summary.

        Args:
            state: `running`, `done` or `failed`.
            rows: of results.csv.
            regression: the biGRU's best epoch, once it is trained.
            epoch: the one selected, once that is settled; else the rows decide.
            error: why the run failed.
        """
        usable = [row for row in rows if epoch in (None, row.epoch)]
        select_by = self.config.train.select_by
        selected = best(usable, LOSSES.index(select_by)) if usable else None
        seconds = self._seconds_before + time.monotonic() - self._started
        self.run.write_summary(
            RunSummary(
                run=self.run.name,
                state=state,
                preset=self.config.preset,
                dataset=self.songs.dataset,
                chord_labels=self.songs.chord_labels,
                extractor=self.songs.extractor,
                untrained=self.songs.untrained,
                started_at=self.started_at,
                finished_at=None if state == "running" else now(),
                seconds=round(seconds, 1),
                epochs=rows[-1].epoch if rows else None,
                planned_epochs=self.config.train.epochs,
                selected_by=select_by,
                best_epoch=selected.epoch if selected else None,
                best=selected.losses() if selected else None,
                last=rows[-1].losses() if rows else None,
                baselines=self._baselines,
                regression=regression,
                error=error,
            )
        )

    @cached_property
    def _baselines(self) -> RunBaselines | None:
        if not self.songs.validation:
            return None
        known = [song.tokens for song in self.songs.train]
        unseen = [song.tokens for song in self.songs.validation]
        seconds = self.config.model.max_seconds
        return RunBaselines(
            unigram=chord_nll(Unigram(known, seconds), unseen, seconds),
            bigram=chord_nll(Bigram(known, seconds), unseen, seconds),
        )

    def regression(self, row: EpochResult) -> RegressionSummary:
        """The biGRU's best epoch beside the constant that knows no video.

        Args:
            row: of the best epoch.
        """
        density, loudness = self._constant_rmse()
        return RegressionSummary(
            row.epoch, _number(row.validation[1]), _number(row.validation[2]), density, loudness
        )

    def _constant_rmse(self) -> tuple[float | None, float | None]:
        """RMSE of the training songs' mean on the validation songs, for both curves."""
        if not self.songs.validation:
            return None, None
        mean, _ = rhythm_statistics(self.songs.train)
        errors = np.concatenate([song.rhythm for song in self.songs.validation]) - mean
        known = np.isfinite(errors)
        squares = (np.where(known, errors.astype(np.float64), 0) ** 2).sum(0)
        density, loudness = np.sqrt(squares / known.sum(0).clip(min=1)).tolist()
        return density, loudness


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value

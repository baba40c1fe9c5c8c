"""The table of losses: exact on disk, and honest about which epoch is best."""

import math

from vmt.training.results import COLUMNS, EpochResult, best, from_csv, to_csv

NAN = (math.nan,) * 3
ROWS = [
    EpochResult(0, 0.0, (3.0, 5.0, 1.0), (3.1, 5.1, 1.1)),
    EpochResult(1, 1e-4, (1 / 3, 2.0, 0.5), (2.0, 2.5, 0.9)),
    EpochResult(2, 2e-4, (0.2, 1.0, 0.4), (1.9, 2.6, 0.8)),
    EpochResult(3, 3e-4, (0.1, 0.5, 0.3), (1.9, 2.4999, 0.8)),
]


def test_reads_back_exactly() -> None:
    data = to_csv(ROWS)
    assert data.decode().splitlines()[0] == ",".join(COLUMNS)
    assert from_csv(data) == ROWS


def test_the_earliest_of_the_best_is_best() -> None:
    assert best(ROWS, 0).epoch == 2
    assert best(ROWS, 1).epoch == 3
    assert best(ROWS, 1, min_change=0.01).epoch == 1


def test_without_validation_training_decides() -> None:
    rows = [EpochResult(row.epoch, row.learn_rate, row.train, NAN) for row in ROWS]
    assert best(rows, 0).epoch == 3
    assert all(math.isnan(value) for value in from_csv(to_csv(rows))[0].validation)

"""A run's table of losses by epoch, and which epoch is best.

`results.csv` has the columns that users of AMT know; the training columns are measured in eval mode
after the epoch, as at epoch 0.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = (
    "Epoch",
    "Learn rate",
    "Avg Train loss (total)",
    "Avg Train loss (chord)",
    "Avg Train loss (emotion)",
    "Avg Eval loss (total)",
    "Avg Eval loss (chord)",
    "Avg Eval loss (emotion)",
)
REGRESSION_COLUMNS = (
    "Epoch",
    "Learn rate",
    "Avg Train loss",
    "Train RMSE (note density)",
    "Train RMSE (loudness)",
    "Avg Eval loss",
    "Eval RMSE (note density)",
    "Eval RMSE (loudness)",
)
LOSSES = ("total", "chord", "emotion")


@dataclass(frozen=True)
class EpochResult:
    """One row: three numbers for the training set and three for the validation set, in the columns'
    order; no validation set gives nan.
    """

    epoch: int
    learn_rate: float
    train: tuple[float, float, float]
    validation: tuple[float, float, float]

    @property
    def values(self) -> tuple[float, ...]:
        """The row in the columns' order."""
        return (float(self.epoch), self.learn_rate, *self.train, *self.validation)

    def losses(self) -> dict[str, float | None]:
        """The validation losses by name; None where there is no validation set."""
        return {
            name: None if math.isnan(value) else value
            for name, value in zip(LOSSES, self.validation, strict=True)
        }


def to_csv(rows: Sequence[EpochResult], columns: Sequence[str] = COLUMNS) -> bytes:
    """The table as CSV; every number reads back exactly."""
    import pandas as pd  # a second of import, which a dry run need not pay

    return (
        pd.DataFrame([row.values for row in rows], columns=list(columns))
        .astype({"Epoch": int})
        .to_csv(index=False)
        .encode()
    )


def from_csv(data: bytes) -> list[EpochResult]:
    """Rows that `to_csv` wrote, of either table."""
    import pandas as pd

    table = pd.read_csv(io.BytesIO(data))
    return [
        EpochResult(int(v[0]), v[1], (v[2], v[3], v[4]), (v[5], v[6], v[7]))
        for v in table.itertuples(index=False, name=None)
    ]


def best(rows: Sequence[EpochResult], column: int, min_change: float = 0.0) -> EpochResult:
    """The earliest row whose validation value in `column` (0 to 2) is lowest; a later one must be
    lower by more than `min_change`.

    Without a validation set the training value decides.
    """

    def value(row: EpochResult) -> float:
        validation = row.validation[column]
        return row.train[column] if math.isnan(validation) else validation

    leader = rows[0]
    for row in rows[1:]:
        if value(row) < value(leader) - min_change:
            leader = row
    return leader

"""What a run's numbers say: findings, each by a rule that is stated where it is decided."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vmt.catalog.records.runs import RunParameters, RunSummary
from vmt.training.results import LOSSES, EpochResult, best

LAST = 5
"""Epochs that count as the last ones."""
RISE_SLIGHT, RISE_MARKED = 0.02, 0.10
"""Shares by which the validation total rises above its minimum: from the first on it is slight
over-fitting, from the second on marked over-fitting, below both none.
"""
GAP_SLIGHT, GAP_MARKED = 0.05, 0.20
"""The same for the gap between the validation and the training loss of the last epoch."""
_SWING = 0.10
"""The validation total is steady where no step between the last epochs is a larger share."""
_FLAT = 0.02
"""The training total has levelled off where the last epochs change it by a smaller share."""
ENOUGH_VIDEOS = 100
"""Training videos under which more of them are advised."""
_PATIENT = 3
"""Epochs without a better one after which stopping early is advised."""


@dataclass(frozen=True)
class Facts:
    """All that a report says of a run.

    Attributes:
        parameters: model_params.json.
        summary: summary.json.
        rows: results.csv.
        videos: training videos, or None where the dataset is gone.
        weights: file names and sizes in bytes.
        outputs: video id to its files' keys and sizes.
        evaluations: the number of tables under `evaluations/`.
    """

    parameters: RunParameters
    summary: RunSummary
    rows: Sequence[EpochResult]
    videos: int | None = None
    weights: Sequence[tuple[str, int]] = ()
    outputs: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    evaluations: int = 0

    @property
    def selected(self) -> EpochResult:
        """The best epoch, by the loss that the run selects by."""
        return best(self.rows, LOSSES.index(self.summary.selected_by))

    @property
    def validated(self) -> bool:
        """Whether there is a validation set."""
        return not math.isnan(self.rows[-1].validation[0])


@dataclass(frozen=True)
class Finding:
    """The name of a report's text and the numbers that fill it; `names` are filled with the texts
    of these names.
    """

    name: str
    values: Mapping[str, object] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def trend(facts: Facts) -> list[Finding]:
    """Smallest totals, and what validation does after its minimum."""
    rows = facts.rows
    lowest = min(rows, key=lambda row: row.train[0])
    said = [Finding("train_lowest", {"epoch": lowest.epoch, "value": lowest.train[0]})]
    if not facts.validated:
        return [*said, Finding("no_validation")]

    top = best(rows, 0)
    said.append(Finding("validation_lowest", {"epoch": top.epoch, "value": top.validation[0]}))
    later = [row for row in rows if row.epoch > top.epoch]
    above = [row for row in later if row.validation[0] > top.validation[0]]
    if above:
        excess = max(row.validation[0] for row in above) / top.validation[0] - 1
        span = {"first": above[0].epoch, "last": above[-1].epoch, "excess": excess}
        grade = _grade(excess, RISE_SLIGHT, RISE_MARKED)
        said.append(Finding("above_best", span, {"grade": grade}))

    rising = [b.epoch for a, b in itertools.pairwise(later) if b.validation[0] > a.validation[0]]
    if rising:
        said.append(Finding("rising", {"epochs": ", ".join(map(str, rising))}))
    if len(later) > 1 and later[-1].validation[0] < later[-2].validation[0]:
        fallen = {"epoch": later[-1].epoch, "value": later[-1].validation[0]}
        said.append(Finding("coming_back", fallen))
    return said


def _grade(share: float, slight: float, marked: float) -> str:
    """The name of the text for how far validation is above what it is compared with."""
    if share < slight:
        return "no_overfit"
    return "slight" if share < marked else "marked"


@dataclass(frozen=True)
class _Comparison:
    """One loss of an epoch, on validation and on training."""

    loss: str
    epoch: int
    validation: float
    train: float

    @property
    def gap(self) -> float:
        """By what share validation is above training."""
        return self.validation / self.train - 1

    def finding(self, name: str) -> Finding:
        """The finding of this name with the numbers of the comparison."""
        values = {"epoch": self.epoch, "validation": self.validation, "train": self.train}
        return Finding(name, values, {"loss": self.loss})


def _comparisons(facts: Facts) -> list[_Comparison]:
    """Chord and emotion loss at the last epoch; none without a validation set."""
    if not facts.validated:
        return []
    last = facts.rows[-1]
    columns = [(loss, LOSSES.index(loss)) for loss in ("chord", "emotion")]
    return [
        _Comparison(loss, last.epoch, last.validation[column], last.train[column])
        for loss, column in columns
    ]


def generalisation(facts: Facts) -> list[Finding]:
    """Chord and emotion loss at the last epoch, validation against training."""
    return [
        pair.finding("higher" if pair.validation > pair.train else "lower")
        for pair in _comparisons(facts)
        if pair.validation != pair.train
    ]


def _largest_step(facts: Facts) -> float | None:
    values = [row.validation[0] for row in facts.rows[-LAST:]]
    steps = [abs(b / a - 1) for a, b in itertools.pairwise(values)]
    return max(steps) if steps and facts.validated else None


@dataclass(frozen=True)
class _Drift:
    """By what share the training total changed over how many of the last epochs."""

    change: float
    epochs: int

    def finding(self, name: str) -> Finding:
        """The finding of this name with the numbers of the drift."""
        return Finding(name, {"change": self.change, "epochs": self.epochs})


def _drift(facts: Facts) -> _Drift | None:
    """How the training total changed over the last epochs; None for a single epoch."""
    rows = facts.rows[-LAST:]
    if len(rows) < 2:
        return None
    return _Drift(rows[-1].train[0] / rows[0].train[0] - 1, len(rows))


def _level(facts: Facts) -> _Drift | None:
    """The drift of a training total that hardly moved over `LAST` epochs; fewer do not tell."""
    drift = _drift(facts)
    level = drift is not None and drift.epochs == LAST and abs(drift.change) < _FLAT
    return drift if level else None


def still_falls(facts: Facts) -> bool:
    """Whether more epochs promise a better one.

    They do where the training or the validation total fell by `_FLAT` or more over the last epochs
    and, with a validation set, the best epoch is one of the last `_PATIENT`.
    """
    rows = facts.rows[-LAST:]
    if len(rows) < 2 or facts.rows[-1].epoch - facts.selected.epoch >= _PATIENT:
        return False
    changes = [rows[-1].train[0] / rows[0].train[0] - 1]
    if facts.validated:
        changes.append(rows[-1].validation[0] / rows[0].validation[0] - 1)
    return min(changes) <= -_FLAT


def regression(facts: Facts) -> list[Finding]:
    """Note density and loudness against predicting their mean, the worse ones first."""
    known = facts.summary.regression
    if known is None:
        return []
    errors = {
        "note_density": (known.rmse_note_density, known.constant_rmse_note_density),
        "loudness": (known.rmse_loudness, known.constant_rmse_loudness),
    }
    said = []
    for what, (reached, constant) in errors.items():
        if reached is None or constant is None:
            continue
        name = "beats_constant" if reached < constant else "worse_than_constant"
        said.append(Finding(name, {"value": reached, "constant": constant}, {"what": what}))
    return sorted(said, key=lambda finding: finding.name == "beats_constant")


def _baselines(facts: Facts) -> list[Finding]:
    known = facts.summary.baselines
    if known is None:
        return []
    value = best(facts.rows, 1).validation[1]
    return [
        Finding(
            "beats" if value < other else "beaten",
            {"value": value, "baseline": name, "other": other},
        )
        for name, other in (("unigram", known.unigram), ("bigram", known.bigram))
        if other is not None
    ]


def strengths(facts: Facts) -> list[Finding]:
    """A steady end, a level training loss, losses no worse on validation, baselines beaten."""
    said = []
    step = _largest_step(facts)
    if step is not None and step <= _SWING:
        said.append(Finding("steady", {"change": step}))
    level = _level(facts)
    if level is not None:
        said.append(level.finding("converged"))

    said += [
        Finding("generalises", finding.values, finding.names)
        for finding in generalisation(facts)
        if finding.name == "lower"
    ]
    said += [finding for finding in _baselines(facts) if finding.name == "beats"]
    return said + [finding for finding in regression(facts) if finding.name == "beats_constant"]


def gaps(facts: Facts) -> list[Finding]:
    """Losses that are higher on validation, with the grade of the gap as a share of training's."""
    said = []
    for pair in _gaps(facts):
        finding = pair.finding("gap")
        names = {**finding.names, "grade": _grade(pair.gap, GAP_SLIGHT, GAP_MARKED)}
        said.append(Finding("gap", {**finding.values, "gap": pair.gap}, names))
    return said


def _gaps(facts: Facts) -> list[_Comparison]:
    return [pair for pair in _comparisons(facts) if pair.validation > pair.train]


def improvements(facts: Facts) -> list[Finding]:
    """A regression worse than a constant, gaps, swings, a loss that still falls, baselines not
    beaten, too few videos; in this order.
    """
    said = [finding for finding in regression(facts) if finding.name == "worse_than_constant"]
    said += gaps(facts)
    step, drift = _largest_step(facts), _drift(facts)
    if step is not None and step > _SWING:
        said.append(Finding("swings", {"change": step}))
    if drift is not None and drift.change <= -_FLAT:
        said.append(drift.finding("falling"))

    said += [finding for finding in _baselines(facts) if finding.name == "beaten"]
    if facts.videos is not None and facts.videos < ENOUGH_VIDEOS:
        said.append(Finding("few_videos", {"videos": facts.videos, "enough": ENOUGH_VIDEOS}))
    return said


def advice(facts: Facts) -> list[Finding]:
    """One remedy for each thing to improve, with the present settings."""
    train, dropout = facts.parameters.train, facts.parameters.model.get("dropout")
    last, said = facts.rows[-1], []
    after = last.epoch - facts.selected.epoch
    if any(finding.name == "worse_than_constant" for finding in regression(facts)):
        said.append(Finding("mend_regression"))

    # More epochs, other settings and stopping early exclude each other.
    if still_falls(facts):
        said.append(Finding("train_on", {"epoch": last.epoch}))
    elif _level(facts) is not None:
        said.append(Finding("tune", {"rate": last.learn_rate, "dropout": dropout}))
    gap = max((pair.gap for pair in _gaps(facts)), default=0.0)
    if gap >= GAP_SLIGHT:
        values = {"gap": gap, "dropout": dropout, "noise": train.feature_noise}
        said.append(Finding("regularise", values))
    if after >= _PATIENT and not train.patience:
        said.append(Finding("stop_early", {"epochs": after, "patience": _PATIENT}))

    beaten = [finding for finding in _baselines(facts) if finding.name == "beaten"]
    if beaten:
        baseline = beaten[0].values["baseline"]
        values = {"parameters": facts.parameters.parameters, "baseline": baseline}
        said.append(Finding("simpler", values))
    if facts.videos is not None and facts.videos < ENOUGH_VIDEOS:
        said.append(Finding("more_videos", {"enough": ENOUGH_VIDEOS}))
    return said


def next_steps(facts: Facts) -> list[Finding]:
    """What is done and what is open, by what the store holds."""
    run, last = facts.parameters.run, facts.rows[-1].epoch
    done = facts.summary.state == "done"
    planned = {"epoch": last, "planned": facts.summary.planned_epochs}
    said = [Finding("trained" if done else "unfinished", planned)]

    if facts.outputs:
        said.append(Finding("generated", {"videos": ", ".join(sorted(facts.outputs))}))
    else:
        said.append(Finding("generate"))
    times = {"times": facts.evaluations, "run": run}
    said.append(Finding("evaluated" if facts.evaluations else "evaluate", times))
    if facts.selected.epoch != last:
        said.append(Finding("compare", {"run": run, "best": facts.selected.epoch, "last": last}))
    return said

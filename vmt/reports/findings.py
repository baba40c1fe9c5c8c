"""What a run's numbers say: findings, each by a rule that is stated where it is decided."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmt.training.results import LOSSES, EpochResult, best

LAST = 5
"""Epochs that count as the last ones."""
_MARKED = 0.10
"""Validation further above its best than this share is marked over-fitting, less is slight."""
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
        videos: training videos, or None where nobody knows.
        weights: file names and sizes in bytes.
        outputs: video id to its files' keys and sizes.
        evaluations: how many tables stand under `evaluations/`.
    """

    parameters: Mapping[str, Any]
    summary: Mapping[str, Any]
    rows: Sequence[EpochResult]
    videos: int | None = None
    weights: Sequence[tuple[str, int]] = ()
    outputs: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    evaluations: int = 0

    @property
    def selected(self) -> EpochResult:
        """The best epoch, by the loss that the run selects by."""
        return best(self.rows, LOSSES.index(self.summary["selected_by"]))

    @property
    def validated(self) -> bool:
        """Whether there is a validation set."""
        return not math.isnan(self.rows[-1].validation[0])


@dataclass(frozen=True)
class Finding:
    """A name of `report_texts` and the numbers that fill it; `names` are filled with texts of those
    names.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def trend(facts: Facts) -> list[Finding]:
    """Lowest totals, and what validation does after its lowest."""
    rows = facts.rows
    lowest = min(rows, key=lambda row: row.train[0])
    found = [Finding("train_lowest", {"epoch": lowest.epoch, "value": lowest.train[0]})]
    if not facts.validated:
        return [*found, Finding("no_validation")]
    top = best(rows, 0)
    found.append(Finding("validation_lowest", {"epoch": top.epoch, "value": top.validation[0]}))
    later = [row for row in rows if row.epoch > top.epoch]
    above = [row for row in later if row.validation[0] > top.validation[0]]
    if above:
        excess = max(row.validation[0] for row in above) / top.validation[0] - 1
        span = {"first": above[0].epoch, "last": above[-1].epoch, "excess": excess}
        found.append(
            Finding("above_best", span, {"grade": "marked" if excess > _MARKED else "slight"})
        )
    rising = [b.epoch for a, b in itertools.pairwise(later) if b.validation[0] > a.validation[0]]
    if rising:
        found.append(Finding("rising", {"epochs": ", ".join(map(str, rising))}))
    if len(later) > 1 and later[-1].validation[0] < later[-2].validation[0]:
        found.append(
            Finding("coming_back", {"epoch": later[-1].epoch, "value": later[-1].validation[0]})
        )
    return found


def _pair(row: EpochResult, loss: str) -> dict[str, Any]:
    column = LOSSES.index(loss)
    return {"epoch": row.epoch, "validation": row.validation[column], "train": row.train[column]}


def generalisation(facts: Facts) -> list[Finding]:
    """Chord and emotion loss at the last epoch, validation against training."""
    if not facts.validated:
        return []
    found = []
    for loss in ("chord", "emotion"):
        values = _pair(facts.rows[-1], loss)
        if values["validation"] != values["train"]:
            name = "higher" if values["validation"] > values["train"] else "lower"
            found.append(Finding(name, values, {"loss": loss}))
    return found


def _largest_step(facts: Facts) -> float | None:
    values = [row.validation[0] for row in facts.rows[-LAST:]]
    steps = [abs(b / a - 1) for a, b in itertools.pairwise(values)]
    return max(steps) if steps and facts.validated else None


def _drift(facts: Facts) -> dict[str, Any] | None:
    rows = facts.rows[-LAST:]
    if len(rows) < LAST:
        return None
    return {"change": rows[-1].train[0] / rows[0].train[0] - 1, "epochs": len(rows)}


def _baselines(facts: Facts) -> list[Finding]:
    known = facts.summary.get("baselines") or {}
    value = best(facts.rows, 1).validation[1]
    return [
        Finding(
            "beats" if value < known[name] else "beaten",
            {"value": value, "baseline": name, "other": known[name]},
        )
        for name in ("unigram", "bigram")
        if name in known
    ]


def strengths(facts: Facts) -> list[Finding]:
    """A steady end, a level training loss, losses that carry over, baselines beaten."""
    found = []
    step, drift = _largest_step(facts), _drift(facts)
    if step is not None and step <= _SWING:
        found.append(Finding("steady", {"change": step}))
    if drift is not None and abs(drift["change"]) < _FLAT:
        found.append(Finding("converged", drift))
    found += [
        Finding("generalises", each.values, each.names)
        for each in generalisation(facts)
        if each.name == "lower"
    ]
    return found + [each for each in _baselines(facts) if each.name == "beats"]


def _gaps(facts: Facts) -> list[Finding]:
    higher = [each for each in generalisation(facts) if each.name == "higher"]
    return [
        Finding(
            "gap",
            {**each.values, "gap": each.values["validation"] / each.values["train"] - 1},
            each.names,
        )
        for each in higher
    ]


def improvements(facts: Facts) -> list[Finding]:
    """Gaps, swings, a loss that still falls, baselines not beaten, too few videos."""
    found = _gaps(facts)
    step, drift = _largest_step(facts), _drift(facts)
    if step is not None and step > _SWING:
        found.append(Finding("swings", {"change": step}))
    if drift is not None and drift["change"] <= -_FLAT:
        found.append(Finding("falling", drift))
    found += [each for each in _baselines(facts) if each.name == "beaten"]
    if facts.videos is not None and facts.videos < ENOUGH_VIDEOS:
        found.append(Finding("few_videos", {"videos": facts.videos, "enough": ENOUGH_VIDEOS}))
    return found


def advice(facts: Facts) -> list[Finding]:
    """One remedy for each thing to improve, with the settings as they are."""
    settings = {**facts.parameters["model"], **facts.parameters["train"]}
    last, found = facts.rows[-1], []
    drift, after = _drift(facts), last.epoch - facts.selected.epoch
    if drift is not None and drift["change"] <= -_FLAT and after < _PATIENT:
        found.append(Finding("train_on", {"epoch": last.epoch}))
    if drift is not None and abs(drift["change"]) < _FLAT:
        found.append(Finding("tune", {"rate": last.learn_rate, "dropout": settings["dropout"]}))
    gap = max((each.values["gap"] for each in _gaps(facts)), default=0.0)
    if gap > 0:
        found.append(
            Finding(
                "regularise",
                {
                    "gap": gap,
                    "dropout": settings["dropout"],
                    "noise": settings.get("feature_noise", 0.0),
                },
            )
        )
    if after >= _PATIENT and not settings.get("patience"):
        found.append(Finding("stop_early", {"epochs": after, "patience": _PATIENT}))
    beaten = [each for each in _baselines(facts) if each.name == "beaten"]
    if beaten:
        values = {
            "parameters": facts.parameters["parameters"],
            "baseline": beaten[0].values["baseline"],
        }
        found.append(Finding("simpler", values))
    if facts.videos is not None and facts.videos < ENOUGH_VIDEOS:
        found.append(Finding("more_videos", {"enough": ENOUGH_VIDEOS}))
    return found


def next_steps(facts: Facts) -> list[Finding]:
    """What is done and what is open, by what stands in the store."""
    run, last = facts.parameters["run"], facts.rows[-1].epoch
    done = facts.summary["state"] == "done"
    planned = {"epoch": last, "planned": facts.summary["planned_epochs"]}
    found = [Finding("trained" if done else "unfinished", planned)]
    found.append(
        Finding("generated", {"videos": ", ".join(sorted(facts.outputs))})
        if facts.outputs
        else Finding("generate")
    )
    times = {"times": facts.evaluations, "run": run}
    found.append(Finding("evaluated" if facts.evaluations else "evaluate", times))
    if facts.selected.epoch != last:
        found.append(Finding("compare", {"run": run, "best": facts.selected.epoch, "last": last}))
    return found

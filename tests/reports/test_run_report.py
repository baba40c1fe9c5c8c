"""The report that a team wrote by hand, from its numbers; and that what is said changes
with them.
"""

import dataclasses
from typing import Any
from xml.etree import ElementTree

import pytest

from vmt import i18n
from vmt.catalog.records.runs import (
    RegressionSummary,
    RunBaselines,
    RunParameters,
    RunSummary,
)
from vmt.model.config import ModelConfig
from vmt.reports import findings
from vmt.reports.findings import Facts, Finding
from vmt.reports.run_report import report, sentence
from vmt.training.config import TrainConfig
from vmt.training.results import EpochResult

HAND_WRITTEN = (
    (26, 1.0371, 1.0819, 1.6272, 1.7524),
    (27, 0.9999, 1.0987, 1.5196, 1.7875),
    (28, 1.0386, 1.1352, 1.6119, 1.8612),
    (29, 1.0506, 1.1665, 1.6481, 1.9533),
    (30, 1.0415, 1.0915, 1.6236, 1.7957),
)


def row(
    epoch: int, train: float, validation: float, train_chord: float, validation_chord: float
) -> EpochResult:
    """Emotion losses follow from total = 0.4 chord + 0.6 emotion."""
    pairs = ((train, train_chord), (validation, validation_chord))
    one, other = ((total, chord, (total - 0.4 * chord) / 0.6) for total, chord in pairs)
    return EpochResult(epoch, 0.000220, one, other)


def facts(rows: list[EpochResult], **changes: Any) -> Facts:
    parameters = RunParameters(
        "amt-55",
        "amt",
        "main@v0001",
        25,
        "clip",
        parameters=32_517_310,
        model=dataclasses.asdict(ModelConfig()),
        train=TrainConfig(),
    )
    summary = RunSummary("amt-55", "done", "amt", "main@v0001", 25, epochs=30, planned_epochs=30)
    seed = Facts(
        parameters,
        summary,
        rows,
        videos=42,
        weights=[("best_loss_weights.safetensors", 125 * 2**20)],
        outputs={
            "015": [("outputs/amt-55/epoch_0026/015/t/015_cgen_rd.mid", 7373)],
            "049": [("x.mp4", 12 * 2**20)],
        },
    )
    return dataclasses.replace(seed, **changes)


SEED = facts([row(*losses) for losses in HAND_WRITTEN])


def named(said: list[findings.Finding]) -> dict[str, dict[str, Any]]:
    return {
        finding.name + finding.names.get("loss", ""): {**finding.values, **finding.names}
        for finding in said
    }


def test_the_numbers_of_the_hand_written_report_say_what_its_authors_said() -> None:
    trend = named(findings.trend(SEED))
    assert trend["train_lowest"] == {"epoch": 27, "value": 0.9999}
    assert trend["validation_lowest"] == {"epoch": 26, "value": 1.0819}
    assert (
        trend["above_best"]["first"],
        trend["above_best"]["last"],
        trend["above_best"]["grade"],
    ) == (
        27,
        30,
        "slight",
    )
    assert trend["rising"] == {"epochs": "28, 29"}
    assert trend["coming_back"] == {"epoch": 30, "value": 1.0915}
    both = named(findings.generalisation(SEED))
    assert both["higherchord"]["validation"] == 1.7957
    assert both["loweremotion"]["validation"] == pytest.approx(0.6221, abs=1e-4)
    assert both["loweremotion"]["train"] == pytest.approx(0.6534, abs=1e-4)
    assert set(named(findings.strengths(SEED))) == {"steady", "converged", "generalisesemotion"}
    assert set(named(findings.improvements(SEED))) == {"gapchord", "few_videos"}
    assert set(named(findings.advice(SEED))) == {"tune", "regularise", "stop_early", "more_videos"}
    assert set(named(findings.next_steps(SEED))) == {"trained", "generated", "evaluate", "compare"}


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            (
                "# Training report: amt-55",
                "The training total is smallest at epoch 27 (0.9999).",
                "From epoch 27 to 30 the validation total stays above its minimum, by at most "
                "7.8%: slight over-fitting.",
                "The validation total keeps rising at epochs 28, 29.",
                "At epoch 30 the chord loss is higher on validation (1.7957) than on training "
                "(1.6236).",
                "The chord loss is 10.6% higher on validation (1.7957) than on training (1.6236): "
                "slight over-fitting.",
                "| Dataset | main@v0001 |",
                "| State | done |",
                "| Warm-up steps | 4000 |",
                "| 26 ★ | 1.0371 | 1.0819 | 1.6272 | 1.7524 |",
                "| best_loss_weights.safetensors | 125.0 MiB |",
                "| 015 | outputs/amt-55/epoch_0026/015/t/015_cgen_rd.mid | 7.2 KiB |",
                "![chord](chord.svg)",
            ),
        ),
        (
            "zh",
            (
                "验证总损失在第 26 个 epoch 达到最低（1.0819）。",
                "最多高出 7.8%：轻微过拟合。",
                "验证总损失继续上升的 epoch：28, 29。",
                "第 30 个 epoch 的验证总损失回落至 1.0915。",
                "情感损失在未见过的歌曲上没有变差（验证集 0.6220，训练集 0.6534）。",
                "验证和弦损失（1.7957）比训练和弦损失（1.6236）高 10.6%：轻微过拟合。",
                "| 数据集 | main@v0001 |",
                "| 状态 | 完成 |",
                "| 预热步数 | 4000 |",
            ),
        ),
    ],
)
def test_the_page_says_it_in_both_languages(language: str, sentences: tuple[str, ...]) -> None:
    page = report(SEED, language)
    text = page.markdown(lambda name: f"{name}.svg")
    for expected in sentences:
        assert expected in text
    html = page.html().removeprefix("<!doctype html>\n").replace('<meta charset="utf-8">', "")
    assert len(list(ElementTree.fromstring(html).iter("{http://www.w3.org/2000/svg}svg"))) == 3
    assert len(page.sections) == 13


def test_other_numbers_say_other_things() -> None:
    falling = facts(
        [row(k, 2.0 - 0.1 * k, 2.1 - 0.1 * k, 3.0 - 0.1 * k, 3.1 - 0.1 * k) for k in range(6)],
        videos=500,
    )
    summary = dataclasses.replace(
        falling.summary, state="running", baselines=RunBaselines(unigram=2.7, bigram=2.2)
    )
    falling = dataclasses.replace(falling, summary=summary, outputs={}, evaluations=2)
    assert set(named(findings.trend(falling))) == {"train_lowest", "validation_lowest"}
    assert set(named(findings.advice(falling))) == {"train_on", "regularise", "simpler"}
    assert {"falling", "beaten"} <= set(named(findings.improvements(falling)))
    assert "beats" in named(findings.strengths(falling))
    assert "few_videos" not in named(findings.improvements(falling))
    assert set(named(findings.next_steps(falling))) == {"unfinished", "generate", "evaluated"}
    wild = facts([row(0, 2.0, 2.0, 2.0, 2.0), row(1, 1.0, 2.5, 2.0, 2.5)])
    assert named(findings.trend(wild))["above_best"]["grade"] == "marked"
    assert "swings" in named(findings.improvements(wild))


def test_a_run_without_validation_and_one_epoch_is_reported_too() -> None:
    nan = float("nan")
    page = report(facts([EpochResult(0, 0.0, (1.0, 2.0, 0.3), (nan, nan, nan))], outputs={}))
    text = page.markdown(lambda name: name)
    assert "There is no validation set" in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("gap", "grade"),
    [(0.049, "no_overfit"), (0.05, "slight"), (0.199, "slight"), (0.2, "marked"), (1.0, "marked")],
)
def test_over_fitting_is_said_from_a_stated_gap_on(gap: float, grade: str) -> None:
    run = facts([row(0, 1.0, 1.0 + gap + 1e-9, 1.0, 1.0 + gap + 1e-9)])
    assert named(findings.gaps(run))["gapchord"]["grade"] == grade
    assert ("regularise" in named(findings.advice(run))) == (grade != "no_overfit")
    for language, word in (("en", "over-fitting"), ("zh", "过拟合")):
        said = sentence(findings.gaps(run)[0], language)
        assert word in said
        assert ("too little" in said or "不算" in said) == (grade == "no_overfit")


def test_a_run_that_still_falls_is_told_to_train_on_and_nothing_else() -> None:
    """Also one of few epochs, and one whose training total is level while validation falls."""
    short = facts([row(k, 2.0 - 0.3 * k, 2.1 - 0.3 * k, 2.0, 2.0) for k in range(3)])
    level = facts([row(k, 1.0, 2.0 - 0.1 * k, 1.0, 2.0) for k in range(6)])
    for run in (short, level):
        advice = named(findings.advice(run))
        assert "train_on" in advice
        assert not advice.keys() & {"tune", "stop_early"}
    ended = facts([row(k, 2.0 - 0.1 * k, 1.0 + 0.1 * k, 2.0, 2.0) for k in range(6)])
    assert {"stop_early"} == named(findings.advice(ended)).keys() & {"train_on", "stop_early"}


def test_a_regression_worse_than_the_constant_is_said_first() -> None:
    regression = RegressionSummary(
        best_epoch=3,
        rmse_note_density=4.8,
        constant_rmse_note_density=5.1,
        rmse_loudness=0.12,
        constant_rmse_loudness=0.1,
    )
    summary = dataclasses.replace(SEED.summary, regression=regression)
    run = facts(list(SEED.rows), summary=summary)
    assert findings.improvements(run)[0] == Finding(
        "worse_than_constant", {"value": 0.12, "constant": 0.1}, {"what": "loudness"}
    )
    assert findings.advice(run)[0].name == "mend_regression"
    assert "beats_constantnote_density" in {
        finding.name + finding.names.get("what", "") for finding in findings.strengths(run)
    }
    for language in i18n.languages():
        assert "0.12" in sentence(findings.improvements(run)[0], language)

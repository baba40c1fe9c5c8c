"""The report that a team wrote by hand, from its numbers; and that what is said changes
with them.
"""

import dataclasses
import string
from typing import Any
from xml.etree import ElementTree

import pytest

from vmt.model.config import ModelConfig
from vmt.reports import findings
from vmt.reports.findings import Facts
from vmt.reports.run_report import report
from vmt.reports.texts import TEXTS
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
    parameters = {
        "run": "amt-55",
        "preset": "amt",
        "dataset": "main@v0001",
        "chord_labels": 25,
        "parameters": 32_517_310,
        "model": dataclasses.asdict(ModelConfig()),
        "train": dataclasses.asdict(TrainConfig()),
    }
    summary = {
        "state": "done",
        "epochs": 30,
        "planned_epochs": 30,
        "selected_by": "total",
        "baselines": None,
    }
    found = Facts(
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
    return dataclasses.replace(found, **changes)


SEED = facts([row(*each) for each in HAND_WRITTEN])


def named(found: list[findings.Finding]) -> dict[str, dict[str, Any]]:
    return {each.name + each.names.get("loss", ""): {**each.values, **each.names} for each in found}


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
                "The training total is lowest at epoch 27 (0.9999).",
                "From epoch 27 to 30 it stays above its best, by at most 7.8%: slight "
                "over-fitting.",
                "Epochs at which it goes on rising: 28, 29.",
                "At epoch 30 the chord loss is higher on validation (1.7957) than on training "
                "(1.6236).",
                "| 26 ★ | 1.0371 | 1.0819 | 1.6272 | 1.7524 |",
                "| best_loss_weights.safetensors | 125.0 MB |",
                "| 015 | outputs/amt-55/epoch_0026/015/t/015_cgen_rd.mid | 7.2 KB |",
                "![chord](chord.svg)",
            ),
        ),
        (
            "zh",
            (
                "验证总损失在第 26 个 epoch 达到最低（1.0819）。",
                "轻微过拟合",
                "验证损失在第 28, 29 个 epoch 继续上升。",
                "第 30 个 epoch 的验证损失回落至 1.0915。",
                "情感损失泛化良好（验证集 0.6220，训练集 0.6534）。",
            ),
        ),
    ],
)
def test_the_page_says_it_in_both_languages(language: str, sentences: tuple[str, ...]) -> None:
    page = report(SEED, language)
    text = page.markdown(lambda name: f"{name}.svg")
    for sentence in sentences:
        assert sentence in text
    html = page.html().removeprefix("<!doctype html>\n").replace('<meta charset="utf-8">', "")
    assert len(list(ElementTree.fromstring(html).iter("{http://www.w3.org/2000/svg}svg"))) == 3
    assert len(page.sections) == 13


def test_other_numbers_say_other_things() -> None:
    falling = facts(
        [row(k, 2.0 - 0.1 * k, 2.1 - 0.1 * k, 3.0 - 0.1 * k, 3.1 - 0.1 * k) for k in range(6)],
        videos=500,
    )
    summary = {**falling.summary, "state": "running", "baselines": {"unigram": 2.7, "bigram": 2.2}}
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


def test_both_languages_fill_the_same_numbers() -> None:
    for name, texts in TEXTS.items():
        fields = [
            {field for _, field, _, _ in string.Formatter().parse(text) if field} for text in texts
        ]
        assert fields[0] == fields[1], name

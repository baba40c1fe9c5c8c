"""What a night's report says in each language, from the data of the report."""

from dataclasses import replace
from typing import Any

import pytest

from vmt import i18n
from vmt.catalog.records.nights import (
    ChampionNow,
    DatasetGrowth,
    GateVerdict,
    GenerateReport,
    IngestReport,
    NightEvaluation,
    NightReport,
    Soundtrack,
    TrainingDecision,
)
from vmt.catalog.records.runs import RunSummary
from vmt.reports.night import markdown, title

GROWN = DatasetGrowth("main@v0004", 55, "main@v0003", 40, added=("a", "b"))
CHAMPION = ChampionNow("two", 26, "2025-12-05T03:50:00+00:00")
NIGHT = NightReport(
    started_at="2025-12-05T03:30:00+00:00",
    state="done",
    asked={"force": False, "grow_share": 0.05, "grow_videos": 10},
    ingest=IngestReport("clip", 55, 2, 53, (), (), ()),
    dataset=GROWN,
    decision=TrainingDecision(True, "", "random weights"),
    run="two",
    training=RunSummary(
        "two",
        "done",
        epochs=30,
        best_epoch=26,
        best={"total": 1.08, "chord": 1.75, "emotion": None},
    ),
    evaluation=NightEvaluation(key="evaluations/two/epoch_0026.json"),
    gate=GateVerdict(True, "", "two", 26, new=1.5, old=1.6, songs=1, margin=0.01),
    promoted=True,
    champion=CHAMPION,
    soundtracks=GenerateReport((Soundtrack("a", "two", 26, "t", {}),), (), ()),
)


def night(**changes: Any) -> NightReport:
    """A night that trained and promoted, with changes."""
    return replace(NIGHT, **changes)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            (
                "# Night of 05.12.",
                "**Videos**: 2 new, 53 known, 0 not usable",
                "**Dataset**: main@v0004, 55 videos (40 in main@v0003, the version of the last "
                "training)",
                "**Training**: two; the dataset has 55 videos, 2 of them new since the last "
                "training on main@v0003",
                "- best epoch 26 of 30, validation total 1.0800, chord 1.7500",
                "**Champion**: two is the new champion; test chord NLL of two: 1.5000; of the "
                "champion until then: 1.6000; 1 song, required margin 0.01",
                "**Soundtracks**: 1 made, 0 known, 0 failed",
            ),
        ),
        (
            "zh",
            (
                "# 05.12. 的夜间流程",
                "**视频**：新增 2 个，已有 53 个，不可用 0 个",
                "**训练**：two；数据集有 55 个视频，其中 2 个为上次训练（main@v0003）之后新增",
                "- 最佳 epoch 为 26（共 30 个），验证损失：总损失 1.0800, 和弦 1.7500",
                "**当前模型**：two 成为当前模型；测试集和弦 NLL：two 为 1.5000",
                "**配乐**：生成 1 个，已有 0 个，失败 0 个",
            ),
        ),
    ],
)
def test_a_night_reads_in_each_language(language: str, said: tuple[str, ...]) -> None:
    text = markdown(night(), language, lambda _: "05.12.")
    for line in said:
        assert line in text


def test_it_says_why_it_did_not_train() -> None:
    idle = TrainingDecision(False, "")
    quiet = night(decision=idle, run=None, training=None, evaluation=None, gate=None)
    assert "the next training needs 5% or 10 new ones" in markdown(quiet)
    assert "**Champion**: no challenger" in markdown(quiet)
    assert "there is no video under videos/" in markdown(replace(quiet, dataset=None))
    assert "新增达到 5% 或 10 个时才会再次训练" in markdown(quiet, "zh")


def test_it_says_why_it_trained_although_little_is_new() -> None:
    assert "training was forced" in markdown(night(asked={"force": True}))
    changed = replace(GROWN, changed="it has 157 chord labels now, and had 25")
    assert "two; it has 157 chord labels now" in markdown(night(dataset=changed))
    first = replace(GROWN, before=None, videos_before=None)
    assert "was never trained on" in markdown(night(dataset=first))


def test_a_gate_without_scores_gives_its_own_reason() -> None:
    gate = GateVerdict(True, "there was no champion", "two", 26)
    assert "two is the new champion; there was no champion" in markdown(night(gate=gate))
    kept = night(gate=gate, promoted=False, champion=replace(CHAMPION, run="one"))
    assert "one stays champion" in markdown(kept)
    assert "there is no champion" in markdown(replace(kept, champion=None))


@pytest.mark.parametrize("language", i18n.languages())
def test_a_night_that_failed_says_so_first(language: str) -> None:
    lost = NightReport(NIGHT.started_at, {}, state="failed", error="the store is away")
    first, second = markdown(lost, language).splitlines()[0:3:2]
    assert first == f"# {title(lost, language)}"
    assert "the store is away" in second

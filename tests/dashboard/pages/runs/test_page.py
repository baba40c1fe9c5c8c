import doctest
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from dashboard.components import run_names
from dashboard.pages.runs.run import epochs_table
from dashboard.pages.runs.table import styled, table_of
from tests.dashboard.fill import COLUMNS, fill, put_evaluation, put_json, put_run
from vmt.catalog import documents, keys
from vmt.catalog.page_index_writers import note_run
from vmt.catalog.records.runs import RunSummary
from vmt.jobs.train.published_weights import import_weights
from vmt.model.config import ModelConfig
from vmt.model.regressor import RegressorConfig, VideoRegressor
from vmt.model.transformer import VideoMusicTransformer
from vmt.store import ObjectStore

Open = Callable[..., AppTest]


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.warning, *app.error, *app.info]
    return "\n".join(str(element.value) for element in elements)


def test_an_empty_store_says_what_to_run(store: ObjectStore, open_page: Open) -> None:
    app = open_page("runs")
    assert "No run in this store yet" in app.info[0].value
    assert "vmt train" in app.code[0].value
    assert not app.exception


def test_the_table_lists_every_run_newest_first(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    table = open_page("runs").dataframe[0].value
    assert list(table["Run"]) == ["made-up-live", "made-up-lost", "made-up-demo", "made-up-amt"]
    assert list(table["State"]) == ["running", "failed", "done", "done"]
    assert list(table["CLIP"]) == ["", "", "untrained", ""]


def test_filters_leave_what_fits(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    app = open_page("runs")
    app.text_input[0].input("demo").run()
    assert list(app.dataframe[0].value["Run"]) == ["made-up-demo"]
    app.text_input[0].input("nothing like it").run()
    assert "No run matches" in app.info[0].value
    app.text_input[0].input("").run()
    app.pills[0].set_value(["failed"]).run()
    assert list(app.dataframe[0].value["Run"]) == ["made-up-lost"]


def test_opening_a_run_puts_it_in_the_url(store: ObjectStore, open_page: Open) -> None:
    made = fill(store)
    app = open_page("runs")
    app.selectbox(key="choose-run").select("made-up-amt").run()
    assert app.query_params["run"] == "made-up-amt"
    assert app.title[0].value == "made-up-amt"
    assert metrics(app)["Best epoch"] == str(made["made-up-amt"]["best_epoch"])


def test_a_run_shows_the_tables_of_the_report(store: ObjectStore, open_page: Open) -> None:
    summary = fill(store)["made-up-amt"]
    app = open_page("runs", run="made-up-amt")
    final, best, last_five, everything, *_ = [table.value for table in app.table]
    assert list(final.index) == ["Total loss", "Chord loss (NLL)", "Emotion loss", "Learning rate"]
    assert final.loc["Learning rate", "train"] == "0.0002201"
    assert best.loc["Total loss", "validation"] == f"{summary['best']['total']:.4f}"
    assert list(last_five.index) == ["26", "27", "28", "29", "30"]
    assert list(everything.index) == [str(epoch) for epoch in range(31)]
    assert f"Best epoch: {summary['best_epoch']}" in words(app)
    assert not app.exception


def test_the_least_of_a_column_is_bold() -> None:
    losses = {column: [3.0, 1.0, 2.0] for column in COLUMNS.split(",")}
    table = pd.DataFrame({**losses, "Epoch": [0, 1, 2], "Learn rate": [0.0, 1e-4, 2e-4]})
    shown = epochs_table(table, table)
    assert list(shown["Chord, validation"]) == ["3.000", "**1.000**", "2.000"]
    assert list(shown["Learning rate"]) == ["0.0000000", "0.0001000", "0.0002000"]


def test_untrained_weights_are_said(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    app = open_page("runs", run="made-up-demo")
    assert any("untrained CLIP weights" in warning.value for warning in app.warning)


def test_a_failed_run_says_why(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    app = open_page("runs", run="made-up-lost")
    assert "loss is not finite at epoch 19" in app.error[0].value


def test_a_run_in_progress_shows_how_far_it_is_and_when_it_went_silent(
    store: ObjectStore, open_page: Open
) -> None:
    put_run(store, "live", state="running")
    assert "No update since" not in words(open_page("runs", run="live"))
    results = Path(urlsplit(store.share_url("runs/live/results.csv")).path)
    os.utime(results, (0, 0))
    app = open_page("runs", run="live")
    assert "No update since 1970-01-01 00:00 UTC" in words(app)
    assert not app.exception


def test_a_run_that_was_just_begun_stands_in_the_table(store: ObjectStore, open_page: Open) -> None:
    nothing = {
        "best": None,
        "best_epoch": None,
        "epochs": None,
        "baselines": None,
        "regression": None,
        "error": None,
    }
    put_json(
        store,
        "runs/new/summary.json",
        {"run": "new", "state": "running", "planned_epochs": 30, **nothing},
    )
    app = open_page("runs")
    assert list(app.dataframe[0].value["Run"]) == ["new"]
    assert not app.exception


def test_a_run_without_epochs_waits(store: ObjectStore, open_page: Open) -> None:
    put_json(
        store, "runs/new/summary.json", {"run": "new", "state": "running", "planned_epochs": 30}
    )
    assert "No epoch is finished yet" in open_page("runs", run="new").info[0].value
    store.put("runs/newer/model_params.json", b"{}")
    assert "has written nothing yet" in open_page("runs", run="newer").info[0].value


def test_a_link_to_a_run_that_is_gone_says_so(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    assert "There is no run other" in open_page("runs", run="other").info[0].value


def test_runs_are_overlaid_from_the_url(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    app = open_page("runs", overlay="made-up-amt,gone,made-up-demo")
    assert app.multiselect[0].value == ["made-up-amt", "made-up-demo"]
    assert not app.exception


@pytest.mark.parametrize("damaged", [b"{", b"[1]", b"\xff"])
def test_a_damaged_summary_is_one_sentence(
    store: ObjectStore, open_page: Open, damaged: bytes
) -> None:
    store.put("runs/broken/summary.json", damaged)
    app = open_page("runs")
    assert "runs/broken/summary.json" in app.error[0].value
    assert not app.exception


def test_a_wrong_setting_is_one_sentence(
    open_page: Open, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMT_STORE", "ftp://nowhere")
    app = open_page("runs")
    assert "ftp://nowhere" in app.error[0].value
    assert not app.exception


def test_pages_speak_chinese(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    app = open_page("runs", run="made-up-amt", lang="zh")
    assert "最佳 epoch" in metrics(app)
    assert app.table[0].value.index[0] == "总损失"


def test_a_run_of_published_weights_without_a_dataset(
    store: ObjectStore, open_page: Open, tmp_path: Path
) -> None:
    shape = ModelConfig(n_layers=1, n_heads=2, d_model=16, d_feedforward=8, max_seconds=20)
    torch.save(VideoMusicTransformer(shape).state_dict(), tmp_path / "vmt.pickle")
    torch.save(
        VideoRegressor(RegressorConfig(d_model=6, normalise=False)).state_dict(),
        tmp_path / "vmr.pickle",
    )
    run = import_weights(store, tmp_path / "vmt.pickle", regression=tmp_path / "vmr.pickle").run
    for app in (
        open_page("runs"),
        open_page("runs", run=run),
        open_page("overview"),
        open_page("compare"),
    ):
        assert not app.exception
    assert "Preset **published** · Dataset **–**" in words(open_page("runs", run=run))


def test_the_report_speaks_on_the_runs_page(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    assert "stops falling two thirds of the way" in words(open_page("runs", run="made-up-amt"))
    app = open_page("runs", run="made-up-demo", lang="zh")
    assert any(code.value == "vmt report made-up-demo --language zh" for code in app.code)


def test_finished_runs_are_read_from_what_jobs_noted(store: ObjectStore, open_page: Open) -> None:
    summary = put_run(store, "made-up-amt")
    note_run(store, "made-up-amt")
    put_run(store, "made-up-live", state="running", hours=48)
    put_json(store, "runs/made-up-amt/summary.json", {**summary, "epochs": 99})
    table = open_page("runs").dataframe[0].value
    assert list(table["Run"]) == ["made-up-live", "made-up-amt"]
    assert list(table["Epochs"]) == [19, 30], "the finished run was read one by one"
    for each in list(store.list("runs/made-up-amt/")):
        store.delete(each.key)
    assert list(open_page("runs").dataframe[0].value["Run"]) == ["made-up-live"]


def test_runs_stand_side_by_side_with_what_differs(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    put_evaluation(store, "made-up-amt", 26)
    app = open_page("runs", overlay="made-up-amt,made-up-demo")
    results, differing, scored = (table.value for table in app.table)
    assert list(results.columns) == ["demo", "amt"]
    assert results.loc["Epochs", "amt"] == "30"
    assert list(differing.loc["model.d_model"]) == ["128", "512"]
    assert "chord_labels" not in differing.index, "the same in both"
    assert scored.loc["Evaluation", "amt"] == "Epoch 26 · made-up@v0001 · Validation"
    assert "does not mean the same" not in words(app), "chord NLL compares"
    app.selectbox(key="overlay-kind").select("total").run()
    assert "does not mean the same" in words(app), "presets weigh the parts of a total differently"
    assert not app.exception


def test_only_losses_that_compare_have_a_star(store: ObjectStore) -> None:
    runs = {"a": "amt", "b": "amt", "c": "demo"}
    for name, preset in runs.items():
        put_run(store, name, preset=preset)
    read = [documents.read(store, keys.summary(name), RunSummary) for name in runs]
    *alike, other = (summary for summary in read if summary is not None)
    for summaries, starred in ((alike, 3), ([*alike, other], 1)):
        table = styled(table_of(summaries), summaries).to_html()
        assert table.count("★") == starred


def test_an_evaluation_shows_everything_that_it_holds(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    assert "vmt evaluate made-up-amt" in [
        code.value for code in open_page("runs", run="made-up-amt").code
    ]
    put_evaluation(store, "made-up-amt", 26)
    put_evaluation(store, "made-up-amt", 30, split="test", songs=1)
    app = open_page("runs", run="made-up-amt")
    box = app.selectbox(key="choose-evaluation")
    assert box.options == [
        "Epoch 30 · made-up@v0001 · Test",
        "Epoch 26 · made-up@v0001 · Validation",
    ]
    said = words(app)
    assert "1 song · " in said
    assert "0.120 (95 %: 0.040 … 0.210, 1 song)" in said
    scores = next(table.value for table in app.table if "H@1" in table.value)
    assert list(scores.index) == ["model", "bigram"]
    assert list(scores["Chord NLL"]) == ["1.502", "1.633"]
    assert list(scores["H@5 at changes"]) == ["0.6000", "–"]
    rhythm = next(table.value for table in app.table if "RMSE" in table.value)
    assert rhythm.loc["Note density", "RMSE of the constant"] == "5.100"
    box.select(box.options[1]).run()
    assert "epoch_0026" in app.query_params["evaluation"]
    assert not app.exception


def test_short_names_keep_what_differs() -> None:
    assert doctest.testmod(run_names).failed == 0
    assert run_names.short_names(["a-b"]) == {"a-b": "a-b"}
    assert run_names.short_names(["a-b", "a"]) == {"a-b": "b", "a": "a"}

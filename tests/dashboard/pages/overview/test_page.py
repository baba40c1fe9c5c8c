from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.fill import fill, put_json, put_night, put_output, put_run
from vmt.catalog.page_index_writers import note_night, note_soundtracks
from vmt.store import ObjectStore

Open = Callable[..., AppTest]


def test_an_empty_store_says_what_to_run(store: ObjectStore, open_page: Open) -> None:
    app = open_page("overview")
    assert "This store is empty" in app.info[0].value
    assert app.code[0].value == "make demo"


def test_it_shows_what_serves_runs_failed_and_grows(store: ObjectStore, open_page: Open) -> None:
    summary = fill(store)["made-up-amt"]
    app = open_page("overview")
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Epoch"] == str(summary["best_epoch"])
    assert metrics["Chord NLL (val.)"] == f"{summary['best']['chord']:.3f}"
    assert metrics["Bigram chord NLL"] == "1.475"
    captions = "\n".join(caption.value for caption in app.caption)
    assert "loss is not finite at epoch 19" in captions
    assert "55 videos, 11 min 00 s" in captions
    assert not app.exception


def test_a_store_without_a_champion_says_how_to_get_one(
    store: ObjectStore, open_page: Open
) -> None:
    put_run(store, "made-up-amt")
    app = open_page("overview")
    assert "vmt promote" in app.info[0].value
    assert "Nothing failed." in [caption.value for caption in app.caption]
    assert not app.exception


@pytest.mark.parametrize("lost", ["summary.json", "results.csv"])
def test_a_champion_whose_run_lost_a_file_is_still_named(
    store: ObjectStore, open_page: Open, lost: str
) -> None:
    put_run(store, "made-up-amt")
    put_json(
        store,
        "models/champion.json",
        {"run": "made-up-amt", "epoch": 3, "since": "2025-12-04T03:30:00+00:00", "history": []},
    )
    store.delete(f"runs/made-up-amt/{lost}")
    app = open_page("overview")
    assert app.metric[0].value == "3"
    assert not app.exception


def test_last_night_is_told(store: ObjectStore, open_page: Open) -> None:
    put_run(store, "made-up-amt")
    assert any("No nightly report" in caption.value for caption in open_page("overview").caption)
    for date in ("2025-12-04", "2025-12-05"):
        put_night(store, date)
    assert any(
        f"##### Night of {date} 03:30 UTC" in markdown.value
        for markdown in open_page("overview").markdown
    )
    note_night(store, "reports/nightly/2025-12-05T033000Z.md")
    put_night(store, "2025-12-06")
    assert any(
        f"##### Night of {date}" in markdown.value for markdown in open_page("overview").markdown
    ), "as noted"


def test_the_newest_soundtracks_are_those_that_jobs_noted(
    store: ObjectStore, open_page: Open
) -> None:
    fill(store)
    prefix = put_output(store, "made-up-demo", 3, "zebra", "abc", hours=100)
    note_soundtracks(store, "made-up-demo", 3, [("zebra", "abc")], [f"{prefix}zebra_cgen_rd.json"])
    captions = [caption.value for caption in open_page("overview").caption]
    assert [caption for caption in captions if "Epoch" in caption and "made-up" in caption] == [
        "made-up-demo, Epoch 3 · 2025-12-08 07:30 UTC"
    ]


def test_the_night_reads_in_the_language_of_the_page(store: ObjectStore, open_page: Open) -> None:
    put_run(store, "made-up-amt")
    put_night(store)
    said = "\n".join(part.value for part in open_page("overview", lang="zh").markdown)
    assert "##### 2025-12-05 03:30 UTC 的夜间流程" in said
    assert "**视频**：新增 15 个，已有 40 个，不可用 1 个" in said
    assert "made-up-amt 成为当前模型" in said


def test_a_night_of_an_older_version_reads_as_it_was_written(
    store: ObjectStore, open_page: Open
) -> None:
    put_run(store, "made-up-amt")
    store.put("reports/nightly/2025-12-05T033000Z.md", b"# Night of long ago\n")
    assert any("Night of long ago" in part.value for part in open_page("overview").markdown)

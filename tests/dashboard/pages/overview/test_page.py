import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages.overview.work import Jobs, _failed_jobs
from dashboard.sources.prefect import JobRun
from tests.dashboard.fill import (
    fill,
    put_dataset,
    put_json,
    put_night,
    put_output,
    put_run,
)
from vmt.catalog import documents, keys
from vmt.catalog.page_index_writers import note_night, note_soundtracks
from vmt.catalog.records.videos import InboxEntry, InboxLedger
from vmt.store import ObjectStore

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    parts = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return "\n".join(str(part.value) for part in parts)


def test_an_empty_store_leads_to_the_demo_or_to_the_first_step(
    store: ObjectStore, open_page: Open
) -> None:
    app = open_page("overview")
    assert "This store is empty" in app.info[0].value
    assert [code.value for code in app.code] == ["make demo", "vmt ingest"]
    assert "➡️ 1." in words(app)
    assert "⬜ 5." in words(app)
    assert not app.exception


def test_a_store_with_a_run_leads_to_promoting_it(store: ObjectStore, open_page: Open) -> None:
    store.put("videos/a.mp4", b"film")
    put_dataset(store, "main", 1, 3, records=0)
    put_run(store, "made-up-amt")
    app = open_page("overview")
    assert "vmt promote RUN" in [code.value for code in app.code]
    assert [line[0] for line in words(app).splitlines() if ". " in line[:6]] == list("✅✅✅➡⬜")
    assert not app.exception


def test_a_store_with_soundtracks_needs_no_first_steps(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    assert "➡️" not in words(open_page("overview"))


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
    assert "Nothing failed" not in words(app), "without Prefect nobody knows"
    assert "failed jobs are not shown" in words(app)
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


def test_everything_that_failed_is_told(store: ObjectStore, open_page: Open) -> None:
    """Trainings, a night, and videos of the inbox; each wherever it is recorded."""
    put_run(store, "made-up-lost", state="failed", error="loss is not finite at epoch 19")
    put_night(store)
    key = "reports/nightly/2025-12-05T033000Z.json"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    lost = {"state": "failed", "error": "the store was away", "finished_at": now}
    put_json(store, key, {**json.loads(store.get(key)), **lost})
    made = InboxEntry("s", "made", 1, None, now, "r", 1)
    given_up = replace(made, state="failed", tries=3, reason="given up: memory ran out")
    ledger = InboxLedger({"inbox/a.mp4": given_up, "inbox/b.mp4": made})
    documents.write(store, keys.inbox_ledger(), ledger)
    app = open_page("overview")
    said = words(app)
    for failure in ("loss is not finite", "the store was away", "given up: memory ran out"):
        assert failure in said
    assert "Nothing failed" not in said
    assert not app.exception


def test_with_prefect_only_a_week_without_failures_says_nothing_failed() -> None:
    assert not _failed_jobs(Jobs((), ()))
    run = JobRun(
        UUID(int=1),
        "n",
        "nightly",
        "CRASHED",
        "Crashed",
        "no heartbeat",
        None,
        None,
        None,
        0.0,
        {},
        True,
    )
    assert [failure.why for failure in _failed_jobs(Jobs((), [run]))] == ["crashed: no heartbeat"]

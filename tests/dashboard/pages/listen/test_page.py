import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.fill import fill, put_json, put_output
from vmt.store import ObjectStore

Open = Callable[..., AppTest]


def chosen(app: AppTest) -> dict[str, str]:
    return {box.label: str(box.value) for box in app.selectbox}


def test_an_empty_store_says_what_to_run(store: ObjectStore, open_page: Open) -> None:
    app = open_page("listen")
    assert "No soundtrack in this store yet" in app.info[0].value
    assert "vmt generate" in app.code[0].value


def test_the_champion_plays_first(store: ObjectStore, open_page: Open) -> None:
    best = fill(store)["made-up-amt"]["best_epoch"]
    app = open_page("listen")
    assert chosen(app) == {
        "Run": "made-up-amt",
        "Epoch": str(best),
        "Video": "015",
        "Take": "b2a6e85d",
    }
    assert not app.exception


def test_a_link_selects_run_epoch_video_and_take(store: ObjectStore, open_page: Open) -> None:
    best = fill(store)["made-up-amt"]["best_epoch"]
    link = {"run": "made-up-amt", "epoch": str(best), "video": "015", "take": "b2a6e85d"}
    app = open_page("listen", **link)
    assert list(chosen(app).values()) == list(link.values())
    app.selectbox(key="choose-epoch").select("30").run()
    assert app.query_params["epoch"] == "30"
    assert chosen(app)["Take"] == "3fd91c07"
    assert "take" not in app.query_params, "a take belongs to its epoch"


def test_a_link_to_a_take_that_is_gone_says_so(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    app = open_page("listen", run="made-up-amt", epoch="30", take="b2a6e85d")
    assert any("b2a6e85d" in caption.value for caption in app.caption)
    assert chosen(app)["Take"] == "3fd91c07"


def test_settings_and_untrained_weights_are_shown(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    app = open_page("listen", run="made-up-demo")
    settings = app.table[-1].value["Value"]
    assert settings["style"] == "band"
    assert settings["tempo_bpm"] == "–"
    assert any("untrained CLIP weights" in markdown.value for markdown in app.markdown)


def test_an_output_without_its_record_is_unfinished(store: ObjectStore, open_page: Open) -> None:
    store.put("outputs/r/epoch_0001/015/abc/015_cgen_rd.mid", b"")
    assert "has no record" in open_page("listen").warning[0].value


def test_a_damaged_midi_file_is_one_sentence(store: ObjectStore, open_page: Open) -> None:
    prefix = put_output(store, "r", 1, "015", "abc")
    store.put(f"{prefix}015_cgen_rd.mid", b"this is no MIDI file")
    app = open_page("listen")
    assert "015_cgen_rd.mid" in app.error[0].value
    assert not app.exception


@pytest.mark.parametrize("missing", ["curves", "cuts_s", "settings", "key", "tempo_bpm"])
def test_a_record_may_lack_what_an_older_version_did_not_write(
    store: ObjectStore, open_page: Open, missing: str
) -> None:
    key = f"{put_output(store, 'r', 1, '015', 'abc')}015_cgen_rd.json"
    record = json.loads(store.get(key))
    del record[missing]
    put_json(store, key, record)
    app = open_page("listen")
    assert not app.exception
    assert not app.error


def test_takes_are_told_apart_by_name_newest_first(store: ObjectStore, open_page: Open) -> None:
    for hours, take in ((3.0, "zzz"), (5.0, "aaa"), (4.0, "mmm")):
        put_output(store, "r", 1, "015", take, hours=hours)
    app = open_page("listen")
    box = app.selectbox(key="choose-take")
    assert box.value == "aaa", "the newest"
    assert box.options == [
        f"Take {number} · band · C major · 96 bpm · seed 0 · 2025-12-04 0{hour}:30 UTC"
        for number, hour in ((3, 8), (2, 7), (1, 6))
    ]
    chinese = open_page("listen", lang="zh").selectbox(key="choose-take").options
    assert chinese[0].startswith("版本 3 · band")

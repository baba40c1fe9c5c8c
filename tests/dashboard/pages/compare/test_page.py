import json
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dashboard.pages.compare.ratings import QUESTIONS
from tests.dashboard.fill import put_output
from vmt.store import ObjectStore

Open = Callable[..., AppTest]


def test_an_empty_store_says_what_to_run(store: ObjectStore, open_page: Open) -> None:
    assert "vmt generate" in open_page("compare").code[0].value


def test_soundtracks_of_one_video_stand_side_by_side(store: ObjectStore, open_page: Open) -> None:
    for epoch in (3, 7, 9):
        put_output(store, "made-up", epoch, "015", "abc", hours=6.0 + epoch)
    app = open_page(
        "compare", beside="outputs/made-up/epoch_0003/015/abc/,outputs/gone/epoch_0001/015/abc/"
    )
    assert app.multiselect[0].value == ["outputs/made-up/epoch_0003/015/abc/"]
    names = [markdown.value for markdown in app.markdown]
    name = "Take 1 · band · C major · 96 bpm · seed 0 · 2025-12-04 12:30 UTC"
    assert f"**made-up, Epoch 3**  \n{name}" in names
    offered = app.multiselect[0].options
    assert offered[0].startswith("made-up, Epoch 9 · Take 1 · "), "the newest first"
    assert app.table[0].value["Value"]["Chord changes"] == "5"
    assert not app.exception


def test_blind_listening_needs_two(store: ObjectStore, open_page: Open) -> None:
    put_output(store, "made-up", 3, "015", "abc")
    assert "only one soundtrack" in open_page("compare", mode="blind").info[0].value


def test_a_blind_rating_is_kept_and_then_revealed(store: ObjectStore, open_page: Open) -> None:
    for epoch in (3, 7):
        put_output(store, "made-up", epoch, "015", "abc")
    app = open_page("compare", mode="blind")
    assert not any("made-up" in markdown.value for markdown in app.markdown), (
        "the names must stay hidden"
    )
    app.button[-1].click().run()
    assert "answer all five" in app.warning[0].value
    for control in app.button_group:
        if control.key != "mode" and control.key != "language":
            control.set_value(4)
    app.button[-1].click().run()
    assert "made-up, Epoch" in app.success[0].value
    kept = [json.loads(store.get(info.key)) for info in store.list("ratings/")]
    assert [set(each) for each in kept[0]["scores"]] == [set(QUESTIONS)] * 2
    assert sorted(kept[0]["outputs"]) == [
        f"outputs/made-up/epoch_000{epoch}/015/abc/" for epoch in (3, 7)
    ]
    app = open_page("compare", mode="results")
    assert list(app.dataframe[0].value["Mean"]) == [4.0] * 10

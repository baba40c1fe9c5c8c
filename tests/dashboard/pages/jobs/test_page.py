import json
from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.dashboard.fill import fill, put_dataset, put_output, put_run
from vmt.arrange.config import GenerateConfig
from vmt.store import ObjectStore

Open = Callable[..., AppTest]


def form(name: str, **query: str) -> AppTest:
    """A page with one form, which writes what is asked for as JSON."""

    def script(name: str, query: dict[str, str]) -> None:
        import json

        import streamlit as st

        from dashboard.pages.jobs import forms, generate_form

        for parameter, value in query.items():
            st.query_params[parameter] = value
        asked = getattr(generate_form if name == "ask_generate" else forms, name)()
        if asked is not None:
            st.code(json.dumps(asked))

    st.cache_data.clear()
    return AppTest.from_function(script, args=(name, query), default_timeout=30).run()


def asked(app: AppTest) -> Any:
    return json.loads(app.code[0].value)


def labelled(app: AppTest, label: str) -> Any:
    everything = [*app.selectbox, *app.number_input, *app.slider, *app.checkbox, *app.multiselect]
    return next(each for each in everything if each.label == label)


def test_without_prefect_it_says_what_to_start(
    store: ObjectStore, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    app = open_page("jobs")
    assert "No Prefect server answers" in app.warning[0].value
    assert "vmt up" in app.code[0].value
    assert not app.exception


def test_refused_videos_are_tried_again_only_where_a_server_answers(
    store: ObjectStore, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    fill(store)
    app = open_page("dataset")
    next(button for button in app.button if button.label == "Try all of them again").click().run()
    assert any("No Prefect server answers" in warning.value for warning in app.warning)
    assert not app.exception


def test_a_soundtrack_is_asked_for_with_what_differs_from_the_defaults(store: ObjectStore) -> None:
    store.put("inbox/holiday.mp4", b"film")
    app = form("ask_generate", video="inbox/holiday.mp4", run="r", epoch="7")
    labelled(app, "Style").set_value("piano")
    labelled(app, "Emotion").set_value("sad")
    labelled(app, "Note density factor").set_value(1.5)
    labelled(app, "Original sound").set_value("duck")
    app.button[0].click().run()
    settings = {"style": "piano", "emotion": "sad", "density_scale": 1.5, "original_sound": "duck"}
    assert asked(app) == {
        "videos": ["inbox/holiday.mp4"],
        "settings": settings,
        "run": "r",
        "epoch": 7,
    }


def test_another_take_starts_from_the_settings_of_the_first(store: ObjectStore) -> None:
    store.put("inbox/015.mp4", b"film")
    prefix = put_output(store, "r", 7, "015", "abc")
    record = json.loads(store.get(f"{prefix}015_cgen_rd.json"))
    record["settings"] = {
        "style": "lofi",
        "seed": 5,
        "key": "D minor",
        "tempo_bpm": 90.0,
        "top_p": 0.5,
        "newer": 1,
    }
    store.put(f"{prefix}015_cgen_rd.json", json.dumps(record).encode())
    app = form("ask_generate", video="inbox/015.mp4", like=prefix)
    labelled(app, "Seed").set_value(6)
    app.button[0].click().run()
    assert asked(app)["settings"] == {
        "style": "lofi",
        "seed": 6,
        "key": "D minor",
        "tempo_bpm": 90.0,
        "top_p": 0.5,
    }


def test_untouched_controls_are_the_defaults(store: ObjectStore) -> None:
    store.put("inbox/015.mp4", b"film")
    app = form("ask_generate", video="inbox/015.mp4")
    app.button[0].click().run()
    assert asked(app)["settings"] == {}
    assert labelled(app, "Style").value == GenerateConfig().style


def test_a_link_to_another_take_cannot_read_elsewhere(store: ObjectStore) -> None:
    store.put("inbox/015.mp4", b"film")
    app = form("ask_generate", video="inbox/015.mp4", like="models/")
    assert not app.exception


def test_training_takes_the_usual_overrides(store: ObjectStore) -> None:
    put_dataset(store, "main", 1, 3, records=0)
    app = form("ask_train")
    labelled(app, "Epochs").set_value(12)
    labelled(app, "Best epoch by").set_value("chord")
    app.button[0].click().run()
    found = asked(app)
    assert (found["dataset"], found["overrides"]) == ("main", {"epochs": 12, "select_by": "chord"})


def test_evaluating_an_epoch_needs_its_run(store: ObjectStore) -> None:
    put_run(store, "made-up-amt")
    app = form("ask_evaluate")
    labelled(app, "Epoch").set_value(3)
    app.button[0].click().run()
    assert "run of this epoch" in app.warning[0].value
    labelled(app, "Run").set_value("made-up-amt")
    app.button[0].click().run()
    assert asked(app) == {"run": "made-up-amt", "epoch": 3, "split": "validation"}


def test_comparing_needs_two(store: ObjectStore) -> None:
    for run in ("made-up-a", "made-up-b"):
        put_run(store, run)
    app = form("ask_compare")
    labelled(app, "Runs to compare").set_value(["made-up-a"])
    app.button[0].click().run()
    assert "at least two runs" in app.warning[0].value
    labelled(app, "Runs to compare").set_value(["made-up-a", "made-up-b"])
    app.button[0].click().run()
    assert asked(app) == {"contenders": ["made-up-a", "made-up-b"], "videos": None}


def test_promoting_and_rolling_back_exclude_each_other(store: ObjectStore) -> None:
    put_run(store, "made-up-amt")
    app = form("ask_promote", run="made-up-amt")
    labelled(app, "Roll back to the previous champion").set_value(True)
    app.button[0].click().run()
    assert "not both" in app.warning[0].value
    app = form("ask_promote")
    labelled(app, "Roll back to the previous champion").set_value(True)
    app.button[0].click().run()
    assert asked(app) == {"rollback": True}

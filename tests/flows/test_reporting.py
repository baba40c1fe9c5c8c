"""What events are about, and the words that logs have of them."""

from flows.reporting import artifact_key, resource, words


def test_words_name_nested_values_and_leave_lists_out() -> None:
    payload = {"epoch": 3, "validation": {"chord": 2.10344}, "passed_over": [1], "error": None}
    assert words(payload) == "epoch=3 validation.chord=2.1034 error=None"


def test_an_event_is_about_its_video_run_or_version() -> None:
    assert resource({"id": "0001", "run": "a"}) == "vmt.video.0001"
    assert resource({"run": "a", "epoch": 1}) == "vmt.run.a"
    assert resource({"dataset": "main@v0001"}) == "vmt.dataset.main@v0001"
    assert resource({"found": 3}) == "vmt.store"


def test_artifact_keys_have_no_other_signs() -> None:
    assert artifact_key("losses", "Demo_main.v1") == "losses-demo-main-v1"

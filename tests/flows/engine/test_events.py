"""What events are about, and the words that logs have of them."""

import socket
import threading

import pytest
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.engine.events import Progress, artifact_key, resource
from vmt.runtime.progress import event_text


def test_words_name_nested_values_and_leave_lists_out() -> None:
    payload = {"epoch": 3, "validation": {"chord": 2.10344}, "passed_over": [1], "error": None}
    assert event_text(payload) == "epoch=3 validation.chord=2.1034 error=None"


def test_an_event_is_about_its_video_run_or_version() -> None:
    assert resource({"id": "0001", "run": "a"}) == "vmt.video.0001"
    assert resource({"run": "a", "epoch": 1}) == "vmt.run.a"
    assert resource({"dataset": "main@v0001"}) == "vmt.dataset.main@v0001"
    assert resource({"found": 3}) == "vmt.store"


def test_artifact_keys_have_no_other_signs() -> None:
    assert artifact_key("losses", "Demo_main.v1") == "losses-demo-main-v1"


@pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow")
def test_work_does_not_wait_for_a_server_that_is_away() -> None:
    """It is asked once, and then left alone for a while, though the progress goes on."""
    asked = []

    def refuse() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            asked.append(connection)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=refuse, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        progress = Progress()
        with temporary_settings({PREFECT_API_URL: url}), disable_run_logger():
            for epoch in (1, 2, 3):
                progress.follow("vmt.epoch.finished", {"run": "one", "epoch": epoch, "of": 3})
        listening.shutdown(socket.SHUT_RDWR)
    assert len(asked) == 1
    assert progress.artifacts == {}

"""Failures and nights are told to an Apprise URL: a real receiver on loopback takes them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from flows.nightly import nightly
from flows.notify import notify
from flows.train import train
from tests.flows.conftest import Bucket
from vmt.errors import DatasetError

# Apprise's mail plugin, loaded with the others, imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Messages that came to a receiver of JSON."""
    messages: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("VMT_NOTIFY_URL", f"json://127.0.0.1:{server.server_port}/")
    yield messages
    server.shutdown()
    server.server_close()
    thread.join()


def test_nobody_is_told_by_default() -> None:
    assert not notify("title", "body")


def test_a_message_arrives(received: list[dict[str, Any]]) -> None:
    assert notify("VMT: title", "**body**")
    assert [(each["title"], "body" in each["message"]) for each in received] == [("VMT: title", True)]


@pytest.mark.parametrize("url", ["nonsense", "json://127.0.0.1:9/"])
def test_what_cannot_be_sent_fails_nothing_and_shows_no_url(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VMT_NOTIFY_URL", url)
    assert not notify("VMT: title", "body")
    assert "VMT: title" in caplog.text
    assert url not in "".join(each.getMessage() for each in caplog.records if each.name == "vmt.notify")


@pytest.mark.server
def test_a_failed_flow_and_a_night_are_told(prefect_api: None, bucket: Bucket, received: list[dict[str, Any]]) -> None:
    with pytest.raises(DatasetError):
        train()
    assert [each["title"] for each in received] == ["VMT: train failed"]
    assert "dataset main" in received[0]["message"]
    nightly()
    assert received[-1]["title"].startswith("VMT: the night of 2")
    assert "there is no video under videos/" in received[-1]["message"]

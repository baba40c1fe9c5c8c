"""Failures and nights are told to an Apprise URL: a real receiver on loopback takes them."""

from collections.abc import Iterator
from typing import Any

import pytest

from flows.engine.notify import notify
from flows.nightly import nightly
from flows.train import train
from tests.flows.conftest import Bucket
from tests.flows.receiver import receiving
from vmt.errors import DatasetError

# Apprise's mail plugin, loaded with the others, imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Messages that came to a receiver of JSON."""
    with receiving() as (url, messages):
        monkeypatch.setenv("VMT_NOTIFY_URL", url)
        yield messages


def test_nobody_is_told_by_default() -> None:
    assert not notify("title", "body")


def test_a_message_arrives(received: list[dict[str, Any]]) -> None:
    assert notify("VMT: title", "**body**")
    assert [(each["title"], "body" in each["message"]) for each in received] == [
        ("VMT: title", True)
    ]


@pytest.mark.parametrize("url", ["nonsense", "json://127.0.0.1:9/"])
def test_what_cannot_be_sent_fails_nothing_and_shows_no_url(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VMT_NOTIFY_URL", url)
    assert not notify("VMT: title", "body")
    assert "VMT: title" in caplog.text
    assert url not in "".join(
        each.getMessage() for each in caplog.records if each.name == "vmt.notify"
    )


@pytest.mark.server
def test_a_failed_flow_and_a_night_are_told(
    prefect_api: None, bucket: Bucket, received: list[dict[str, Any]]
) -> None:
    with pytest.raises(DatasetError):
        train()
    assert [each["title"] for each in received] == ["VMT: train failed"]
    assert "dataset main" in received[0]["message"]
    nightly()
    assert received[-1]["title"].startswith("VMT: the night of 2")
    assert "there is no video under videos/" in received[-1]["message"]

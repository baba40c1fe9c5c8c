"""The dashboard over a real S3 server: media come from there to the browser, none through the
dashboard.
"""

import io
import os
import re
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.dashboard.fill import put_champion, put_output, put_run
from tests.e2e.stack import Dashboard, dashboard
from tests.e2e.test_dashboard import play_and_seek
from tests.servers import S3Server
from vmt.store import open_store

pytestmark = [pytest.mark.browser, pytest.mark.server]
LARGE_MIB = 128


@pytest.fixture(scope="module")
def over_s3(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard over a bucket with one run, one soundtrack, and one file that is large."""
    folder = tmp_path_factory.mktemp("s3-dashboard")
    url = f"s3://{s3.bucket}/dashboard"
    store = open_store(url, s3.settings)
    put_run(store, "made-up-amt", epochs=3)
    put_champion(store, "made-up-amt", 3)
    put_output(store, "made-up-amt", 3, "015", "abc")
    large = folder / "large.mp4"
    with large.open("wb") as file:
        file.truncate(LARGE_MIB << 20)
    store.put_file("outputs/made-up-amt/epoch_0003/large/abc/large_cgen_rd.mp4", large)
    variables = {**os.environ, **s3.environment, "VMT_STORE": url}
    with dashboard(variables, folder / "dashboard.log") as started:
        yield started


def peak_mib(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def test_media_play_seek_and_are_saved_straight_from_s3(
    over_s3: Dashboard, s3: S3Server, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    refused: list[str] = []
    hosts: set[str] = set()
    page.on(
        "console",
        lambda message: (
            refused.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    page.on("request", lambda request: hosts.add("/".join(request.url.split("/")[:3])))
    page.goto(f"{over_s3.url}/listen?video=015")
    for tag in ("video", "audio"):
        play_and_seek(page, tag)
        source = page.locator(tag).first.evaluate("player => player.currentSrc")
        assert source.startswith(f"{s3.endpoint}/{s3.bucket}/dashboard/outputs/")
    assert {host for host in hosts if host.startswith("http")} == {over_s3.url, s3.endpoint}
    assert refused == []
    link = page.get_by_role("link", name="Video (.mp4)")
    link.evaluate(
        "link => link.removeAttribute('target')"
    )  # a new tab would take the download with it
    with page.expect_download() as film:
        link.click()
    assert film.value.suggested_filename == "015_cgen_rd.mp4"
    assert film.value.url.startswith(s3.endpoint)
    context.close()


def test_a_large_zip_passes_through_no_memory(over_s3: Dashboard) -> None:
    with urllib.request.urlopen(
        f"{over_s3.url}/zip/outputs/made-up-amt/epoch_0003/015/abc/"
    ) as answer:
        packed = answer.read()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 5
    before, length = peak_mib(over_s3.pid), 0
    with urllib.request.urlopen(
        f"{over_s3.url}/zip/outputs/made-up-amt/epoch_0003/large/"
    ) as answer:
        while piece := answer.read(1 << 20):
            length += len(piece)
    assert length > LARGE_MIB << 20
    assert peak_mib(over_s3.pid) - before < LARGE_MIB / 2

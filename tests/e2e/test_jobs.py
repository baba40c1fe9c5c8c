"""Jobs from the page to a real Prefect server and back."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.fill import fill, media
from tests.e2e.conftest import ROOT, free_port, wait_until_healthy
from vmt.store import ObjectStore, open_store

pytestmark = [pytest.mark.browser, pytest.mark.server]


@contextmanager
def process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        started = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield started
        finally:
            for stop in (signal.SIGINT, signal.SIGKILL):
                if started.poll() is None:
                    os.killpg(started.pid, stop)
                    try:
                        started.wait(15)
                    except subprocess.TimeoutExpired:
                        continue
            started.wait()


def wait_until_answers(url: str, log: Path) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(log.read_text())


def wait_until_served(api: str, log: Path) -> None:
    for _ in range(240):
        if httpx.post(f"{api}/deployments/count", json={}).json() == 3:
            return
        time.sleep(0.5)
    raise AssertionError(f"the deployments are not there after 2 minutes:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Variables that name a filled store and a real Prefect server that serves the stand-in flows."""
    folder = tmp_path_factory.mktemp("stack")
    store = open_store(str(folder / "store"))
    fill(store)
    store.put("inbox/holiday.mp4", media("mp4"))
    port = free_port()
    variables = {
        **os.environ,
        "VMT_STORE": store.url,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    }
    server = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with process(server, variables, folder / "server.log"):
        wait_until_answers(f"{variables['PREFECT_API_URL']}/health", folder / "server.log")
        with process([sys.executable, "-m", "tests.e2e.served"], variables, folder / "served.log"):
            wait_until_served(variables["PREFECT_API_URL"], folder / "served.log")
            yield variables


@contextmanager
def dashboard(variables: dict[str, str], log: Path, *options: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "dashboard", "--port", str(port), *options]
    with process(command, variables, log) as started:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(url, started, log)
        yield url


@pytest.fixture
def jobs(environment: dict[str, str], browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens the Jobs page of a fresh dashboard."""
    with dashboard(environment, tmp_path / "dashboard.log") as url:
        context = browser.new_context(viewport={"width": 1440, "height": 1200})

        def opened(query: str = "") -> Page:
            page = context.new_page()
            page.goto(f"{url}/jobs{query}")
            expect(page.locator("h1")).to_have_text("Jobs", timeout=60_000)
            return page

        yield opened
        context.close()


def test_a_soundtrack_is_asked_for_written_and_played(jobs: Callable[..., Page], environment: dict[str, str]) -> None:
    page = jobs("?job=generate&video=inbox/holiday.mp4&run=made-up-amt&epoch=30")
    expect(page.get_by_text("holiday.mp4").first).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Start", exact=True).dblclick()
    expect(page.get_by_text("soundtrack of inbox/holiday.mp4 is ready").first).to_be_visible(timeout=120_000)
    expect(page.locator("p", has_text="Completed").first).to_be_visible(timeout=60_000)
    asked = {"flows": {"name": {"any_": ["generate"]}}}
    runs = httpx.post(f"{environment['PREFECT_API_URL']}/flow_runs/count", json=asked).json()
    assert runs == 1, "two clicks started two runs"
    page.goto(page.url.split("/jobs")[0] + "/listen?run=made-up-amt&epoch=30&video=holiday")
    page.locator("video").first.evaluate("player => { player.muted = true; return player.play(); }")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.5", timeout=20_000)


def test_a_training_is_cancelled(jobs: Callable[..., Page]) -> None:
    page = jobs("?job=train")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("epoch 1", exact=False).first).to_be_visible(timeout=120_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=60_000)


def test_a_failed_job_says_why(jobs: Callable[..., Page]) -> None:
    page = jobs("?job=ingest")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="4 of 5 videos refused")).to_be_visible(timeout=120_000)
    expect(page.get_by_test_id("stCode")).to_contain_text("Encountered exception", timeout=60_000)
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_a_schedule_is_paused_and_resumed(jobs: Callable[..., Page]) -> None:
    page = jobs()
    switch = page.get_by_text("ingest: */15 * * * * (UTC)")
    switch.click()
    expect(page.get_by_text("ingest: */15 * * * * (UTC), paused")).to_be_visible(timeout=20_000)
    page.get_by_text("ingest: */15 * * * * (UTC), paused").click()
    expect(page.get_by_text("paused")).to_have_count(0, timeout=20_000)


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("operator", True), ("", False)])
def test_only_operators_start(
    environment: dict[str, str], browser: Browser, tmp_path: Path, role: str, may: bool
) -> None:
    options = ("--user-header", "X-Forwarded-User", "--role-header", "X-Forwarded-Role")
    with dashboard(environment, tmp_path / "dashboard.log", *options) as url:
        headers = {"X-Forwarded-User": "ada", **({"X-Forwarded-Role": role} if role else {})}
        context = browser.new_context(extra_http_headers=headers)
        page = context.new_page()
        page.goto(f"{url}/jobs")
        expect(page.get_by_role("heading", name="Recent jobs")).to_be_visible(timeout=60_000)
        expect(page.get_by_role("heading", name="Start a job")).to_have_count(1 if may else 0)
        expect(page.get_by_text("signed in as a viewer")).to_have_count(0 if may else 1)
        context.close()


def test_without_prefect_reading_goes_on(store: ObjectStore, browser: Browser, tmp_path: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    variables |= {"VMT_STORE": store.url, "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"}
    with dashboard(variables, tmp_path / "dashboard.log") as url:
        page = browser.new_page()
        page.goto(f"{url}/jobs")
        expect(page.get_by_text("No Prefect server answers")).to_be_visible(timeout=60_000)
        page.get_by_role("link", name="Runs").click()
        expect(page.locator("h1")).to_have_text("Runs")
        page.close()

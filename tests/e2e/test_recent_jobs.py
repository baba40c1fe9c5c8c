"""Recent jobs and failures in a browser, from a real Prefect server with runs that its client
made.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.stack import Dashboard, dashboard
from tests.prefect_server import PrefectServer
from vmt.store import ObjectStore

pytestmark = [pytest.mark.browser, pytest.mark.server]
SHOWN_MS = 60_000


def made_runs(url: str) -> dict[str, UUID]:
    """A running night, a failed one, and more planned ones than a page lists."""
    with httpx.Client(base_url=url, timeout=30) as api:

        def post(path: str, **content: object) -> dict[str, str]:
            answer = api.post(path, json=content).raise_for_status()
            return dict(answer.json())

        flow = post("/flows/", name="nightly")
        job = post("/deployments/", name="nightly", flow_id=flow["id"])["id"]

        def run(*states: dict[str, object]) -> UUID:
            path = f"/deployments/{job}/create_flow_run"
            name = post(path, state=states[0], parameters={"dataset": "main"})["id"]
            for state in states[1:]:
                post(f"/flow_runs/{name}/set_state", state=state, force=True)
            return UUID(name)

        pending, running = {"type": "PENDING"}, {"type": "RUNNING", "name": "Running"}
        known = {
            "running": run(pending, running),
            "failed": run(pending, running, {"type": "FAILED", "message": "the disk is full"}),
        }
        for number in range(30):
            later = (datetime.now(UTC) + timedelta(hours=1 + number)).isoformat()
            run({"type": "SCHEDULED", "state_details": {"scheduled_time": later}})
        return known


@pytest.fixture(scope="module")
def runs(
    store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Dashboard, dict[str, UUID]]]:
    folder = tmp_path_factory.mktemp("prefect")
    server = PrefectServer(folder)
    try:
        server.wait_until_ready()
        known = made_runs(server.url)
        variables = {**server.environment, "VMT_STORE": store.url}
        with dashboard(variables, folder / "dashboard.log") as started:
            yield started, known
    finally:
        server.stop()


def test_recent_jobs_show_the_running_night_and_the_failure(
    runs: tuple[Dashboard, dict[str, UUID]], browser: Browser
) -> None:
    started, known = runs
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    page.goto(f"{started.url}/jobs?follow={known['running']}")
    expect(page.get_by_role("heading", name="Recent jobs")).to_be_visible(timeout=SHOWN_MS)
    follow = page.get_by_role("combobox", name="Follow a job")
    expect(follow).to_have_value(re.compile("Nightly run · main · .* · running"))

    status = page.get_by_text(re.compile(r"· \d+(\.\d)? (s|min)"))
    before = status.last.inner_text()
    page.wait_for_function(
        "before => ![...document.querySelectorAll('p')].some(p => p.innerText === before)",
        arg=before,
        timeout=20_000,
    )
    follow.click()
    expect(page.get_by_role("option")).to_have_count(2)
    page.get_by_role("option", name="failed").click()
    expect(page.get_by_role("alert").filter(has_text="the disk is full")).to_be_visible()

    page.get_by_role("button", name="Run again").click()
    expect(follow).to_have_value(re.compile("scheduled|waiting"), timeout=SHOWN_MS)
    page.close()


def test_the_overview_shows_what_runs_and_what_failed(
    runs: tuple[Dashboard, dict[str, UUID]], browser: Browser
) -> None:
    started, _ = runs
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    page.goto(started.url)
    expect(page.get_by_text("failed: the disk is full")).to_be_visible(timeout=SHOWN_MS)
    expect(page.get_by_role("link", name="Nightly run →").first).to_be_visible()
    expect(page.get_by_text("Nothing failed")).to_have_count(0)
    page.close()

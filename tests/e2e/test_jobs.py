"""Jobs from the page to a real Prefect server that runs the product's own flows, and back."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.stack import Dashboard, dashboard, served_stack
from tests.servers import free_ports
from tests.studio import film_clip
from vmt.store import ObjectStore

pytestmark = [pytest.mark.browser, pytest.mark.server]
RUNS_S = 180  # a flow's process imports torch and models before it does anything
ENDED_MS, SHOWN_MS = RUNS_S * 1000, 60_000
PROXY = ("--user-header", "X-Forwarded-User", "--role-header", "X-Forwarded-Role")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with served_stack(tmp_path_factory.mktemp("stack")) as variables:
        yield variables


@pytest.fixture(scope="module")
def open_to_all(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    with dashboard(environment, tmp_path_factory.mktemp("log") / "dashboard.log") as started:
        yield started


@pytest.fixture
def jobs(open_to_all: Dashboard, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the Jobs page."""
    context = browser.new_context(viewport={"width": 1440, "height": 1200})

    def opened(query: str = "") -> Page:
        page = context.new_page()
        page.goto(f"{open_to_all.url}/jobs{query}")
        expect(page.get_by_role("heading", name="Jobs", level=1, exact=True)).to_be_visible(
            timeout=SHOWN_MS
        )
        return page

    yield opened
    context.close()


def plays(page: Page, tag: str) -> None:
    player = page.locator(tag).first
    player.evaluate("player => { player.muted = true; return player.play(); }")
    page.wait_for_function(
        "tag => document.querySelector(tag).currentTime > 0.5", arg=tag, timeout=20_000
    )
    player.evaluate("player => { player.currentTime = 3; }")
    page.wait_for_function(
        "tag => document.querySelector(tag).currentTime > 3.2", arg=tag, timeout=20_000
    )


def test_a_soundtrack_is_asked_for_written_and_played(
    jobs: Callable[..., Page], environment: dict[str, str]
) -> None:
    page = jobs("?job=generate")
    page.locator("input[type=file]").set_input_files(film_clip("bigbuckbunny.mp4"))
    expect(page.get_by_text("inbox/bigbuckbunny.mp4 is in the store")).to_be_visible(
        timeout=SHOWN_MS
    )
    expect(page.get_by_label("remove inbox/bigbuckbunny.mp4")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).dblclick()
    expect(page.get_by_text("Progress: soundtracks")).to_be_visible(timeout=ENDED_MS)
    page.get_by_role("link", name="Listen: bigbuckbunny →").click(timeout=ENDED_MS)
    expect(page.get_by_role("heading", name="Listen", level=1, exact=True)).to_be_visible()
    for tag in ("video", "audio"):
        plays(page, tag)
    asked = {"flows": {"name": {"any_": ["generate"]}}}
    runs = httpx.post(f"{environment['PREFECT_API_URL']}/flow_runs/count", json=asked).json()
    assert runs == 1, "two clicks started two runs"


def test_a_training_is_followed_and_cancelled(jobs: Callable[..., Page]) -> None:
    page = jobs("?job=train")
    page.get_by_role("combobox", name="Preset", exact=True).click()
    page.get_by_role("option", name="demo").click()
    page.get_by_role("spinbutton", name="Epochs", exact=True).fill("10000")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_test_id("stCode")).to_contain_text("epoch=1 ", timeout=ENDED_MS)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".stMarkdownBadge", has_text="Cancelled")).to_be_visible(timeout=SHOWN_MS)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_failed_job_says_why(jobs: Callable[..., Page]) -> None:
    page = jobs("?job=ingest")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="5 of 5 new videos are not")).to_be_visible(
        timeout=ENDED_MS
    )
    expect(page.get_by_test_id("stCode")).to_contain_text("Encountered exception", timeout=SHOWN_MS)
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_a_schedule_is_resumed_and_paused(
    jobs: Callable[..., Page], environment: dict[str, str]
) -> None:
    """Its deployment may be paused as a whole, too, as Prefect's page does it: then nothing starts
    by itself either.
    """
    api = environment["PREFECT_API_URL"]
    housekeep = (
        httpx.get(f"{api}/deployments/name/housekeep/housekeep").raise_for_status().json()["id"]
    )
    words = "Housekeeping: weekly"
    for _ in range(2):
        page = jobs()
        page.get_by_text(f"{words}, paused").click()
        expect(page.get_by_text(f"{words}, next start")).to_be_visible(timeout=20_000)
        httpx.post(f"{api}/deployments/{housekeep}/pause_deployment").raise_for_status()
    page = jobs()
    page.get_by_text(f"{words}, paused").click()
    page.get_by_text(f"{words}, next start").click()
    expect(page.get_by_text(f"{words}, paused")).to_be_visible(timeout=20_000)


def test_only_operators_start(
    environment: dict[str, str], browser: Browser, tmp_path: Path
) -> None:
    with dashboard(environment, tmp_path / "dashboard.log", *PROXY) as started:
        for role, may in (("viewer", False), ("operator", True), ("", False)):
            headers = {"X-Forwarded-User": "ada", **({"X-Forwarded-Role": role} if role else {})}
            context = browser.new_context(extra_http_headers=headers)
            page = context.new_page()
            page.goto(f"{started.url}/jobs")
            expect(page.get_by_role("heading", name="Recent jobs")).to_be_visible(timeout=SHOWN_MS)
            for words in ("Start", "Cancel"):
                expect(page.get_by_role("button", name=words, exact=True)).to_have_count(
                    1 if may and words == "Start" else 0
                )
            expect(page.get_by_text("signed in as a viewer")).to_have_count(0 if may else 1)
            context.close()


def test_without_prefect_reading_goes_on(
    store: ObjectStore, browser: Browser, tmp_path: Path
) -> None:
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
    }
    variables |= {
        "VMT_STORE": store.url,
        "PREFECT_API_URL": f"http://127.0.0.1:{free_ports(1)[0]}/api",
    }
    with dashboard(variables, tmp_path / "dashboard.log") as started:
        page = browser.new_page()
        page.goto(f"{started.url}/jobs")
        expect(page.get_by_text("No Prefect server answers")).to_be_visible(timeout=SHOWN_MS)
        page.get_by_role("link", name="Runs").click()
        expect(page.get_by_role("heading", name="Runs", level=1, exact=True)).to_be_visible()
        page.close()

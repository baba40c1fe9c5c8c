import os
import shutil
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.dashboard.fill import fill
from tests.e2e.stack import dashboard
from vmt.store import ObjectStore, open_store

PATIENCE_MS = 20_000  # two cores run two browsers, two dashboards and the rest of the stack
Theme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each file: while it is open an event loop runs, and Prefect takes every call for
    an async one.
    """
    chromium = shutil.which("chromium")
    assert chromium, "no chromium on the PATH; install Debian's package chromium"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    filled = open_store(str(tmp_path_factory.mktemp("dashboard") / "store"))
    fill(filled)
    return filled


@pytest.fixture(scope="session")
def url(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server over the filled store."""
    log = tmp_path_factory.mktemp("log") / "dashboard.log"
    with dashboard({**os.environ, "VMT_STORE": store.url}, log) as started:
        yield started.url


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """Opens a page of the dashboard; nothing may be asked of any other host."""
    outside: list[str] = []
    contexts = []

    def opened(path: str, *, width: int = 1440, theme: Theme = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request",
            lambda request: None if local(request.url, url) else outside.append(request.url),
        )
        page.goto(url + path)
        page.locator("h1").first.wait_for(timeout=30_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert outside == []


def local(address: str, url: str) -> bool:
    return address.startswith((url, url.replace("http", "ws", 1), "data:", "blob:"))

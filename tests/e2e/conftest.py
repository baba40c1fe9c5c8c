import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.dashboard.fill import fill
from vmt.store import ObjectStore, open_store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each file: while it is open an event loop runs, and Prefect takes every call for an async one."""
    chromium = shutil.which("chromium")
    assert chromium, "no chromium on the PATH; install Debian's package chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    filled = open_store(str(tmp_path_factory.mktemp("dashboard") / "store"))
    fill(filled)
    return filled


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise AssertionError(f"the dashboard did not come up: {log.read_text()}")


@pytest.fixture(scope="session")
def url(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server over the filled store."""
    port, log = free_port(), tmp_path_factory.mktemp("log") / "dashboard.log"
    command = [sys.executable, "-m", "dashboard", "--port", str(port)]
    environment = {**os.environ, "VMT_STORE": store.url}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_healthy(address, process, log)
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """Opens a page of the dashboard; nothing may be asked of any other host."""
    outside: list[str] = []
    contexts = []

    def opened(path: str, *, width: int = 1440, theme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, locale="en-GB", timezone_id="Europe/Berlin"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: None if local(request.url, url) else outside.append(request.url))
        page.goto(url + path)
        page.locator("h1").first.wait_for(timeout=30_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert outside == []


def local(address: str, url: str) -> bool:
    return address.startswith((url, url.replace("http", "ws", 1), "data:", "blob:"))

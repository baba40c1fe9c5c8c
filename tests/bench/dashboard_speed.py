"""How fast the dashboard is in a real browser, and whether its memory stays flat, over a large
store of made-up runs.

    python -m tests.dashboard.fill FOLDER --runs 200
    VMT_STORE=FOLDER python -m dashboard --port 8501 &
    python -m tests.bench.dashboard_speed http://127.0.0.1:8501 --pid $!

Prints seconds until the content of a page stands, the median of the repeats, and the resident
memory of the dashboard's process over the page views. Every tenth view is a visitor who arrives
anew and looks at a run or a video that nobody looked at before. Exit code 1 if memory is not flat:
over `FLAT_SHARE` more at the last view than at view `WARM`, by when every page was seen.
"""

import argparse
import itertools
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CONTENT = {
    "Overview": "[data-testid=stMetric]",
    "Runs": "[data-testid=stDataFrame]",
    "Listen": "video",
    "Compare": "video",
    "Dataset": "[data-testid=stMetric]",
}
AIMS_S = {"first view": 3.0, "filter": 0.3}
CHANGE_AIM_S = 1.0
WARM = 20
SHOWN_AT = (WARM, 50, 100, 150)
FLAT_SHARE = 0.1
NEW_VISITOR_EACH = 10
TIMEOUT_MS = 60_000


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def change(page: Page, name: str) -> float:
    """Seconds from the click on a page's name until its content stands."""

    def act() -> None:
        page.get_by_role("link", name=name, exact=True).click()
        page.locator("h1", has_text=name).wait_for()
        page.locator(CONTENT[name]).first.wait_for()

    return timed(act)


def arrive(page: Page, url: str) -> None:
    page.goto(url)
    page.locator(CONTENT["Overview"]).first.wait_for()


def away(page: Page) -> None:
    """To the Jobs page, so that the next change is one; not a change to measure."""
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.locator("h1", has_text="Jobs").wait_for()


def changes(page: Page, name: str, repeats: int) -> list[float]:
    found = []
    for _ in range(repeats):
        away(page)
        found.append(change(page, name))
    return found


def filters(page: Page, repeats: int) -> list[float]:
    """Seconds from the Enter key in the filter of the table of runs until the table shows what is
    left.
    """
    change(page, "Runs")
    return [
        narrow(page, words, small)
        for _ in range(repeats)
        for words, small in (("made-up-199", True), ("", False))
    ]


def narrow(page: Page, words: str, small: bool) -> float:
    """Seconds until a filter left a small table, or a large one."""
    box = page.get_by_role("textbox", name="Filter")
    box.fill(words)
    shown = (
        "small => (document.querySelector('[data-testid=stDataFrame] canvas').clientHeight < "
        "120) === small"
    )

    def act() -> None:
        box.press("Enter")
        page.wait_for_function(shown, arg=small)

    return timed(act)


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def say(name: str, seconds: list[float], aim_s: float) -> None:
    median = statistics.median(seconds)
    print(f"{name}: {median:.2f} s, worst {max(seconds):.2f} s (aim {aim_s:g} s)", flush=True)


def links() -> Iterator[str]:
    """Addresses of runs and videos that were not seen yet."""
    for number in itertools.count():
        yield f"/runs?run=made-up-{number % 200:03d}"
        yield f"/listen?video={number % 2000:03d}"
        yield f"/compare?video={number % 2000:03d}"
        yield f"/dataset?video={number % 2:03d}"


def watch_memory(browser: Browser, page: Page, url: str, pid: int, views: int) -> bool:
    """Print the memory after some of the page views; whether it is flat."""
    others = [name for name in CONTENT if name != "Overview"]
    unseen, warm = links(), 0.0
    for view in range(1, views + 1):
        if view % NEW_VISITOR_EACH == 0:
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            visitor = context.new_page()
            visitor.set_default_timeout(TIMEOUT_MS)
            visitor.goto(url + next(unseen))
            visitor.locator("h1").first.wait_for()
            visitor.locator("[data-testid=stVegaLiteChart], video").first.wait_for()
            context.close()
        else:
            change(page, others[view % len(others)] if view % 3 else "Overview")
        now = memory_mib(pid)
        warm = now if view <= WARM else warm
        if view in (*SHOWN_AT, views):
            print(f"memory at view {view}: {now:.0f} MiB", flush=True)
    return memory_mib(pid) <= warm * (1 + FLAT_SHARE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--pid", type=int, required=True, help="of the dashboard")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--views", type=int, default=200, help="page views over which memory is watched"
    )
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(TIMEOUT_MS)
        print(f"memory at the start: {memory_mib(arguments.pid):.0f} MiB")
        say("first view", [timed(lambda: arrive(page, arguments.url))], AIMS_S["first view"])
        for name in CONTENT:
            say(name, changes(page, name, arguments.repeats), CHANGE_AIM_S)
        say("filter", filters(page, arguments.repeats), AIMS_S["filter"])
        flat = watch_memory(browser, page, arguments.url, arguments.pid, arguments.views)
        browser.close()
    print(
        "memory is flat"
        if flat
        else f"memory is not flat: over {FLAT_SHARE:.0%} more than at view {WARM}"
    )
    sys.exit(0 if flat else 1)


if __name__ == "__main__":
    main()

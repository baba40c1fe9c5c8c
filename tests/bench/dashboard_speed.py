"""How fast the dashboard is in a real browser, over a large store of made-up runs.

    python -m tests.dashboard.fill FOLDER --runs 200
    VMT_STORE=FOLDER python -m dashboard --port 8501 &
    python -m tests.bench.dashboard_speed http://127.0.0.1:8501 --pid $!

Prints seconds until the content of a page stands; each is the median of the repeats, the first view the first alone.
"""

import argparse
import re
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CONTENT = {
    "Overview": "[data-testid=stMetric]",
    "Runs": "[data-testid=stDataFrame]",
    "Listen": "video",
    "Compare": "video",
    "Dataset": "[data-testid=stMetric]",
}


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


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--pid", type=int, required=True, help="of the dashboard")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--views", type=int, default=200, help="page views over which memory is watched")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        first = timed(lambda: (page.goto(arguments.url), page.locator(CONTENT["Overview"]).first.wait_for()))
        print(f"first view: {first:.2f} s")
        for name in CONTENT:
            seconds = [
                change(page, other)
                for _ in range(arguments.repeats)
                for other in ("Jobs", name)
                if other == name or away(page)
            ]
            print(f"{name}: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")
        change(page, "Runs")
        box = page.get_by_role("textbox", name="Filter")

        def narrow() -> None:
            box.fill("made-up-199")
            box.press("Enter")
            page.wait_for_function(
                "() => document.querySelector('[data-testid=stDataFrame] canvas').clientHeight < 120"
            )

        print(f"filter: {timed(narrow):.2f} s")
        before, names = memory_mib(arguments.pid), list(CONTENT)
        for number in range(arguments.views):
            change(page, names[number % len(names)])
        print(
            f"memory: {before:.0f} MiB before {arguments.views} page views, {memory_mib(arguments.pid):.0f} MiB after"
        )
        browser.close()


def away(page: Page) -> bool:
    """Go to the Jobs page first, so that every change is one; not a change to measure."""
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.locator("h1", has_text="Jobs").wait_for()
    return False


if __name__ == "__main__":
    main()

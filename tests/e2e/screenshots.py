"""Pictures of every page for the documentation, from a dashboard that runs over a filled store.

python -m tests.dashboard.fill FOLDER
VMT_STORE=FOLDER python -m dashboard --port 8501 &
python -m tests.e2e.screenshots http://127.0.0.1:8501 docs/img

For `--only jobs` the dashboard has to know a Prefect server with a few runs, such as that of `vmt
up`.
"""

import argparse
import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

PAGES = {
    "overview": "/",
    "runs": "/runs?overlay=made-up-amt,made-up-demo,made-up-lost",
    "run": "/runs?run=made-up-amt",
    "listen": "/listen",
    "compare": "/compare",
    "dataset": "/dataset",
    "jobs": "/jobs",
}
WIDTHS = {"wide": 1440, "narrow": 390}
EXACT = 128
TALLEST = 1500
SETTLED = """() => !document.querySelector('[data-testid=stSkeleton]')
    && !document.querySelector('[data-testid=stStatusWidget]')"""
SETTLE_MS = 3000  # charts draw themselves after their data came


def in_256_colours(picture: Image.Image) -> Image.Image:
    """The commonest colours as they are, so that faint borders and grounds stay, and the rest by an
    octree.

    An octree keeps rare colours, such as a chart's thin lines, which other palettes lose, and
    merges what is close.
    """
    colours, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
    common = colours[np.argsort(-counts)[:EXACT]].ravel().tolist()
    octree = picture.quantize(256 - EXACT, method=Image.Quantize.FASTOCTREE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*common, *octree[: 3 * (256 - EXACT)]])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=PAGES, nargs="*", default=list(PAGES))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name in arguments.only:
            for theme in ("light", "dark"):
                for size, width in WIDTHS.items():
                    context = browser.new_context(
                        viewport={"width": width, "height": TALLEST},
                        color_scheme=theme,
                        locale="en-GB",
                        timezone_id="UTC",
                    )
                    page = context.new_page()
                    page.goto(arguments.url + PAGES[name])
                    page.locator("h1").first.wait_for(timeout=60_000)
                    page.wait_for_function(SETTLED, timeout=60_000)
                    page.wait_for_timeout(SETTLE_MS)
                    picture = Image.open(io.BytesIO(page.screenshot()))
                    path = arguments.folder / f"dashboard-{name}-{size}-{theme}.png"
                    small = picture.resize(
                        (picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.LANCZOS
                    )
                    chosen = (small if size == "wide" else picture).convert("RGB")
                    in_256_colours(chosen).save(path, optimize=True)
                    print(path, path.stat().st_size // 1000, "kB")
                    context.close()
        browser.close()


if __name__ == "__main__":
    main()

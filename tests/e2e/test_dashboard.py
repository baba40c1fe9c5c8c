"""The dashboard in a real browser, over a store of made-up runs with real media files."""

import io
import itertools
import json
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Theme
from vmt.store import ObjectStore

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def best_epoch(store: ObjectStore) -> int:
    return int(json.loads(store.get("runs/made-up-amt/summary.json"))["best_epoch"])


def play_and_seek(page: Page, tag: str) -> None:
    """Press play on the first `tag`, see it advance, seek, and see it go on from there."""
    player = page.locator(tag).first
    player.wait_for()
    player.evaluate("player => { player.muted = true; return player.play(); }")
    page.wait_for_function(
        "tag => document.querySelector(tag).currentTime > 0.5", arg=tag, timeout=20_000
    )
    player.evaluate("player => { player.currentTime = 8; }")
    page.wait_for_function(
        "tag => document.querySelector(tag).currentTime > 8.3", arg=tag, timeout=20_000
    )
    assert player.evaluate("player => player.error") is None
    assert player.evaluate("player => player.duration") == pytest.approx(12.0, abs=0.1)


def test_a_run_opens_by_keyboard_and_shows_its_best_epoch(visit: Visit, store: ObjectStore) -> None:
    page = visit("/runs")
    page.get_by_role("combobox", name="Open a run").click()
    page.keyboard.type("made-up-amt")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="made-up-amt", level=1, exact=True)).to_be_visible()
    assert "run=made-up-amt" in page.url
    best = best_epoch(store)
    expect(page.get_by_test_id("stMetric").filter(has_text="Best epoch")).to_contain_text(str(best))
    expect(page.get_by_text(f"Best epoch: {best}")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(5)
    page.get_by_role("button", name="All runs").click()
    expect(page.get_by_role("heading", name="Runs", level=1, exact=True)).to_be_visible()


def test_the_film_and_the_sound_play_and_seek(visit: Visit) -> None:
    page = visit("/listen")
    play_and_seek(page, "video")
    play_and_seek(page, "audio")


def test_every_file_can_be_saved_under_its_name(visit: Visit, store: ObjectStore) -> None:
    page = visit(f"/listen?run=made-up-amt&epoch={best_epoch(store)}&video=049")
    for kind in ("mp4", "flac", "mid", "lab", "json"):
        link = page.get_by_role("link", name=re.compile(rf"\(\.{kind}\)")).get_attribute("href")
        assert link is not None
        with urllib.request.urlopen(link) as answer:
            assert f'filename="049_cgen_rd.{kind}"' in answer.headers["Content-Disposition"]
            assert int(answer.headers["Content-Length"]) > 0


def test_a_link_shows_what_it_selects(visit: Visit) -> None:
    page = visit("/listen?run=made-up-amt&epoch=30&video=049")
    for label, value in (("Run", "made-up-amt"), ("Epoch", "30"), ("Video", "049")):
        expect(page.get_by_role("combobox", name=label, exact=True)).to_have_value(value)


def test_the_language_switch_follows_to_the_next_page(visit: Visit) -> None:
    page = visit("/runs")
    page.get_by_text("中文").click()
    expect(page.get_by_role("heading", name="训练记录", level=1, exact=True)).to_be_visible()
    page.get_by_role("link", name="试听").click()
    expect(page.get_by_role("heading", name="试听", level=1, exact=True)).to_be_visible()
    assert "lang=zh" in page.url


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/runs?run=made-up-amt", "/listen", "/compare", "/dataset", "/jobs"]
)
def test_a_narrow_page_does_not_scroll_sideways(visit: Visit, path: str) -> None:
    page = visit(path, width=390)
    page.wait_for_timeout(1500)
    assert page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


@pytest.mark.parametrize(
    "path",
    [
        "outputs/../../../etc/passwd.json",
        "outputs/..%2f..%2fetc/passwd.json",
        "models/champion.json",
        "runs/made-up-amt/weights/epoch_0000.safetensors",
        "outputs/none.mp4",
        "%2fetc/passwd.json",
    ],
)
def test_only_media_of_the_store_are_served(url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}/files/{path}")
    assert refused.value.code in (400, 404)
    refused.value.close()


def test_tables_and_charts_are_saved(visit: Visit) -> None:
    page = visit("/runs?run=made-up-amt")
    with page.expect_download() as table:
        page.get_by_role("button", name="Download results.csv").click()
    assert table.value.suggested_filename == "made-up-amt-results.csv"
    assert (
        Path(table.value.path()).read_text().startswith("Epoch,Learn rate,Avg Train loss (total)")
    )
    chart = page.get_by_test_id("stVegaLiteChart").first
    expect(chart.locator("canvas, svg").first).to_be_visible(timeout=30_000)
    chart.evaluate(
        "chart => chart.scrollIntoView({block: 'center'})"
    )  # its toolbar out from under the page's header
    chart.hover()
    expect(page.get_by_test_id("stElementToolbar").first).to_have_css("opacity", "1")
    with page.expect_download() as picture:
        page.get_by_role("button", name="Download as PNG").first.click()
    assert Path(picture.value.path()).read_bytes().startswith(b"\x89PNG")


def test_the_line_runs_with_the_player_and_a_click_moves_it(visit: Visit) -> None:
    page = visit("/listen")
    line = page.locator(".vmt-playhead")
    line.wait_for(state="attached")
    page.wait_for_function("() => document.querySelector('.vmt-playhead').style.left")
    start = line.evaluate("line => parseFloat(line.style.left)")
    play_and_seek(page, "audio")
    assert line.evaluate("line => parseFloat(line.style.left)") > start + 300
    page.locator("audio").evaluate("player => player.pause()")
    charts = page.locator(".st-key-timeline")
    box = charts.bounding_box()
    assert box is not None
    charts.click(position={"x": start + 0.25 * (box["width"] - start), "y": box["height"] - 80})
    second = page.locator("audio").evaluate("player => player.currentTime")
    assert second == pytest.approx(3.0, abs=0.4)
    expect(page.locator(".now")).to_contain_text("0:0")


def test_a_zip_of_a_videos_takes(visit: Visit, store: ObjectStore) -> None:
    page = visit(f"/listen?run=made-up-amt&epoch={best_epoch(store)}&video=015")
    link = page.get_by_role("link", name="All 2 takes of this video (.zip)").get_attribute("href")
    assert link is not None
    with urllib.request.urlopen(link) as answer:
        assert "made-up-amt" in answer.headers["Content-Disposition"]
        with zipfile.ZipFile(io.BytesIO(answer.read())) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) == 10


def test_the_browser_is_told_to_fetch_from_here_alone(url: str) -> None:
    with urllib.request.urlopen(url) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


def test_another_take_leads_to_its_form(visit: Visit) -> None:
    page = visit("/listen")
    link = page.get_by_role("link", name="Make another take").get_attribute("href")
    assert link is not None
    assert "like=outputs" in link


def test_a_blind_rating_is_sent_in_the_browser(visit: Visit, store: ObjectStore) -> None:
    page = visit("/compare?mode=blind&video=015")
    expect(page.locator("video")).to_have_count(2)
    assert "made-up-amt" not in page.get_by_test_id("stForm").inner_text()
    before = len(list(store.list("ratings/")))
    for number in range(10):
        page.get_by_test_id("stForm").get_by_role("radiogroup").nth(number).get_by_text("4").click()
    page.get_by_role("button", name="Send and reveal").click()
    expect(page.get_by_text("Thank you. A was")).to_be_visible(timeout=20_000)
    assert len(list(store.list("ratings/"))) == before + 1


@pytest.mark.parametrize(("width", "named"), [(390, 2), (700, 6), (1280, 12)])
def test_chord_names_never_overlap(
    visit: Visit, store: ObjectStore, width: int, named: int
) -> None:
    """Chords that change every second, twelve in all: those are named whose name fits."""
    best = best_epoch(store)
    key = f"outputs/made-up-amt/epoch_{best:04d}/049/3fd91c07/049_cgen_rd.json"
    record = json.loads(store.get(key))
    names = ["D#:maj7", "A:min7", "C#:hdim7", "N", "G", "F#:min6"]
    store.put(key, json.dumps({**record, "chords": names * 2}).encode())
    try:
        page = visit(f"/listen?video=049&take=3fd91c07&epoch={best}", width=width)
        chart = page.locator(".st-key-timeline svg.marks").first
        chart.locator("text").first.wait_for()
        page.wait_for_timeout(1500)  # charts take their width after they are drawn
        boxes = chart.locator(".mark-text.role-mark text").evaluate_all(
            "texts => texts.filter(text => text.textContent.trim())"
            ".map(text => text.getBoundingClientRect()).map(box => [box.left, box.right])"
        )
    finally:
        store.put(key, json.dumps(record).encode())
    boxes.sort()
    assert all(right <= left for (_, right), (left, _) in itertools.pairwise(boxes))
    assert len(boxes) >= named


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_stand_right_aligned(visit: Visit, theme: Theme) -> None:
    page = visit("/runs?run=made-up-amt", theme=theme)
    cell = page.locator('[class*="st-key-numbers"] td').first
    cell.wait_for()
    expect(cell).to_have_css("text-align", "right")
    expect(cell).to_have_css("font-variant-numeric", "tabular-nums")


def test_a_comparison_of_runs_has_short_legends(visit: Visit) -> None:
    page = visit("/runs?overlay=made-up-amt,made-up-demo")
    legend = page.locator("svg .role-legend-label text")
    expect(legend.filter(has_text="demo")).to_have_text("demo")
    expect(page.get_by_text("Differences")).to_be_visible()

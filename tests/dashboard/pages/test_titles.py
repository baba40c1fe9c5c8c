"""Every page names a video by its title as it was given, whatever its id in the store is."""

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages.jobs.recent import subject
from dashboard.sources import titles
from tests.dashboard.fill import put_dataset, put_output
from vmt.catalog.identity import assign, identify
from vmt.catalog.page_index_writers import note_refused, note_soundtracks
from vmt.catalog.records.videos import IngestEntry
from vmt.store import ObjectStore

Open = Callable[..., AppTest]
TITLE = "Où *est* le soleil？ 🌊 $5 [dQw4w9WgXcQ]"
ESCAPED = r"Où \*est\* le soleil？ 🌊 \$5 \[dQw4w9WgXcQ\]"


@pytest.fixture
def video(store: ObjectStore) -> str:
    """The id of the video with `TITLE`, which has a soundtrack."""
    made = identify(store, f"inbox/{TITLE}.mp4")
    assert made.title == TITLE
    assert made.id != TITLE
    prefix = put_output(store, "r", 1, made.id, "abc")
    record = f"{prefix}{made.id}_cgen_rd.json"
    note_soundtracks(store, "r", 1, [(made.id, "abc")], [record])
    return made.id


def words(app: AppTest) -> str:
    """All Markdown of a page, and the labels of its links."""
    links = [link.proto.label for link in app.get("page_link")]
    return "\n".join([*(markdown.value for markdown in app.markdown), *links])


def test_listen(video: str, open_page: Open) -> None:
    app = open_page("listen", video=video)
    box = app.selectbox(key="choose-video")
    assert (box.value, box.options) == (video, [TITLE])
    assert f"**{ESCAPED}**" in words(app)
    assert not app.exception


def test_compare(video: str, open_page: Open) -> None:
    app = open_page("compare")
    assert app.selectbox(key="choose-video").options == [TITLE]
    assert not app.exception


def test_overview(video: str, open_page: Open) -> None:
    app = open_page("overview")
    assert f"{ESCAPED} →" in words(app)
    assert not app.exception


def test_dataset(store: ObjectStore, open_page: Open) -> None:
    """In its table, in the list to open one, on its own page, and where it was refused."""
    put_dataset(store, "main", 1, 3)
    assign(store, ["videos/001.mp4"], {"videos/001.mp4": TITLE})
    refused = {f"videos/{TITLE}.mkv": IngestEntry("s", "x", None, code="damaged", reason="why")}
    note_refused(store, "videos/", refused)

    app = open_page("dataset")
    assert TITLE in app.selectbox(key="choose-video").options
    tables: list[pd.DataFrame] = [table.value for table in app.dataframe]
    assert all(TITLE in list(table["Video"]) for table in tables)
    assert len(tables) == 2
    assert f"**{ESCAPED}**" in words(open_page("dataset", video="001"))


def test_a_job_names_its_videos(store: ObjectStore) -> None:
    assign(store, ["inbox/slug-0123.mp4"], {"inbox/slug-0123.mp4": TITLE})
    titles._known.clear()
    parameters = {"videos": ["inbox/slug-0123.mp4", "inbox/other.mp4"]}
    assert subject("generate", parameters) == f"{TITLE}, other"


def test_two_videos_of_one_title_are_told_apart(store: ObjectStore) -> None:
    made = assign(store, ["inbox/a/GX01.mp4", "inbox/b/GX01.mp4"])
    titles._known.clear()
    first, second = (made[key].id for key in sorted(made))
    assert (titles.title(first), titles.title(second)) == ("GX01", f"GX01 ({second})")
    assert titles.title("of a store without ids") == "of a store without ids"

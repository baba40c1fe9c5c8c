from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.dashboard.fill import fill, put_dataset, put_thumbnails
from vmt.catalog.page_index_writers import note_refused, note_version
from vmt.catalog.records.datasets import DatasetInfo
from vmt.catalog.records.videos import IngestEntry
from vmt.store import ObjectStore

Open = Callable[..., AppTest]


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_an_empty_store_says_what_to_run(store: ObjectStore, open_page: Open) -> None:
    app = open_page("dataset")
    assert "vmt dataset freeze" in app.code[0].value
    assert "Refused videos: 0" in app.subheader[0].value


def test_the_newest_version_is_shown_first(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    app = open_page("dataset")
    assert app.selectbox(key="choose-version").value == "v0004"
    assert metrics(app) == {
        "Videos": "55",
        "Training": "45",
        "Validation": "5",
        "Test": "5",
    }
    app.selectbox(key="choose-version").select("v0001").run()
    assert metrics(app)["Videos"] == "16"
    assert app.query_params["version"] == "v0001"


def test_an_unpublished_version_is_not_shown(store: ObjectStore, open_page: Open) -> None:
    put_dataset(store, "main", 1, 3, records=0)
    store.put("datasets/main/v0002/manifest.parquet", b"half written")
    assert open_page("dataset").selectbox(key="choose-version").options == ["v0001"]


def test_a_video_shows_its_features(store: ObjectStore, open_page: Open) -> None:
    put_dataset(store, "main", 1, 3, untrained=True)
    app = open_page("dataset", video="001")
    text = "\n".join(markdown.value for markdown in app.markdown)
    assert "Video: **001**" in text
    assert "untrained CLIP weights" in text
    assert not app.exception


def test_a_video_whose_features_are_gone_says_so(store: ObjectStore, open_page: Open) -> None:
    put_dataset(store, "main", 1, 3, records=0)
    app = open_page("dataset", video="001")
    assert "features/made-up/none is not in the store" in app.warning[0].value


def test_damaged_features_are_one_sentence(store: ObjectStore, open_page: Open) -> None:
    put_dataset(store, "main", 1, 3, records=0)
    store.put("features/made-up/none", b"no safetensors")
    app = open_page("dataset", video="001")
    assert "features record is damaged" in app.error[0].value
    assert not app.exception


def test_refused_videos_are_listed_with_their_reasons(store: ObjectStore, open_page: Open) -> None:
    fill(store)
    table = open_page("dataset").dataframe[-1].value
    assert list(table["Code"]) == ["no-sound", "truncated"]
    assert "no audio stream" in table["Reason"][0]


def test_thumbnails_are_shown_where_ingest_made_them(store: ObjectStore, open_page: Open) -> None:
    put_dataset(store, "main", 1, 3)
    put_thumbnails(store, "001")
    assert open_page("dataset", video="001").image[0].value[0].endswith(".jpg")
    assert not open_page("dataset", video="000").image


def test_versions_and_refusals_are_read_from_what_jobs_noted(
    store: ObjectStore, open_page: Open
) -> None:
    put_dataset(store, "main", 1, 3, records=0)
    note_version(store, DatasetInfo("main", 1, 25, "x", videos=3, seconds=36))
    torn = IngestEntry("s", "torn", None, code="truncated", reason="it ends early")
    entries = {"videos/torn.mp4": torn}
    note_refused(store, "videos/", entries)
    app = open_page("dataset")
    assert app.selectbox(key="choose-version").options == ["v0001"]
    assert list(app.dataframe[-1].value["Reason"]) == ["it ends early"]

"""Rights beside videos: kept in the manifest, required where told, never in the features' key."""

import json
from pathlib import Path

import pytest

from tests.studio import Studio
from vmt.catalog import datasets
from vmt.catalog.rights import missing_rights, rights_of
from vmt.errors import AnnotationError, DatasetError
from vmt.jobs.dataset.freeze import freeze
from vmt.jobs.ingest.ingest import ingest
from vmt.store import LocalStore

WHOLE = {"source": "https://example.org/ä", "licence": "CC BY 4.0", "consent": True}


def test_they_are_kept_in_the_manifest_and_required_where_told(
    studio: Studio, tmp_path: Path
) -> None:
    store = studio.copy(tmp_path / "copy")
    name = studio.extractor.name
    first, second, third = sorted(studio.truths)
    store.put(f"videos/{first}.json", json.dumps(WHOLE | {"views": 3}).encode())
    store.put(
        f"videos/{second}.json",
        json.dumps({"source": "own", "licence": "", "consent": False}).encode(),
    )
    features = {each.key: each.etag for each in store.list("features/")}
    ingest(store, studio.extractor)
    assert {each.key: each.etag for each in store.list("features/")} == features
    with pytest.raises(DatasetError, match="2 of 3 videos are without rights") as refused:
        freeze(store, name, chord_labels=25, require_rights=True)
    assert f"videos/{second}.mp4: no licence, consent in {second}.json" in str(refused.value)
    assert f"videos/{third}.mp4: no {third}.json beside it" in str(refused.value)
    newer = freeze(store, name, chord_labels=25)
    rows = datasets.read(store, datasets.resolve(store, newer)).manifest.set_index("id")["rights"]
    assert (json.loads(rows[first]), rows[third]) == (WHOLE, "")
    for each in (second, third):
        store.put(f"videos/{each}.json", json.dumps(WHOLE).encode())
    ingest(store, studio.extractor)
    assert freeze(store, name, chord_labels=25, require_rights=True) == "main@v0003"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"CC0", "a.json: is not JSON"),
        (b"\xff\xfe\x00", "a.json: is not JSON"),
        (b"[1]", "a.json: is not a JSON object"),
        (b'{"licence": 4}', "a.json: licence is 4; write it as text"),
        (b'{"source": true}', "a.json: source is true; write it as text"),
    ],
)
def test_malformed_ones_are_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("videos/a.json", data)
    with pytest.raises(AnnotationError, match=reason):
        rights_of(store, ["videos/a.lab", "videos/a.json"])


def test_what_is_missing() -> None:
    assert missing_rights("") == ("source", "licence", "consent")
    assert missing_rights(json.dumps(WHOLE)) == ()
    assert missing_rights('{"source": " ", "licence": "MIT", "consent": "letter of 3 May"}') == (
        "source",
    )

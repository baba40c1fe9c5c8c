import io
import zipfile
from pathlib import Path

import pytest

from dashboard.http import archive
from tests.dashboard.fill import put_output
from vmt.catalog.records import dumps
from vmt.catalog.records.soundtracks import BatchRequest, BatchSoundtrack, BatchSummary
from vmt.store import LocalStore, open_store


def unzipped(store: LocalStore, name: str) -> dict[str, bytes]:
    content = b"".join(archive.stream(store, archive.members(store, name)))
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        return {each: opened.read(each) for each in opened.namelist()}


@pytest.fixture
def filled(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "store")
    for take in ("aaa", "bbb"):
        put_output(store, "run", 3, "015", take, files_too=False)
        store.put(f"outputs/run/epoch_0003/015/{take}/015_cgen_rd.mp4", take.encode() * 1_000_000)
    return store


def test_a_take_and_all_takes_come_out_as_they_went_in(filled: LocalStore) -> None:
    take = unzipped(filled, "outputs/run/epoch_0003/015/aaa/")
    assert set(take) == {f"run/epoch_0003/015/aaa/015_cgen_rd.{kind}" for kind in ("json", "mp4")}
    assert take["run/epoch_0003/015/aaa/015_cgen_rd.mp4"] == b"aaa" * 1_000_000
    assert len(unzipped(filled, "outputs/run/epoch_0003/015/")) == 4


def test_a_batch_holds_what_its_summary_names_and_is_still_there(filled: LocalStore) -> None:
    key = "outputs/run/epoch_0003/015/aaa/015_cgen_rd.mp4"
    files = {"mp4": key, "lab": "outputs/gone.lab", "bad": "models/champion.json"}
    filled.put("models/champion.json", b"{}")
    made = (BatchSoundtrack("015", "aaa", "made", files),)
    summary = BatchSummary("run", 3, BatchRequest(("inbox/015.mp4",), {}, 1), made, ())
    filled.put("outputs/run/epoch_0003/batch-0123456789.json", dumps(summary))
    assert set(unzipped(filled, "outputs/run/epoch_0003/batch-0123456789.json")) == {
        key.removeprefix("outputs/")
    }


def test_it_comes_in_pieces(filled: LocalStore) -> None:
    pieces = list(
        archive.stream(filled, archive.members(filled, "outputs/run/epoch_0003/015/aaa/"))
    )
    assert len(pieces) >= 4
    assert max(map(len, pieces)) < 1.5 * 2**20


@pytest.mark.parametrize(
    "name",
    [
        "outputs/",
        "outputs/run/",
        "models/",
        "outputs/run/epoch_0003/../../models/",
        "outputs/run/batch-00.json",
    ],
)
def test_only_soundtracks_are_packed(filled: LocalStore, name: str) -> None:
    with pytest.raises(archive.ArchiveRefused, match="not the folder of a soundtrack"):
        archive.members(filled, name)


def test_what_is_not_there_or_too_large_says_so(
    filled: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(archive.ArchiveRefused, match="nothing stands there"):
        archive.members(filled, "outputs/run/epoch_0003/016/")
    monkeypatch.setattr(archive, "LIMIT_GIB", 0)
    with pytest.raises(archive.ArchiveRefused, match="a zip holds up to 0"):
        archive.members(open_store(filled.url), "outputs/run/epoch_0003/015/")

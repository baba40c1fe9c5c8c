"""The contract of every store, over the store that the guide adds."""

from pathlib import Path

import pytest

from tests.guides.example import example_files, install_modules
from tests.store import test_store
from vmt.errors import SettingsError
from vmt.store import ObjectStore, StoreCapabilities, open_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    files = example_files("add-a-store")
    assert list(files) == ["vmt/store/sqlite.py"]
    install_modules(files, tmp_path / "added", monkeypatch)
    return open_store(f"sqlite://{tmp_path}/store/objects.db")


class TestExample(test_store.TestContract):
    test_a_full_local_disk = None  # its other process would not know the example's module
    test_capabilities_say_where_objects_are = None  # it has neither a folder nor an endpoint


def test_its_url_opens_it(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a", b"x")
    assert open_store(f"sqlite://{tmp_path}/store/objects.db").get("a") == b"x"
    assert store.capabilities == StoreCapabilities()
    with pytest.raises(SettingsError, match=r"or sqlite:///folder/file.db"):
        open_store("sqlite://host/file.db")

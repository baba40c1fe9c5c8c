import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from vmt.store import ObjectStore, open_store

APP = Path(__file__).parents[2] / "dashboard" / "app.py"


@pytest.fixture(autouse=True)
def _same_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest leaves its script behind as `__main__`, which processes that other tests spawn would
    then run.
    """
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An empty folder as the store of the dashboard."""
    monkeypatch.setenv("VMT_STORE", str(tmp_path / "store"))
    st.cache_resource.clear()
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """Opens a page by its name, with what its URL selects."""

    def opened(name: str, **query: str) -> AppTest:
        st.cache_data.clear()
        app = AppTest.from_file(APP, default_timeout=30).run()
        app.switch_page(f"pages/{name}/page.py")
        for parameter, value in query.items():
            app.query_params[parameter] = value
        return app.run()

    return opened

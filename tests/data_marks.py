"""Tests marked `data` read what cannot be committed, from the folder VMT_TEST_DATA; without it they
are deselected.

Which ones is said by name.

The hooks here are conftest.py's: it imports them.
"""

import os
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "VMT_TEST_DATA"
DESELECTED = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[DESELECTED] = set()
    folder = os.environ.get(VARIABLE)
    if folder and not Path(folder).is_dir():
        raise pytest.UsageError(
            f"{VARIABLE}={folder} is not a folder; name the one with the test data, or unset it"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(VARIABLE):
        return
    without = [item for item in items if item.get_closest_marker("data")]
    if without:
        items[:] = [item for item in items if not item.get_closest_marker("data")]
        config.hook.pytest_deselected(items=without)
        config.stash[DESELECTED].update(item.nodeid for item in without)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """xdist's workers collect, its controller reports: take over what a worker deselected."""
    node.config.stash[DESELECTED].update(
        getattr(node, "workeroutput", {}).get("data_deselected", ())
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["data_deselected"] = sorted(session.config.stash[DESELECTED])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    names = config.stash[DESELECTED]
    if names:
        terminalreporter.section(f"deselected, for {VARIABLE} is not set")
        for name in sorted(names):
            terminalreporter.line(name)

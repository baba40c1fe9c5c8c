"""The hooks that deselect tests marked `data`, run in a pytest of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import data_marks

TESTS = """
import pytest

@pytest.mark.data
def test_reads_data():
    pass

def test_reads_none():
    pass
"""


def run_pytest(folder: Path, data: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(str(data_marks.__file__), folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    data: reads data\n")
    (folder / "test_two.py").write_text(TESTS)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != data_marks.VARIABLE and not name.startswith("PYTEST_")
    }
    if data:
        environment[data_marks.VARIABLE] = data
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_without_the_folder_data_tests_are_deselected_by_name(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = run_pytest(tmp_path, None, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deselected, for VMT_TEST_DATA is not set" in done.stdout
    assert "test_two.py::test_reads_data" in done.stdout
    assert "1 passed" in done.stdout


def test_with_the_folder_they_run(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, str(tmp_path))
    assert "2 passed" in done.stdout
    assert "deselected" not in done.stdout


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, str(tmp_path / "gone"))
    assert done.returncode != 0
    assert "gone is not a folder" in done.stderr

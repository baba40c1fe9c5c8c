"""The locks, pyproject.toml and the Makefile agree, and what stands in them can be installed
anywhere.
"""

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = ROOT / "pyproject.toml"
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-nodeps.lock")


def locked(name: str) -> dict[str, str]:
    """Package to version."""
    text = (ROOT / name).read_text()
    return {
        canonicalize_name(package): version
        for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    }


def declared(group: str) -> list[Requirement]:
    data = tomllib.loads(PYPROJECT.read_text())
    listed = (
        data["project"]["dependencies"] if group == "runtime" else data["dependency-groups"][group]
    )
    return [Requirement(text) for text in listed]


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_version_and_hashes_and_no_place(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert " @ " not in text
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    others = [
        line
        for line in text.splitlines()
        if not re.match(r"#|[\w.-]+==|    --hash=sha256:[0-9a-f]{64}", line)
    ]
    assert others == []


@pytest.mark.parametrize(
    ("group", "lock"),
    [
        ("runtime", "requirements.lock"),
        ("runtime", "requirements-dev.lock"),
        ("dev", "requirements-dev.lock"),
    ],
)
def test_a_lock_satisfies_what_pyproject_asks_for(group: str, lock: str) -> None:
    versions = locked(lock)
    unmet = [
        str(each)
        for each in declared(group)
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"))
    ]
    assert unmet == [], "run `make lock`"


def test_an_image_runs_the_versions_that_the_tests_ran() -> None:
    development = locked("requirements-dev.lock")
    assert {name: development.get(name) for name in locked("requirements.lock")} == locked(
        "requirements.lock"
    )


def test_every_dependency_states_its_reason() -> None:
    lines = PYPROJECT.read_text().splitlines()
    requirements = [
        line for line in lines if re.match(r'    "[A-Za-z][\w.-]*(\[\w+\])?[<>=]', line)
    ]
    assert len(requirements) == len(declared("runtime")) + len(declared("dev"))
    assert [line for line in requirements if not re.search(r"#\s+\S", line)] == []


def test_the_environment_has_what_its_packages_ask_for() -> None:
    """What `pip check` says, but for basic-pitch, which is known to ask for what it does
    not need.
    """
    missing = []
    for distribution in metadata.distributions():
        for text in distribution.requires or ():
            need = Requirement(text)
            if need.marker and not need.marker.evaluate({"extra": ""}):
                continue
            try:
                met = need.specifier.contains(metadata.version(need.name), prereleases=True)
            except metadata.PackageNotFoundError:
                met = False
            if not met:
                missing.append(f"{distribution.name} needs {need}")
    assert [line for line in missing if not line.startswith("basic-pitch ")] == []


def test_make_alone_names_the_targets() -> None:
    shown = subprocess.run(
        ["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) - {
        "help"
    }
    assert set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE)) == targets


def test_another_pytorch_takes_the_place_of_the_locked_one(tmp_path: Path) -> None:
    """`make setup TORCH=...` installs the lock without PyTorch and what only its CUDA
    build needs.
    """
    shown = subprocess.run(
        ["make", "-n", "-B", "setup", "TORCH=torch==9 torchvision==9"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert "install --no-deps torch==9 torchvision==9" in shown
    command = next(line for line in shown.splitlines() if line.startswith("awk"))
    kept = subprocess.run(
        ["bash", "-c", command.split(">")[0]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    names = set(re.findall(r"^([\w.-]+)==", kept, re.MULTILINE))
    dropped = set(locked("requirements-dev.lock")) - {canonicalize_name(name) for name in names}
    assert {"torch", "torchvision", "triton", "nvidia-cublas", "cuda-toolkit"} <= dropped
    assert all(re.match(r"torch$|torchvision$|triton$|nvidia-|cuda-", name) for name in dropped)
    assert re.search(r"==.*\n(    --hash.*\n)+#", kept + "#"), "hashes follow their own package"


def test_the_licence_is_apache_2() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
    assert tomllib.loads(PYPROJECT.read_text())["project"]["license"] == "Apache-2.0"

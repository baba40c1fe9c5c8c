"""`vmt status`, `logs` and `down` where no stack runs, and logs that go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vmt import cli
from vmt.errors import StackError
from vmt.stack.folder import Folder, StackState


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Of a stack that was stopped."""
    monkeypatch.setenv("VMT_STACK", str(tmp_path / "stack"))
    made = Folder(tmp_path / "stack")
    made.prepare()
    return made


def vmt(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, arguments)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_no_stack(folder: Folder) -> None:
    with pytest.raises(StackError, match="no stack runs from it; `vmt up` starts one"):
        vmt("status")
    with pytest.raises(StackError, match="no stack runs from it"):
        vmt("demo", "--on-stack")
    with pytest.raises(StackError, match="no logs; `vmt up` starts a stack"):
        vmt("logs")
    assert vmt("down") == f"no stack runs from {folder.root}\n"


def test_the_state_of_a_killed_stack_is_not_believed(folder: Folder) -> None:
    folder.write_state(StackState("gone", os.getpid(), True, "0", {}, {}, ()))
    with pytest.raises(
        StackError, match=rf"the last one \(process {os.getpid()}\) was killed before it could stop"
    ):
        vmt("status")
    assert vmt("down", "--data", str(folder.root)) == f"no stack runs from {folder.root}\n"
    assert folder.state() is None


def test_a_stack_that_is_starting(folder: Folder) -> None:
    with (
        folder.locked(),
        pytest.raises(StackError, match="a stack is starting or stopping there; ask again"),
    ):
        vmt("status")


def test_logs_by_name_and_all_of_them(folder: Folder) -> None:
    folder.log("s3").write_text("one\ntwo\nthree\n")
    folder.log("serve").write_text("four\n")
    assert vmt("logs", "s3", "-n", "2") == "two\nthree\n"
    assert vmt("logs") == "s3: one\ns3: two\ns3: three\nserve: four\n"
    with pytest.raises(StackError, match=r"no log 'web' in .*; there are s3, serve"):
        vmt("logs", "web")


def test_logs_go_on_until_ctrl_c(folder: Folder) -> None:
    log = folder.log("s3")
    log.write_text("before\n")
    command = [sys.executable, "-m", "vmt.cli", "logs", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "s3: before\n"
        with log.open("a") as file:
            file.write("half")
            file.flush()
            file.write(" a line\n")
        assert process.stdout.readline() == "s3: half a line\n"
        log.write_text("anew\n")
        assert process.stdout.readline() == "s3: anew\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 0

"""One flow as a child process, as `vmt demo` starts it: no server, one folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.commands import run
from flows.commands.arguments import NAMES
from flows.engine.table import DEPLOYMENTS
from tests.flows.conftest import Bucket

ROOT = Path(__file__).parents[3]


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
    }
    command = [sys.executable, "-m", "flows.commands.run", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250
    )


def test_it_knows_every_flow_that_is_deployed() -> None:
    assert set(NAMES) == {deployment.name for deployment in DEPLOYMENTS}


@pytest.mark.parametrize("parameters", ["[1]", "{", '"main"'])
def test_parameters_must_be_an_object(parameters: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run.main(["train", "--parameters", parameters])
    assert stopped.value.code == 2
    assert "--parameters is not" in capsys.readouterr().err


@pytest.mark.server
def test_without_a_server_a_result_is_one_line_and_an_expected_error_another(
    bucket: Bucket,
) -> None:
    """The result is on stdout, progress on stderr, and Prefect keeps its things in the cache
    folder.
    """
    bucket.add(3)
    done = start("ingest")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["new"] == 3
    assert "vmt.video.ingested key=videos/0001.mp4" in done.stderr
    assert (bucket.folder / "cache/prefect/prefect.db").is_file()

    done = start("train")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("vmt: dataset main")


def test_an_unknown_setting_of_the_environment_stops_before_prefect_starts(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMT_STOER", "typo")
    done = start("ingest")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "VMT_STOER is not a setting" in done.stderr

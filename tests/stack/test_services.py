"""What each child is told, and what it is not."""

import os
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from flows.engine.environment import FLOWS
from vmt.settings import Settings
from vmt.stack.folder import Folder
from vmt.stack.ports import Ports
from vmt.stack.services import INNER_PORTS, Service, connected, environment, job_settings, services

PORTS = Ports(8001, 8002, 8003)
DATABASE = "postgresql+asyncpg://vmt:hush@db/prefect"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "stack")
    made.prepare()
    return made


@pytest.fixture
def made(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> dict[str, Service]:
    """Of an environment in which much is set that must not reach every child."""
    told = {
        "VMT_STORE": "s3://production",
        "VMT_S3_ENDPOINT_URL": "https://s3.example.org",
        "VMT_S3_PUBLIC_ENDPOINT_URL": "https://s3.example.org",
        "VMT_CLIP_MODEL": "ViT-B-32",
        "PREFECT_API_URL": "https://prefect.example.org/api",
        "PREFECT_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "HTTP_PROXY": "http://proxy.example.org",
        "NO_PROXY": "intern",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    inner = dict.fromkeys(INNER_PORTS, 9000)
    settings = Settings(stack_database=SecretStr(DATABASE))
    return {each.name: each for each in services(folder, PORTS, inner, settings)}


def test_they_start_in_this_order_and_wait_for_what_they_need(made: dict[str, Service]) -> None:
    assert list(made) == ["s3", "prefect", "serve", "dashboard"]
    assert set(made["serve"].needs) == {"s3", "prefect"} == set(made["dashboard"].needs)


def test_the_jobs_work_in_the_stacks_store_whatever_the_environment_says(
    made: dict[str, Service],
) -> None:
    for name in ("serve", "dashboard"):
        environment = made[name].environment
        assert environment["VMT_STORE"] == "s3://vmt"
        assert environment["VMT_S3_ENDPOINT_URL"] == "http://127.0.0.1:8001"
        assert "VMT_S3_PUBLIC_ENDPOINT_URL" not in environment
        assert environment["PREFECT_API_URL"] == "http://127.0.0.1:8002/api"
        assert environment["VMT_CLIP_MODEL"] == "ViT-B-32"


def test_no_child_gets_what_is_not_its_own(made: dict[str, Service]) -> None:
    assert all("PREFECT_PROFILE" not in each.environment for each in made.values())
    assert "AWS_ACCESS_KEY_ID" not in made["s3"].environment, "weed would let its bearer in"
    assert not [name for name in made["s3"].environment if name.startswith(("VMT_", "PREFECT_"))]
    holders = {name for name, each in made.items() if DATABASE in each.environment.values()}
    assert holders == {"prefect"}


def test_prefects_database_is_sqlite_in_the_folder_unless_a_setting_names_one(
    made: dict[str, Service], folder: Folder
) -> None:
    named = made["prefect"].environment
    assert named["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == DATABASE
    assert made["serve"].command[-2:] == ("--limit", "8")
    plain = {
        each.name: each
        for each in services(folder, PORTS, dict.fromkeys(INNER_PORTS, 9000), Settings())
    }
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in plain["prefect"].environment
    assert "--limit" not in plain["serve"].command, (
        "SQLite bears the two runs of flows.commands.serve"
    )


def test_what_prefect_keeps_lies_in_the_folder(made: dict[str, Service], folder: Folder) -> None:
    told = [made[name].environment for name in ("prefect", "serve", "dashboard")]
    for each in [*told, environment(folder, vars(PORTS))]:
        assert each["PREFECT_HOME"] == str(folder.root / "prefect")


def test_served_flows_are_told_what_workers_tell_theirs(made: dict[str, Service]) -> None:
    assert FLOWS.items() <= made["serve"].environment.items()


def test_prefects_server_is_told_what_compose_tells_it(made: dict[str, Service]) -> None:
    compose = yaml.safe_load((Path(__file__).parents[2] / "infra/compose.yaml").read_text())
    own = {"PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_SERVER_UI_API_URL"}
    there = {
        name: value
        for name, value in compose["services"]["prefect"]["environment"].items()
        if name not in own
    }
    assert there.items() <= made["prefect"].environment.items()


def test_nothing_listens_beyond_loopback_and_nobody_is_told(made: dict[str, Service]) -> None:
    flags = made["s3"].command
    for flag in (
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-s3.port=8001",
        "-webdav=false",
    ):
        assert flag in flags
    assert all("127.0.0.1" in made[name].command for name in ("prefect", "dashboard"))
    assert made["prefect"].environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    for name in ("prefect", "serve", "dashboard"):
        assert made[name].environment["DO_NOT_TRACK"] == "1"
        assert made[name].environment["NO_PROXY"] == "intern,127.0.0.1,localhost"


def test_secrets_are_in_no_command_line(made: dict[str, Service], folder: Folder) -> None:
    secret = folder.credentials().secret_access_key
    assert not [
        each for each in made.values() if any(secret in argument for argument in each.command)
    ]
    assert secret not in repr(connected(Settings(), vars(PORTS), folder.credentials()))


def test_the_environment_wins_over_the_folders_settings(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_settings({"VMT_CLIP_MODEL": "kept", "VMT_CLIP_WEIGHTS": "kept"})
    for name in [name for name in os.environ if name.startswith("VMT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VMT_CLIP_MODEL", "said")
    assert job_settings(folder) == {"VMT_CLIP_MODEL": "said", "VMT_CLIP_WEIGHTS": "kept"}


def test_nobody_is_ready_where_nobody_listens(made: dict[str, Service]) -> None:
    assert [each.is_ready(0.0) for each in made.values()] == [False] * 4

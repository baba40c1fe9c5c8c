"""What docs/operations.md says of upgrades and backups of Prefect's database, as written there."""

import os
import subprocess
from pathlib import Path

import pytest

from flows.engine.automations import lost_runs
from flows.engine.deployments import POOL
from flows.engine.table import DEPLOYMENTS
from tests.postgres import Postgres, postgres, program
from tests.prefect_server import PrefectServer

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.timeout(600)]


def ask(database: Postgres, name: str, *more: str, given: bytes | None = None) -> bytes:
    """Output of one of Postgres's programs."""
    command = [
        program(name),
        "--host=127.0.0.1",
        f"--port={database.port}",
        "--username=vmt",
        *more,
        "postgres",
    ]
    environment = {**os.environ, "PGPASSWORD": database.password}
    return subprocess.run(
        command, env=environment, input=given, stdout=subprocess.PIPE, check=True
    ).stdout


def prepare(server: PrefectServer) -> None:
    server.run("python", "-m", "flows.commands.prepare")
    server.run("python", "-m", "flows.commands.deploy")


def test_an_upgrade_leaves_the_pool_paused_and_a_backup_brings_everything_back(
    tmp_path: Path,
) -> None:
    with postgres() as old, postgres() as new:
        (tmp_path / "old").mkdir()
        server = PrefectServer(tmp_path / "old", old.url)
        try:
            server.wait_until_ready()
            prepare(server)
            server.run("prefect", "work-pool", "pause", POOL)
            prepare(server)
            assert "is_paused=True" in server.run("prefect", "work-pool", "inspect", POOL)
            server.run("prefect", "work-pool", "resume", POOL)
            copy = ask(old, "pg_dump")
        finally:
            server.stop()
        ask(new, "psql", "--quiet", "--set=ON_ERROR_STOP=1", given=copy)
        (tmp_path / "new").mkdir()
        server = PrefectServer(tmp_path / "new", new.url)
        try:
            server.wait_until_ready()
            listed = server.run("prefect", "deployment", "ls")
            assert all(f"{each.name}/{each.name}" in listed for each in DEPLOYMENTS)
            assert lost_runs().name in server.run("prefect", "automation", "ls")
        finally:
            server.stop()

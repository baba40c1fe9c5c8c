"""A store, checkpoints and a Prefect server of 0.1.0 work under this version.

`v0.1.0/` is a store that 0.1.0 itself wrote (`make_v0_1_0.py`), without the weights of epochs that
nothing needs; `prefect_v0_1_0.yaml` are its deployments.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

import vmt
from flows.commands.arguments import NAMES
from flows.engine.deployments import POOL
from flows.engine.version import require_current_worker
from flows.tasks import pipeline
from tests.prefect_server import ROOT, PrefectServer
from vmt.arrange.config import GenerateConfig
from vmt.catalog.runs import Run, read_champion
from vmt.errors import SettingsError
from vmt.jobs.soundtrack.generate import generate
from vmt.jobs.train.train import train
from vmt.settings import Settings
from vmt.store import LocalStore

HERE = Path(__file__).parent
SMALL = {"n_layers": 1, "n_heads": 2, "d_model": 16, "d_feedforward": 16}


@pytest.fixture
def old(tmp_path: Path) -> LocalStore:
    """A copy of the store of 0.1.0."""
    return LocalStore(Path(shutil.copytree(HERE / "v0.1.0", tmp_path / "store")))


def test_the_champion_of_0_1_0_writes_soundtracks(old: LocalStore, tmp_path: Path) -> None:
    champion = read_champion(old)
    assert champion is not None
    assert (champion.run, champion.epoch) == ("served", 2)
    settings = Settings(store=str(old.root), cache=tmp_path / "cache", device="cpu")
    report = generate(old, settings, ["videos/0001.mp4"], config=GenerateConfig(style="piano"))
    assert report.failed == ()
    (made,) = report.made
    assert (made.run, made.epoch) == ("served", 2)
    assert old.head(made.files["mp4"]) is not None


def test_a_run_that_0_1_0_left_unfinished_is_resumed(old: LocalStore) -> None:
    """From its own optimizer state: the rows that 0.1.0 wrote stay, and one is added."""
    before = old.get("runs/stopped/results.csv")
    overrides = {"epochs": 4, **SMALL}
    name = train(old, "main@v0001", preset="demo", run="stopped", overrides=overrides)
    run = Run(old, name)
    assert [row.epoch for row in run.results()] == [0, 1, 2, 3, 4]
    assert old.get("runs/stopped/results.csv").startswith(before)
    assert old.head(run.weights_key(3)) is not None


def test_a_run_of_0_1_0_is_a_source_of_weights(old: LocalStore) -> None:
    name = train(old, source="served", source_epoch=2, overrides={"epochs": 3}, run="next")
    rows, origin = Run(old, name).results(), Run(old, "served").results()
    assert [row.epoch for row in rows] == [2, 3]
    assert rows[0].validation == pytest.approx(origin[2].validation, rel=1e-4)


def test_the_commands_read_the_store_of_0_1_0(old: LocalStore) -> None:
    environment = {**os.environ, "VMT_STORE": str(old.root)}
    for command, said in (
        (("runs",), "served"),
        (("dataset", "show"), "main@v0001: 5 videos"),
        (("report", "served"), "served"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "vmt.cli", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert said in done.stdout


@pytest.mark.parametrize(
    ("running", "deployed"), [("0.2.0", None), ("0.2.0", "0.2.0"), ("0.10.0", "0.9.1")]
)
def test_a_worker_that_is_new_enough_works(running: str, deployed: str | None) -> None:
    require_current_worker(Settings(deployed_version=deployed), running)


def test_an_outdated_worker_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMT_DEPLOYED_VERSION", "99.1.0")
    with pytest.raises(SettingsError) as refused:
        pipeline.store()
    assert str(refused.value) == (
        f"this worker runs VMT {vmt.__version__}, and VMT 99.1.0 deployed the flow; update the "
        "checkout of the worker, run `make setup`, and start the worker again"
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    server = PrefectServer(tmp_path_factory.mktemp("prefect"))
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def client(server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: server.url}), get_client(sync_client=True) as client:
        yield client


@pytest.mark.server
def test_deploying_replaces_the_deployments_of_0_1_0(
    server: PrefectServer, client: SyncPrefectClient, tmp_path: Path
) -> None:
    """What was paused stays paused, a flow that is gone loses its deployment, others' stay."""
    server.run("python", "-m", "flows.commands.prepare")
    declared = tmp_path / "prefect.yaml"
    declared.write_text((HERE / "prefect_v0_1_0.yaml").read_text())
    server.run("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(declared))
    nightly = client.read_deployment_by_name("nightly/nightly")
    client.pause_deployment(nightly.id)
    for name, entrypoint in (("polish", "flows/polish.py:polish"), ("etl", "etl/x.py:etl")):
        flow = client.create_flow_from_name(name)
        client.create_deployment(
            flow_id=flow, name=name, entrypoint=entrypoint, work_pool_name=POOL
        )

    server.run("python", "-m", "vmt.cli", "flow", "prepare")
    server.run("python", "-m", "vmt.cli", "flow", "deploy")

    present = {deployment.name: deployment for deployment in client.read_deployments()}
    assert set(present) == {*NAMES, "etl"}
    assert present["nightly"].id == nightly.id, "its history stays"
    assert present["nightly"].paused
    for name in NAMES:
        environment = present[name].job_variables["env"]
        assert environment["VMT_DEPLOYED_VERSION"] == vmt.__version__
        assert present[name].entrypoint == f"flows/{name}.py:{name}"
    assert not present["etl"].job_variables


@pytest.mark.server
def test_a_run_on_an_outdated_worker_fails_with_one_line(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "VMT_STORE": str(tmp_path / "store"),
        "VMT_CACHE": str(tmp_path / "cache"),
        "VMT_DEPLOYED_VERSION": "99.1.0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "flows.commands.run", "housekeep"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"vmt: this worker runs VMT {vmt.__version__}, and VMT 99.1.0 deployed")


def test_every_deployment_of_0_1_0_still_has_its_entrypoint() -> None:
    old = yaml.safe_load((HERE / "prefect_v0_1_0.yaml").read_text())["deployments"]
    new = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert {entry["entrypoint"] for entry in old} <= {entry["entrypoint"] for entry in new}

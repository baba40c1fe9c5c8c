"""Dockerfile, compose.yaml, kubernetes.yaml, the CI script: real linters, and the commands run
outside containers.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from flows.engine.table import DEPLOYMENTS
from tests.servers import free_ports
from vmt.settings import Settings
from vmt.stack.folder import Folder
from vmt.stack.ports import Ports
from vmt.stack.services import INNER_PORTS, services

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE = yaml.safe_load((ROOT / "infra/compose.yaml").read_text())
KUBERNETES = yaml.safe_load((ROOT / "infra/kubernetes.yaml").read_text())["items"]


def lint(*command: str) -> None:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_accepts_the_dockerfile() -> None:
    lint("hadolint", "infra/Dockerfile")


def test_compose_follows_its_specification() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "infra/compose.yaml")


def test_yamllint_accepts_every_yaml_file() -> None:
    lint(
        "yamllint",
        "--strict",
        "infra/compose.yaml",
        "infra/kubernetes.yaml",
        "prefect.yaml",
        ".yamllint.yaml",
    )


def test_shellcheck_accepts_every_script() -> None:
    lint("shellcheck", ".ci/run", "tests/plain_ffmpeg.sh", "tests/portability.sh")


def test_the_image_gets_everything_that_it_copies() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "infra/Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert names == allowed
    assert {"prefect.yaml", "vmt", "flows", "dashboard", "requirements.lock"} <= names


def test_the_env_example_names_every_variable_that_compose_reads() -> None:
    wanted = set(re.findall(r"\$\{(\w+)", (ROOT / "infra/compose.yaml").read_text()))
    named = set(re.findall(r"^(\w+)=", (ROOT / "infra/.env.example").read_text(), re.MULTILINE))
    assert named == wanted


def test_the_env_example_holds_no_secret() -> None:
    values = dict(
        re.findall(r"^(\w+)=(.*)$", (ROOT / "infra/.env.example").read_text(), re.MULTILINE)
    )
    assert {name for name, value in values.items() if value} == {
        "VMT_S3_PUBLIC_ENDPOINT_URL",
        "PREFECT_SERVER_UI_API_URL",
    }


def test_compose_sets_only_settings_that_exist() -> None:
    known = {f"VMT_{name.upper()}" for name in Settings.model_fields}
    for name, service in COMPOSE["services"].items():
        used = {
            variable for variable in service.get("environment", {}) if variable.startswith("VMT_")
        }
        assert used <= known, name


def test_ports_are_published_on_loopback_alone() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_filer_is_reached_only_by_services_that_hold_the_keys() -> None:
    """SeaweedFS's filer asks for no credentials."""
    for name, service in COMPOSE["services"].items():
        if "store" in service["networks"] and name != "seaweedfs":
            assert "VMT_S3_SECRET_ACCESS_KEY" in service["environment"], name


def test_each_queue_has_a_worker_of_its_own() -> None:
    """One worker for both would be full of a training and a job that waits for the GPU, and ingest
    would wait.
    """
    commands = [
        " ".join(each["command"])
        for each in COMPOSE["services"].values()
        if "worker" in each.get("command", ())
    ]
    started = [
        re.fullmatch(r"prefect worker start --pool vmt --work-queue (\w+) --limit 2 .*", each)
        for each in commands
    ]
    assert sorted(each[1] for each in started if each) == sorted(
        {each.queue for each in DEPLOYMENTS}
    )
    assert len(started) == 2


def test_the_dashboard_is_the_one_that_vmt_up_serves(tmp_path: Path) -> None:
    """Downloads, the policy of its pages and what errors show belong to `python -m dashboard`."""
    folder = Folder(tmp_path / "stack")
    folder.prepare()
    made = services(folder, Ports(1, 2, 8501), dict.fromkeys(INNER_PORTS, 3), Settings())
    (local,) = [each.command[1:] for each in made if each.name == "dashboard"]
    composed = COMPOSE["services"]["dashboard"]["command"]
    assert composed == ["python", *(each.replace("127.0.0.1", "0.0.0.0") for each in local)]


def test_kubernetes_runs_what_compose_runs() -> None:
    workloads = [each for each in KUBERNETES if each["kind"] in ("Deployment", "Job")]
    pods = {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in workloads}
    assert set(pods) == set(COMPOSE["services"]) - {"postgres", "seaweedfs", "prefect"}, (
        "those it finds there"
    )
    for name, pod in pods.items():
        composed, (container,) = COMPOSE["services"][name], pod["containers"]
        assert container["command"] == composed["command"], name
        assert container["image"] == composed["image"]
        assert pod.get("hostname") == composed.get("hostname")
        assert container["envFrom"] == [
            {"configMapRef": {"name": "vmt"}},
            {"secretRef": {"name": "vmt"}},
        ]
        assert pod["securityContext"]["runAsUser"] == 10001, "the image's"
        if name.startswith("worker"):
            assert (
                container["livenessProbe"]["exec"]["command"] == composed["healthcheck"]["test"][1:]
            )


def test_kubernetes_is_told_what_compose_tells_and_no_secret() -> None:
    (told,) = [each["data"] for each in KUBERNETES if each["kind"] == "ConfigMap"]
    composed = COMPOSE["services"]["worker-cpu"]["environment"]
    secret = set(composed) - set(told)
    assert secret == {"VMT_S3_ACCESS_KEY_ID", "VMT_S3_SECRET_ACCESS_KEY", "VMT_NOTIFY_URL"}
    text = (ROOT / "infra/kubernetes.yaml").read_text()
    assert all(name in text for name in secret), "the comment says what the secret holds"
    assert {name for name, value in told.items() if value != composed[name]} == {
        "VMT_S3_ENDPOINT_URL",
        "VMT_S3_PUBLIC_ENDPOINT_URL",
    }


def s3_client(port: int, access: str, secret: str) -> Any:
    config = Config(
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},
        connect_timeout=2,
        read_timeout=5,
    )
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=config,
    )


@pytest.mark.server
def test_the_object_store_starts_as_compose_says(tmp_path: Path) -> None:
    """The bucket is there, the environment's keys open it, others do not, and the health check's
    address answers.
    """
    ports = free_ports(10)
    names = [
        f"{part}.port{kind}"
        for part in ("s3", "filer", "volume", "master", "admin")
        for kind in ("", ".grpc")
    ]
    changed = {"-dir": str(tmp_path), "-ip": "127.0.0.1", "-ip.bind": "127.0.0.1"}
    changed |= {f"-{name}": str(port) for name, port in zip(names, ports, strict=True)}
    command = [
        flag
        for flag in COMPOSE["services"]["seaweedfs"]["command"]
        if flag.split("=")[0] not in changed
    ]
    variables = COMPOSE["services"]["seaweedfs"]["environment"]
    assert set(variables) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        **dict.fromkeys(variables, "compose-test-key"),
    }
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [str(BIN / "weed"), *command, *(f"{name}={value}" for name, value in changed.items())],
        cwd=tmp_path,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        client = s3_client(ports[0], "compose-test-key", "compose-test-key")
        deadline = time.monotonic() + 60
        while True:
            try:
                client.put_object(Bucket="vmt", Key="a", Body=b"b", IfNoneMatch="*")
                break
            except (BotoCoreError, ClientError):
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.2)
        with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|Forbidden|AccessDenied"):
            s3_client(ports[0], "compose-test-key", "wrong").get_object(Bucket="vmt", Key="a")
        check = COMPOSE["services"]["seaweedfs"]["healthcheck"]["test"][1]
        address = re.search(r"http://\S+", check)
        assert address
        with urllib.request.urlopen(address[0].replace("8333", str(ports[0])), timeout=5) as answer:
            assert answer.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        log.close()

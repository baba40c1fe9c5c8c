"""Real servers for tests, on free loopback ports, stopped by their process id."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from vmt.settings import Settings

READY_WITHIN_S = 60
STOP_WITHIN_S = 15


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now, all different."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


@dataclass
class S3Server:
    """A SeaweedFS with one bucket, `vmt-test`, and one pair of keys."""

    folder: Path
    ports: list[int]
    access_key: str
    secret_key: str
    process: subprocess.Popen[bytes]
    bucket: str = "vmt-test"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def settings(self) -> Settings:
        return Settings(
            s3_endpoint_url=self.endpoint,
            s3_access_key_id=self.access_key,
            s3_secret_access_key=SecretStr(self.secret_key),
        )

    @property
    def environment(self) -> dict[str, str]:
        """For child processes."""
        return {
            "VMT_S3_ENDPOINT_URL": self.endpoint,
            "VMT_S3_ACCESS_KEY_ID": self.access_key,
            "VMT_S3_SECRET_ACCESS_KEY": self.secret_key,
        }

    def client(self) -> Any:
        """A bare boto3 client, to look behind the store's back."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=2,
                read_timeout=20,
            ),
        )

    def kill(self) -> None:
        """As if the machine were gone."""
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        """With the same data, ports and keys."""
        self.process = _start(self.folder, self.ports)
        self.wait_until_ready()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait_until_ready(self) -> None:
        """Until a signed write succeeds."""
        client = self.client()
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                with contextlib.suppress(
                    client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists
                ):
                    client.create_bucket(Bucket=self.bucket)
                client.put_object(Bucket=self.bucket, Key="ready", Body=b"yes")
                client.delete_object(Bucket=self.bucket, Key="ready")
                return
            except (BotoCoreError, ClientError) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")[-3000:]
                    raise RuntimeError(f"SeaweedFS did not get ready: {error}\n{log}") from error
                time.sleep(0.1)


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A SeaweedFS that keeps its data in `folder`, stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    access, secret = "test" + secrets.token_hex(8), secrets.token_hex(20)
    identity = {
        "name": "test",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    keys = folder / "s3.json"
    keys.touch(mode=0o600)
    keys.write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(10)
    server = S3Server(folder, ports, access, secret, _start(folder, ports))
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def _start(folder: Path, ports: list[int]) -> subprocess.Popen[bytes]:
    s3, s3_grpc, filer, filer_grpc, volume, volume_grpc, master, master_grpc, admin, admin_grpc = (
        ports
    )
    data = folder / "data"
    data.mkdir(exist_ok=True)
    command = [str(Path(sysconfig.get_path("scripts")) / "weed"), "mini", f"-dir={data}"]
    command += [
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
    ]
    command += [
        f"-s3.config={folder / 's3.json'}",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    command += [
        f"-s3.port={s3}",
        f"-s3.port.grpc={s3_grpc}",
        f"-filer.port={filer}",
        f"-filer.port.grpc={filer_grpc}",
    ]
    command += [f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}"]
    command += [f"-master.port={master}", f"-master.port.grpc={master_grpc}"]
    command += [f"-admin.port={admin}", f"-admin.port.grpc={admin_grpc}"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
            start_new_session=True,
        )

"""`vmt doctor`: each line for a machine that has what it needs, and for one that has not."""

import base64
import json
import os
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.servers import S3Server, free_ports
from vmt import cli, doctor
from vmt.doctor import Finding, examine
from vmt.settings import Settings
from vmt.store import LocalStore


class Answers(BaseHTTPRequestHandler):
    """A server that says what it was told to, at the time that it was told to."""

    body: bytes = b"true"
    health: bytes = b"true"
    status: int = 200
    login: str | None = None
    skew_s: float = 0.0

    def _answer(self) -> None:
        content = self.body if self.path.endswith("/filter") else self.health
        welcome = self.login is None or self.headers["Authorization"] == f"Basic {self.login}"
        self.send_response_only(self.status if welcome else 401)
        self.send_header("Date", formatdate(time.time() + self.skew_s, usegmt=True))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    """The address of a server that `Answers` describes."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()


def closed() -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


def lines(settings: Settings, prefect_api: str | None = None) -> dict[str, Finding]:
    return {each.name: each for each in examine(settings, prefect_api)}


def test_a_machine_that_has_all(tmp_path: Path) -> None:
    store = tmp_path / "store"
    settings = Settings(store=str(store), cache=tmp_path, clip_weights="untrained:0", device="auto")
    found = lines(settings)
    assert {name for name, each in found.items() if each.state == "fail"} == set()
    assert found["CLIP"].state == "warn"
    assert "says little about a picture" in found["CLIP"].found
    assert "torch 2" in found["packages"].found
    assert "TimGM6mb.sf2, 6 MB" in found["soundfont"].found
    assert "h264" in found["ffmpeg"].found
    assert "made at the first write" in found["store"].found
    assert not store.exists(), "what it writes does not stay"
    assert "names no server" in found["Prefect"].found


def test_a_machine_that_lacks_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", closed())
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    soundfont, blocked = tmp_path / "notes.sf2", tmp_path / "file"
    soundfont.write_text("no sound")
    blocked.write_text("")
    settings = Settings(store=str(blocked), cache=tmp_path, soundfont=soundfont, device="cuda")
    found = lines(settings, closed() + "/api")
    failed = {name: each for name, each in found.items() if each.state == "fail"}
    assert set(failed) == {"soundfont", "CLIP", "GPU", "store", "Prefect"}
    assert "not a SoundFont; set VMT_SOUNDFONT" in failed["soundfont"].found
    assert f"not in {tmp_path}, and the hub does not answer" in failed["CLIP"].found
    assert "set VMT_CLIP_WEIGHTS=FILE" in failed["CLIP"].remedy
    assert "VMT_DEVICE=auto" in failed["GPU"].remedy
    assert "does not answer" in failed["Prefect"].found
    assert "vmt up" in failed["Prefect"].remedy


def test_weights_that_are_missing_but_can_be_had(
    tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", api)
    found = doctor._clip(Settings(cache=tmp_path))
    assert (found.state, found.remedy) == ("warn", "none: the first ingest downloads them")
    snapshot = tmp_path / "models--timm--vit_large_patch14_clip_336.openai" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (snapshot / "open_clip_model.safetensors").write_bytes(b"")
    assert doctor._clip(Settings(cache=tmp_path)).state == "ok"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", closed())
    assert (
        doctor._clip(Settings(cache=tmp_path / "other", clip_fallback_untrained=True)).state
        == "warn"
    )
    assert (
        "no weights 'tea'; it has openai"
        in doctor._clip(Settings(cache=tmp_path, clip_weights="tea")).found
    )


def test_packages_of_other_versions_are_named() -> None:
    wanted = ["fastapi<0.1", "no-such-package>=1", "numpy>=2", "tomli; python_version < '3.11'"]
    found = doctor._packages(wanted)
    assert found.state == "fail"
    assert found.found.startswith("fastapi is 0.")
    assert found.found.endswith("and must be <0.1; no-such-package is missing")
    assert "make setup" in found.remedy


@pytest.mark.parametrize(
    ("free_gb", "state"),
    [(0.5, "fail"), (5, "warn"), (50, "ok")],
)
def test_disk(free_gb: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "shutil.disk_usage", lambda path: type("Usage", (), {"free": int(free_gb * 1e9)})
    )
    assert doctor._disk(Settings(store=str(tmp_path), cache=tmp_path)).state == state


@pytest.mark.parametrize(
    ("skew_s", "state", "words"),
    [(0.0, "ok", "agrees"), (30.0, "warn", "30 s behind"), (-1000.0, "fail", "1000 s ahead of")],
)
def test_the_clock_against_the_stores(
    skew_s: float, state: str, words: str, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "skew_s", skew_s)
    monkeypatch.setattr(Answers, "status", 403)
    found = doctor._clock(Settings(store="s3://a", s3_endpoint_url=api), None)
    assert found.state == state
    assert words in found.found


@pytest.mark.parametrize(
    ("deployments", "state", "words"),
    [
        ([{"status": "READY"}, {"status": "NOT_READY"}], "ok", "2 deployments"),
        ([{"status": "NOT_READY"}], "warn", "no worker runs its 1 deployments"),
        ([], "fail", "knows no deployment"),
    ],
)
def test_prefect(
    deployments: list[dict[str, str]],
    state: str,
    words: str,
    api: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Answers, "body", json.dumps(deployments).encode())
    found = doctor._prefect(api, None)
    assert found.state == state
    assert words in found.found


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "set PREFECT_API_AUTH_STRING"),
        (404, "correct PREFECT_API_URL"),
        (405, "correct PREFECT_API_URL"),
        (422, "install the versions of the locks"),
        (503, "see the server's log"),
    ],
)
def test_each_refusal_of_prefect_has_its_remedy(
    status: int, remedy: str, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "status", status)
    found = doctor._prefect(api, None)
    assert found.state == "fail"
    assert f"{status} for http" in found.found
    assert found.remedy.startswith(remedy)


def test_an_address_without_api_gets_prefects_page(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "health", b"<!doctype html>")
    found = doctor._prefect(api, None)
    assert (found.state, found.found) == ("fail", f"{api} answers, but not as Prefect's API does")
    assert "as in http://127.0.0.1:4200/api" in found.remedy


def test_a_server_that_asks_for_a_login_gets_the_environments(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "login", base64.b64encode(b"admin:hush").decode())
    monkeypatch.setattr(Answers, "body", b'[{"status": "READY"}]')
    assert doctor._prefect(api, None).found.startswith(f"{api}: 401 for")
    assert doctor._prefect(api, "admin:hush").state == "ok"


@pytest.mark.parametrize("address", ["4200", "localhost:4200", "http://[4200"])
def test_what_is_no_address_is_a_failing_line(address: str) -> None:
    assert "does not answer" in doctor._prefect(address, None).found
    assert doctor._clock(Settings(), address).state == "warn"


def test_the_command_says_what_to_do_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMT_DEVICE", "tpu")
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1
    assert done.output.startswith("fail  environment  environment variable VMT_DEVICE: ")
    assert "-> correct it" in done.output


def test_a_check_that_cannot_be_made_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMT_STORE", "ftp://x")
    monkeypatch.setenv("VMT_CACHE", str(tmp_path))
    monkeypatch.setenv("VMT_CLIP_WEIGHTS", "untrained:0")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def no_disk(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.disk_usage", no_disk)
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1
    states = {
        line.split()[1]: line for line in done.output.splitlines() if not line.startswith(" ")
    }
    assert states["store"].startswith(
        "fail  store        store ftp://x: not an address of a store; write a folder"
    )
    assert states["disk"].startswith("fail  disk         [Errno 13] Permission denied")
    assert states["Prefect"].startswith("ok")
    as_json = json.loads(CliRunner().invoke(cli.app, ["doctor", "--json"]).output)
    assert [each["name"] for each in as_json] == list(states)


def test_probes_that_a_killed_doctor_left_are_removed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name in ("health/doctor-old", "health/doctor-new", "health/stack"):
        store.put(name, b"doctor")
    for name in ("doctor-old", "stack"):
        os.utime(tmp_path / "health" / name, (0, 0))
    assert doctor._store(Settings(store=str(tmp_path))).state == "ok"
    assert [each.key for each in store.list()] == ["health/doctor-new", "health/stack"]


@pytest.mark.server
def test_a_real_store_and_wrong_keys_for_it(s3: S3Server) -> None:
    good = s3.settings.model_copy(update={"store": f"s3://{s3.bucket}"})
    assert doctor._store(good) == Finding(
        "store", "ok", f"s3://{s3.bucket}: writes, reads, refuses a second writer"
    )
    assert doctor._clock(good, None).state == "ok"
    assert not [
        each
        for each in s3.client().list_objects_v2(Bucket=s3.bucket).get("Contents", [])
        if "doctor" in each["Key"]
    ]
    bad = doctor._store(good.model_copy(update={"s3_access_key_id": "nobody"}))
    assert bad.state == "fail"
    assert "check the keys in VMT_S3_" in bad.found

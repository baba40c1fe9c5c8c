"""Stores that behave like one provider or another: those that lack something say so, at once."""

import ssl
import subprocess
from pathlib import Path

import pytest

from tests.store.provider import serve
from vmt.errors import SettingsError, StoreError
from vmt.settings import Settings, load_settings
from vmt.store import LocalStore, ObjectStore, open_store
from vmt.store.minimum import lacking, require_minimum


def bucket(port: int, scheme: str = "http") -> ObjectStore:
    settings = Settings(
        s3_endpoint_url=f"{scheme}://localhost:{port}",
        s3_access_key_id="a",
        s3_secret_access_key="b",
    )
    return open_store("s3://bucket/vmt", settings)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "k.pem", folder / "c.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=localhost -addext"
    names = ["subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return key, certificate


@pytest.fixture
def tls(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    key, chain = certificate
    monkeypatch.setenv("AWS_CA_BUNDLE", str(chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


@pytest.mark.parametrize("quirk", ["checksum-headers", "aws-chunked"])
def test_providers_without_checksum_trailers_work(
    tls: ssl.SSLContext, tmp_path: Path, quirk: str
) -> None:
    """Trailers go over TLS alone, so a test without it sees none."""
    (tmp_path / "film.mp4").write_bytes(b"film" * 1000)
    with serve(quirk, context=tls) as (provider, port):
        store = bucket(port, "https")
        assert store.put("runs/a.json", b"{}", if_absent=True).size == 2
        assert store.put_file("videos/film.mp4", tmp_path / "film.mp4").size == 4000
        assert store.put_file("videos/again.mp4", tmp_path / "film.mp4").size == 4000
        store.get_file("videos/film.mp4", tmp_path / "back.mp4")
        assert (tmp_path / "back.mp4").read_bytes() == b"film" * 1000
        assert lacking(store) == ()
    # Learned at the first upload, not refused at each.
    assert len([line for line in provider.asked if "PUT" in line and "film" in line]) == 2
    assert len([line for line in provider.asked if "PUT" in line and "again" in line]) == 1


@pytest.mark.parametrize(
    ("quirk", "said"),
    [
        ("conditional", "refuses If-None-Match"),
        ("last-writer", "ignores If-Match, so that two writers would lose each other's work"),
        ("no-ranges", "ignores ranges"),
        ("stale-listing", "does not list an object with its etag straight after writing it"),
    ],
)
def test_what_a_provider_lacks_is_said(quirk: str, said: str) -> None:
    with serve(quirk) as (_, port), pytest.raises(StoreError) as told:
        require_minimum(bucket(port))
    assert said in str(told.value)
    assert "VMT needs conditional writes (If-None-Match and If-Match), listing" in str(told.value)
    assert not told.value.transient


def test_a_whole_provider_and_a_folder_lack_nothing(tmp_path: Path) -> None:
    with serve() as (provider, port):
        assert lacking(bucket(port)) == ()
        assert provider.objects == {}
    folder = LocalStore(tmp_path)
    assert lacking(folder) == ()
    assert list(folder.list("")) == []


def test_not_implemented_is_told_at_once() -> None:
    with serve("conditional") as (provider, port):
        store = bucket(port)
        with pytest.raises(StoreError, match="its provider cannot write a") as told:
            store.put("a", b"x", if_absent=True)
    assert not told.value.transient
    assert len(provider.asked) == 1


def test_a_consoles_port_is_told_at_once() -> None:
    with serve("console") as (provider, port):
        store = bucket(port)
        for ask in (
            lambda: store.get("a"),
            lambda: store.head("a"),
            lambda: list(store.list("")),
            lambda: store.put("a", b"x"),
        ):
            provider.asked.clear()
            with pytest.raises(
                StoreError, match=r"is no S3 .*web page.*VMT_S3_ENDPOINT_URL"
            ) as told:
                ask()
            assert not told.value.transient
            assert len(provider.asked) == 1


def test_the_wrong_scheme_is_told_at_once(tls: ssl.SSLContext) -> None:
    with serve() as (_, port):
        with pytest.raises(StoreError, match=r"no TLS connection .*write http://") as told:
            bucket(port, "https").get("a")
        assert not told.value.transient


def test_an_unknown_certificate_names_the_remedy(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    with serve(context=tls) as (_, port):
        with pytest.raises(StoreError, match="AWS_CA_BUNDLE") as told:
            bucket(port, "https").get("a")
        assert not told.value.transient


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:9000", "it has no scheme; write https://localhost:9000 or http://"),
        ("minio.example.com", "it has no scheme"),
        ("http://minio_server:9000", "a host name has no underscore"),
        ("ftp://host", "write it as https://host or http://host:port"),
        ("http://host:99999", "not an address"),
        ("http://host:port", "not an address"),
        ("http://", "write it as https://host"),
        ("http://a b", "write it as https://host"),
        ("http://user:password@host", "write it without a user"),
        ("https://host/?x=1", "write it without a user"),
    ],
)
@pytest.mark.parametrize("name", ["VMT_S3_ENDPOINT_URL", "VMT_S3_PUBLIC_ENDPOINT_URL"])
def test_endpoints_are_checked_when_read(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, said: str
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingsError, match=f"environment variable {name}: ") as told:
        load_settings()
    assert said in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8333", "https://s3.example.com", "http://[::1]:9"]
)
def test_good_endpoints_pass(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VMT_S3_ENDPOINT_URL", url)
    assert load_settings().s3_endpoint_url == url

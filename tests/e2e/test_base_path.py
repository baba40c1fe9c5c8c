"""The dashboard below a path of another site, behind Debian's nginx."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.clips import ffmpeg
from tests.dashboard.fill import put_output
from tests.e2e.stack import dashboard
from tests.servers import free_ports
from vmt.store import LocalStore

pytestmark = pytest.mark.server

CONFIGURATION = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /music/ {{
      proxy_pass {upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_buffering off;
    }}
  }}
}}
"""
COOKIE = "_streamlit_xsrf"
FILM = "outputs/run/epoch_0001/015/aaa/015_cgen_rd.mp4"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "install Debian's nginx"
    store = LocalStore(folder / "store")
    put_output(store, "run", 1, "015", "aaa", files_too=False)
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=2", folder / "a.mp4")
    store.put_file(FILM, folder / "a.mp4")
    environment = {**os.environ, "VMT_STORE": store.url}
    with dashboard(environment, folder / "log", "--base-path", "/music") as started:
        (port,) = free_ports(1)
        upstream = started.url.removesuffix("/music")
        text = CONFIGURATION.format(folder=folder, port=port, upstream=upstream)
        (folder / "nginx.conf").write_text(text)
        proxy = subprocess.Popen([program, "-c", str(folder / "nginx.conf")])
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/music"
        finally:
            proxy.terminate()
            proxy.wait()


def test_media_ranges_and_zips(site: str) -> None:
    answer = httpx.get(f"{site}/files/{FILM}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    part = httpx.get(f"{site}/files/{FILM}", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    packed = httpx.get(f"{site}/zip/outputs/run/epoch_0001/015/aaa/")
    assert packed.headers["content-type"] == "application/zip"
    assert packed.content.startswith(b"PK")


def test_the_page_its_health_and_its_websocket(site: str) -> None:
    assert httpx.get(f"{site}/_stcore/health").text == "ok"
    page = httpx.get(f"{site}/")
    assert page.headers["content-type"].startswith("text/html")
    assert handshake(site, "").startswith("HTTP/1.1 101")


def handshake(site: str, headers: str) -> str:
    """The answer to a browser's request to open the page's websocket."""
    address = httpx.URL(site)
    place = f"{address.host}:{address.port}"
    request = (
        "GET /music/_stcore/stream HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Host: {place}\r\nOrigin: http://{place}\r\n{headers}"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection((address.host, address.port), timeout=20) as stream:
        stream.sendall(request.encode())
        return stream.recv(400).decode(errors="replace")


def test_the_sessions_cookie(site: str) -> None:
    """Streamlit's cookie reaches the browser, and comes back with uploads and the websocket."""
    answer = httpx.get(f"{site}/_stcore/health")
    cookie = answer.headers["set-cookie"]
    assert "path=/;" in cookie.lower() + ";"
    token = answer.cookies[COOKIE]

    protocols = f"Sec-WebSocket-Protocol: streamlit, {token}\r\n"
    opened = handshake(site, f"Cookie: {COOKIE}={token}\r\n{protocols}")
    assert opened.startswith("HTTP/1.1 101")
    assert "sec-websocket-protocol: streamlit" in opened.lower()

    def upload(cookies: dict[str, str]) -> int:
        place = f"{site}/_stcore/upload_file/no-session/no-file"
        headers = {"X-Xsrftoken": token, **cookies}
        return httpx.put(place, headers=headers, files={"file": b"x"}).status_code

    assert upload({}) == 403
    # With its cookie the upload is let in, and only then its session is not known.
    assert upload({"Cookie": f"{COOKIE}={token}"}) == 400

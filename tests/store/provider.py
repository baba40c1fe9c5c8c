"""A small S3 on loopback that behaves like one provider or another; it checks no signature."""

import contextlib
import hashlib
import re
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

QUIRKS = (
    "checksum-headers",  # refuses the headers of newer checksums
    "aws-chunked",  # refuses bodies in signed pieces, as trailers need them
    "conditional",  # refuses conditional writes
    "last-writer",  # ignores conditions
    "no-ranges",  # answers a range with the whole object
    "stale-listing",  # lists nothing
    "console",  # a console's port: a web page for everything
)


class Provider:
    """Objects by path, and what was asked."""

    def __init__(self, quirks: set[str]) -> None:
        assert quirks <= set(QUIRKS)
        self.quirks = quirks
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.asked: list[str] = []


def handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def refuse(self, status: int, code: str, message: str = "x") -> None:
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            self.answer(status, text.encode(), Content_Type="application/xml")

        def body(self) -> bytes:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
                data = self.pieces(self.rfile)
            if "aws-chunked" in (self.headers.get("Content-Encoding") or ""):
                import io

                data = self.pieces(io.BytesIO(data))
            return data

        def pieces(self, source: Any) -> bytes:
            found = b""
            while size := int(source.readline().split(b";")[0].strip() or b"0", 16):
                found += source.read(size)
                source.readline()
            while source.readline().strip():
                pass
            return found

        def console(self) -> bool:
            provider.asked.append(f"{self.command} {self.path}")
            if "console" in provider.quirks:
                self.body()
                self.answer(200, b"<!doctype html><title>Console</title>", Content_Type="text/html")
            return "console" in provider.quirks

        def do_PUT(self) -> None:
            if self.console():
                return None
            data, key = self.body(), urllib.parse.unquote(self.path.split("?")[0])
            names = {name.lower() for name in self.headers}
            newer = [name for name in names if name.startswith(("x-amz-checksum", "x-amz-trailer"))]
            if newer and "checksum-headers" in provider.quirks:
                return self.refuse(400, "InvalidArgument", f"Unsupported header '{newer[0]}'")
            encoding = self.headers.get("Content-Encoding") or ""
            if "aws-chunked" in encoding and "aws-chunked" in provider.quirks:
                return self.refuse(501, "NotImplemented", "aws-chunked is not supported")
            absent, match = self.headers.get("If-None-Match"), self.headers.get("If-Match")
            if (absent or match) and "conditional" in provider.quirks:
                return self.refuse(501, "NotImplemented", "a header is not implemented")
            present = provider.objects.get(key)
            if "last-writer" not in provider.quirks and (
                (absent and present) or (match and (present is None or present[1] != match))
            ):
                return self.refuse(412, "PreconditionFailed")
            etag = f'"{hashlib.md5(data).hexdigest()}"'
            provider.objects[key] = (data, etag)
            return self.answer(200, ETag=etag)

        def do_GET(self) -> None:
            if self.console():
                return None
            path, _, query = self.path.partition("?")
            key, asked = urllib.parse.unquote(path), urllib.parse.parse_qs(query)
            if "list-type" in asked:
                return self.list(key.strip("/"), asked.get("prefix", [""])[0])
            if key not in provider.objects:
                return (
                    self.answer(200)
                    if key.count("/") < 2
                    else self.refuse(404, "NoSuchKey", "none")
                )
            data, etag = provider.objects[key]
            date = "Thu, 01 Jan 2026 00:00:00 GMT"
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
            if wanted and "no-ranges" not in provider.quirks:
                first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
                where = f"bytes {first}-{last}/{len(data)}"
                return self.answer(
                    206, data[first : last + 1], ETag=etag, Last_Modified=date, Content_Range=where
                )
            return self.answer(200, data, ETag=etag, Last_Modified=date)

        do_HEAD = do_GET

        def list(self, bucket: str, prefix: str) -> None:
            items = ""
            for path, (data, etag) in sorted(provider.objects.items()):
                key = path.removeprefix(f"/{bucket}/")
                if key.startswith(prefix) and "stale-listing" not in provider.quirks:
                    items += (
                        f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size>"
                        f"<ETag>{escape(etag)}</ETag>"
                        "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                    )
            text = f"<?xml version='1.0'?><ListBucketResult><Name>{bucket}</Name>"
            text += f"<IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
            self.answer(200, text.encode(), Content_Type="application/xml")

        def do_POST(self) -> None:
            self.body()
            self.refuse(501, "NotImplemented")

        def do_DELETE(self) -> None:
            provider.objects.pop(urllib.parse.unquote(self.path.split("?")[0]), None)
            self.answer(204)

    return Handler


@contextlib.contextmanager
def serve(*quirks: str, context: Any = None) -> Iterator[tuple[Provider, int]]:
    """A provider with these quirks, and its port; over TLS where an SSL context is given."""
    provider = Provider(set(quirks))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(provider))
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider, server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

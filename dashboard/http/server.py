"""The web server: Streamlit's pages, and beside them the files of a local store.

A browser plays media of an S3 store straight from S3, by presigned URL. A local store has no URL of
its own, so its files are served here, in ranges, so that seeking works and a long video never
stands in memory.
"""

import functools
import importlib
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager
from streamlit.starlette import App

from dashboard.http import archive
from vmt.catalog import keys
from vmt.errors import VmtError
from vmt.settings import load_settings
from vmt.store import ObjectStore, open_store
from vmt.store.protocol import check_key

FILES_ROUTE = "/files"
SLOW_IMPORTS = (
    "altair",
    "pandas",
    "pretty_midi",
    "vmt.features.record",
    "dashboard.sources.prefect",
)  # at the start, not in the first visitor's view

MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".flac": "audio/flac",
    ".jpg": "image/jpeg",
    ".mid": "audio/midi",
    ".lab": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
}
SERVED = (keys.OUTPUTS, keys.VIDEOS, keys.INBOX, keys.RUNS, keys.THUMBNAILS)


@functools.cache
def _store() -> ObjectStore:
    settings = load_settings()
    return open_store(settings.store, settings)


def _public_endpoint() -> str:
    """Where browsers load media that the store itself serves; empty where it serves none."""
    try:
        settings = load_settings()
        return open_store(settings.store, settings).capabilities.public_endpoint or ""
    except VmtError:
        return ""  # the pages say what is wrong


class ContentPolicy:
    """Tells the browser to fetch from this server alone, and media from the store's public endpoint
    as well.

    Streamlit needs inline styles, evaluated code (its charts) and modules from blobs (its
    components).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        store = _public_endpoint()
        self.policy = (
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; "
            "worker-src 'self' blob:; "
            "style-src 'self' 'unsafe-inline'; font-src 'self' data:; connect-src 'self' blob: "
            "data:; "
            f"img-src 'self' blob: data: {store}; media-src 'self' blob: {store}; "
            "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the header to every answer."""

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self.policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        await self.app(scope, receive, answered if scope["type"] == "http" else send)


def _local_path(key: str) -> Path | None:
    folder = _store().capabilities.folder
    return None if folder is None else folder / check_key(key)


def media(request: Request) -> Response:
    """One file of a local store: media and tables alone, below `SERVED` alone; `?download` has the
    browser save it.
    """
    key = PurePosixPath(request.path_params["key"])
    media_type = MEDIA_TYPES.get(key.suffix.lower())
    if media_type is None or not str(key).startswith(SERVED) or ".." in key.parts:
        return PlainTextResponse("not a media file of this store", status_code=404)
    try:
        path = _local_path(str(key))
    except VmtError as error:
        return PlainTextResponse(str(error), status_code=503)
    if path is None or not path.is_file():
        return PlainTextResponse(f"{key} is not in the store", status_code=404)
    filename = path.name if "download" in request.query_params else None
    return FileResponse(
        path,
        media_type=media_type,
        filename=filename,
        headers={"X-Content-Type-Options": "nosniff"},
    )


def soundtracks(request: Request) -> Response:
    """A batch, a video's takes or one take as a zip, whatever the store."""
    name = str(request.path_params["name"])
    try:
        objects = archive.members(_store(), name)
    except archive.ArchiveRefused as error:
        return PlainTextResponse(str(error), status_code=404)
    except VmtError as error:
        return PlainTextResponse(str(error), status_code=503)
    filename = "-".join(part for part in PurePosixPath(name).with_suffix("").parts[1:]) + ".zip"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename)}"}
    return StreamingResponse(
        archive.stream(_store(), objects), media_type="application/zip", headers=headers
    )


def app(base_path: str = "") -> App:
    """The whole web application.

    Args:
        base_path: below which a proxy serves it; files are served there too, whether the proxy
            takes the path away or hands it on.
    """
    for name in (*SLOW_IMPORTS, *(["vmt.store.s3"] if _public_endpoint() else [])):
        importlib.import_module(name)
    # Streamlit takes a folder `pages` beside app.py for pages of its older kind, until the first
    # visit has called `st.navigation`: that visit would read "Page not found" over its page.
    PagesManager.uses_pages_directory = False
    base = f"/{stripped}" if (stripped := base_path.strip("/")) else ""
    routes = [
        route
        for prefix in dict.fromkeys((base, ""))
        for route in (
            Route(prefix + FILES_ROUTE + "/{key:path}", media),
            Route(prefix + archive.ZIP_ROUTE + "/{name:path}", soundtracks),
        )
    ]
    return App(
        Path(__file__).resolve().parents[1] / "app.py",
        routes=routes,
        middleware=[Middleware(ContentPolicy)],
    )

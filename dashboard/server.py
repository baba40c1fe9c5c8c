"""The web server: Streamlit's pages, and beside them the files of a local store.

A browser plays media of an S3 store straight from S3, by presigned URL. A local store has no URL of its own, so its
files are served here, in ranges, so that seeking works and a long video never stands in memory.
"""

import functools
import importlib
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import url2pathname

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.starlette import App

from vmt.errors import VmtError
from vmt.settings import load_settings
from vmt.store import ObjectStore, open_store

FILES_ROUTE = "/files"
SLOW_IMPORTS = (
    "altair",
    "pandas",
    "pretty_midi",
    "vmt.features.record",
)  # at the start, not in the first visitor's view

MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".flac": "audio/flac",
    ".mid": "audio/midi",
    ".lab": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
}
SERVED = {"outputs", "videos", "inbox", "runs"}


@functools.cache
def _store() -> ObjectStore:
    settings = load_settings()
    return open_store(settings.store, settings)


def _local_path(key: str) -> Path | None:
    shared = urlsplit(_store().share_url(key))
    return Path(url2pathname(shared.path)) if shared.scheme == "file" else None


def media(request: Request) -> Response:
    """One file of a local store: media and tables alone, below `SERVED` alone; `?download` has the browser save it."""
    key = PurePosixPath(request.path_params["key"])
    media_type = MEDIA_TYPES.get(key.suffix.lower())
    if media_type is None or key.parts[0] not in SERVED or ".." in key.parts:
        return PlainTextResponse("not a media file of this store", status_code=404)
    try:
        path = _local_path(str(key))
    except VmtError as error:
        return PlainTextResponse(str(error), status_code=503)
    if path is None or not path.is_file():
        return PlainTextResponse(f"{key} is not in the store", status_code=404)
    filename = path.name if "download" in request.query_params else None
    return FileResponse(path, media_type=media_type, filename=filename, headers={"X-Content-Type-Options": "nosniff"})


def app() -> App:
    """The whole web application."""
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    return App(Path(__file__).resolve().with_name("app.py"), routes=[Route(FILES_ROUTE + "/{key:path}", media)])

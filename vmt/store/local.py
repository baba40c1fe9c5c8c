"""A folder as an object store: whole files moved into place, safe between threads and processes on
one machine.
"""

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vmt.errors import ObjectNotFound, PreconditionFailed
from vmt.settings import Settings
from vmt.store.protocol import (
    OWN_FOLDER,
    ObjectInfo,
    StoreCapabilities,
    check_key,
    check_prefix,
    os_failure,
)

ADDRESS = "a folder, file:///folder"

_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalStore:
    """Objects are the files below `root`. Temporary files and the lock are in `root/.vmt`, which no
    key can name.

    A write goes to a temporary file first, which is then moved to its key under a lock held only
    for the move. An etag consists of inode, size and time in nanoseconds, so that files copied into
    the folder by hand have one as well.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    @property
    def capabilities(self) -> StoreCapabilities:
        """The objects are files below `root`."""
        return StoreCapabilities(folder=self.root)

    def put(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> ObjectInfo:
        """Write an object whole. See `ObjectStore.put`."""
        with self._errors(f"write {key}"):
            return self._write(
                check_key(key), lambda part: _discard(part.write_bytes(data)), if_absent, if_match
            )

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Copy a file in. See `ObjectStore.put_file`."""
        with self._errors(f"write {key}"):
            return self._write(check_key(key), lambda part: _discard(shutil.copyfile(path, part)))

    def get(self, key: str) -> bytes:
        """The object's bytes. See `ObjectStore.get`."""
        return self.get_with_etag(key)[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Bytes and their etag. See `ObjectStore.get_with_etag`."""
        with self._errors(f"read {key}", key), (self.root / check_key(key)).open("rb") as file:
            etag = _etag(os.fstat(file.fileno()))
            return file.read(), etag

    def get_file(self, key: str, path: Path) -> None:
        """Copy an object to `path`. See `ObjectStore.get_file`."""
        part = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with (
                self._errors(f"read {key}", key),
                (self.root / check_key(key)).open("rb") as source,
            ):
                with self._errors(f"write {path}"), part.open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def read_range(self, key: str, first: int, last: int) -> bytes:
        """Bytes `first` to `last` of an object. See `ObjectStore.read_range`."""
        with self._errors(f"read {key}", key), (self.root / check_key(key)).open("rb") as file:
            file.seek(first)
            return file.read(last - first + 1)

    def head(self, key: str) -> ObjectInfo | None:
        """The object's information, or None."""
        with self._errors(f"look at {key}"):
            return self._info(check_key(key))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects under `prefix`, in key order."""
        folder = check_prefix(prefix).rpartition("/")[0]
        with self._errors(f"list {prefix or 'it'}"):
            for key, entry in _walk(self.root / folder, f"{folder}/" if folder else ""):
                if key.startswith(prefix):
                    with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
                        yield _info(key, entry.stat())

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Names one level below `prefix`. See `ObjectStore.folders`."""
        with self._errors(f"list {prefix or 'it'}"):
            for name, entry in _entries(self.root / check_prefix(prefix)):
                if (
                    name.endswith("/")
                    and (prefix or name != OWN_FOLDER + "/")
                    and next(_walk(Path(entry.path), ""), None)
                ):
                    yield name.removesuffix("/")

    def delete(self, key: str) -> None:
        """Remove an object, and the folders that are empty without it."""
        path = self.root / check_key(key)
        with self._errors(f"delete {key}"), self._lock(), contextlib.suppress(*_ABSENT):
            path.unlink()
            for folder in path.parents:
                if folder == self.root:
                    break
                try:
                    folder.rmdir()
                except OSError:  # not empty
                    break

    def unfinished(self, before: datetime, *, remove: bool = False) -> Iterator[str]:
        """Temporary files of writers that were killed. See `ObjectStore.unfinished`."""
        with self._errors("look for unfinished uploads"):
            for name, entry in _entries(self.root / OWN_FOLDER / "tmp"):
                with contextlib.suppress(FileNotFoundError):  # its writer finished
                    if datetime.fromtimestamp(entry.stat().st_mtime, UTC) < before:
                        if remove:
                            Path(entry.path).unlink()
                        yield f"temporary file {name}"

    def share_url(self, key: str, expires_s: int = 3600, *, filename: str | None = None) -> str:
        """A `file://` URL, which does not expire. See `ObjectStore.share_url`."""
        return (self.root / check_key(key)).resolve().as_uri()

    def _write(
        self,
        key: str,
        fill: Callable[[Path], None],
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> ObjectInfo:
        assert not (if_absent and if_match is not None), (
            "an object cannot be both absent and of a known etag"
        )
        part = self._own("tmp") / uuid.uuid4().hex
        try:
            fill(part)
            now = time.time_ns()
            # The kernel's own times are milliseconds apart, too coarse for an etag.
            os.utime(part, ns=(now, now))

            with self._lock():
                present = self._info(key)
                if if_absent and present is not None:
                    raise PreconditionFailed(
                        f"object {key} exists already; read it, and write again with its etag"
                    )
                if if_match is not None and (present is None or present.etag != if_match):
                    raise PreconditionFailed(
                        f"object {key} was changed by another writer; read it again and repeat"
                    )

                target = self.root / key
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(part, target)
                return _info(key, target.stat())
        finally:
            part.unlink(missing_ok=True)

    def _info(self, key: str) -> ObjectInfo | None:
        path = self.root / key
        with contextlib.suppress(*_ABSENT):
            if path.is_file():
                return _info(key, path.stat())
        return None

    def _own(self, name: str) -> Path:
        folder = self.root / OWN_FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Exclude all other threads and processes that write to this folder."""
        if not self.root.exists():
            self.root.mkdir(parents=True, exist_ok=True)
        with (self._own("lock") / "write").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _errors(self, doing: str, key: str | None = None) -> Iterator[None]:
        """Turn failures into store errors; a missing file is `ObjectNotFound` where `key` is
        given.
        """
        try:
            yield
        except OSError as error:
            if isinstance(error, _ABSENT) and key is not None:
                raise ObjectNotFound(
                    f"object {key}: none in store {self.url}; check its name"
                ) from error
            raise os_failure(self.url, doing, error) from error


def open_url(url: str, settings: Settings) -> LocalStore | None:
    """The store of a folder's path or `file://` URL; None where `url` names another machine."""
    if "://" not in url:
        return LocalStore(Path(url))
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        return None
    return LocalStore(Path(unquote(parts.path)))


def _discard(_: object) -> None:
    pass


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_ino:x}-{stat.st_size:x}-{stat.st_mtime_ns:x}"


def _info(key: str, stat: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, stat.st_size, _etag(stat), datetime.fromtimestamp(stat.st_mtime, UTC))


def _entries(folder: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """Names in a folder with `/` after folders, in the order of keys; none where the folder does
    not exist.
    """
    try:
        with os.scandir(folder) as entries:
            named = [
                (entry.name + "/" if entry.is_dir() else entry.name, entry) for entry in entries
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(named, key=lambda pair: pair[0])


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Keys and entries of all files below `folder`, in key order."""
    for name, entry in _entries(folder):
        if not name.endswith("/"):
            if entry.is_file():
                yield prefix + name, entry
        elif prefix or name != OWN_FOLDER + "/":
            yield from _walk(Path(entry.path), prefix + name)

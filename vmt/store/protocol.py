"""The protocol of object stores, and the rules for keys."""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from vmt.errors import StoreDenied, StoreError, StoreFull, StoreUnavailable

MAX_KEY_BYTES = 1024  # S3's own limit
MAX_NAME_BYTES = 255  # file systems'
OWN_FOLDER = ".vmt"
MINIMUM = (
    "conditional writes (If-None-Match and If-Match), listing straight after a write, and ranges"
)
"""What "any S3" must be able to do; `vmt.store.minimum` asks a store for it."""


_NAME = r"(?!\.{1,2}(?:/|$))[^/\x00-\x1f\x7f\ud800-\udfff]+"
_PLAIN = re.compile(rf"{_NAME}(?:/{_NAME})*")


@dataclass(frozen=True)
class ObjectInfo:
    """What a listing knows of an object: `modified` is in UTC, `size` in bytes."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class StoreCapabilities:
    """What a kind of store can do beside keeping objects; callers ask this and not for the class.

    Attributes:
        folder: the folder on this machine whose files are the objects; None where objects are kept
            elsewhere.
        endpoint: the HTTP address that the store's clients speak to; None without one.
        public_endpoint: scheme and host from which browsers load what `share_url` names; None where
            browsers cannot load it.
    """

    folder: Path | None = None
    endpoint: str | None = None
    public_endpoint: str | None = None


@runtime_checkable
class ObjectStore(Protocol):
    """Objects under keys. Every method may raise `StoreUnavailable`, `StoreDenied` or `StoreFull`.

    A store may be shared by threads; several processes may use the same folder or bucket at once.
    """

    url: str

    @property
    def capabilities(self) -> StoreCapabilities:
        """What this kind of store can do; nothing is connected to."""
        ...

    def put(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> ObjectInfo:
        """Write an object whole; readers see the old bytes or the new ones, never a part.

        Args:
            key: see `check_key`.
            data: all bytes.
            if_absent: write only where there is no object.
            if_match: write only where the object has this etag; excludes `if_absent`.

        Raises:
            PreconditionFailed: if `if_absent` and the key exists, or `if_match` is not the present
                etag.
        """
        ...

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Upload a file, in parts where it is large, checked by a checksum."""
        ...

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises `ObjectNotFound`."""
        ...

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Bytes and the etag that belongs to them, for a later `if_match`. Raises
        `ObjectNotFound`.
        """
        ...

    def get_file(self, key: str, path: Path) -> None:
        """Download to `path`, which appears only when whole. Raises `ObjectNotFound`."""
        ...

    def read_range(self, key: str, first: int, last: int) -> bytes:
        """Bytes `first` to `last` of an object, both included. Raises `ObjectNotFound`."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """The object's information, or None."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix`, page by page; those of one folder in the
        order of their names.

        (Servers differ in where they sort `/`, so whoever needs one order over several folders
        sorts.)
        """
        ...

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The bare names one level below `prefix` that hold objects, without listing what they
        hold.

        With `runs/a/x` in the store, `folders("runs/")` gives `a`. `prefix` is empty or ends in
        `/`. Some servers still name a folder for a while after its last object was deleted.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        ...

    def unfinished(self, before: datetime, *, remove: bool = False) -> Iterator[str]:
        """Descriptions of uploads that never ended; they take space and no reader sees them.

        Args:
            before: uploads that began later are left out, since they may still be in progress.
            remove: delete them.
        """
        ...

    def share_url(self, key: str, expires_s: int = 3600, *, filename: str | None = None) -> str:
        """A URL that plays in a browser: presigned for S3, `file://` for a folder.

        Args:
            key: of the object.
            expires_s: how long a presigned one works.
            filename: the name under which the browser saves it; ignored by a folder.
        """
        ...


def check_key(key: str) -> str:
    """`key`, if every store can hold it.

    Raises:
        StoreError: if it is too long, has an empty part, `.` or `..`, or a control character, or is
            the store's own.
    """
    sizes = [len(part.encode(errors="surrogatepass")) for part in key.split("/")]
    if not _PLAIN.fullmatch(key) or key.partition("/")[0] == OWN_FOLDER:
        raise StoreError(
            f"key {key!r} is not a key; write names joined by single slashes, "
            "such as runs/a/results.csv"
        )
    if max(sizes) > MAX_NAME_BYTES or sum(sizes) + len(sizes) > MAX_KEY_BYTES:
        raise StoreError(
            f"key {key[:60]!r}... is too long; names have up to {MAX_NAME_BYTES} bytes, keys "
            f"{MAX_KEY_BYTES}"
        )
    return key


def check_prefix(prefix: str) -> str:
    """`prefix`, if it can begin a key; the empty one begins them all.

    Raises:
        StoreError: as `check_key`.
    """
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def os_failure(url: str, doing: str, error: OSError) -> StoreError:
    """An error of the operating system as a store's error.

    Args:
        url: the store's, for the message.
        doing: a verb and its object, such as `write a/b`.
        error: what the operating system raised.
    """
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return StoreFull(
            f"store {url}: no space left to {doing} ({reason}); free some and run again"
        )
    if error.errno in _DENIED:
        return StoreDenied(f"store {url}: not allowed to {doing} ({reason}); change the rights")
    kind = StoreUnavailable if error.errno in _TRANSIENT else StoreError
    return kind(f"store {url}: cannot {doing} ({reason}); check the folder")


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_TRANSIENT = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN}

"""Object stores behind one small protocol: any S3 through boto3, or a local folder.

Keys are relative, `/`-separated names such as `runs/a/results.csv`. An etag is opaque: equal etags mean equal bytes, nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """What a listing knows of an object: `modified` is in UTC, `size` in bytes."""

    key: str
    size: int
    etag: str
    modified: datetime


class ObjectStore(Protocol):
    """Objects under keys. Every method may raise `StoreUnavailable`, `StoreDenied` or `StoreFull`."""

    url: str

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        """Write an object whole; readers see the old bytes or the new ones, never a part.

        Raises:
            PreconditionFailed: if `if_absent` and the key exists, or `if_match` is not the present etag.
        """
        ...

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Upload a file, in parts where it is large, checked by a checksum."""
        ...

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises `ObjectNotFound`."""
        ...

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Bytes and the etag that belongs to them, for a later `if_match`. Raises `ObjectNotFound`."""
        ...

    def get_file(self, key: str, path: Path) -> None:
        """Download to `path`, which appears only when whole. Raises `ObjectNotFound`."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """The object's information, or None."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix`, in key order, page by page."""
        ...

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The names one level below `prefix` (ending in `/`) that hold objects, without listing what they hold."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; none there is no error."""
        ...

    def share_url(self, key: str, expires_s: int = 3600, *, filename: str | None = None) -> str:
        """A URL that plays in a browser: presigned for S3, `file://` for a folder."""
        ...

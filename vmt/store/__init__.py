"""Object stores behind one small protocol: any S3 through boto3, or a local folder.

Keys are relative, `/`-separated names such as `runs/a/results.csv`. An etag is opaque: equal etags
mean equal bytes.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from vmt.errors import SettingsError
from vmt.settings import Settings, load_settings
from vmt.store.local import LocalStore
from vmt.store.protocol import ObjectInfo, ObjectStore

__all__ = ["LocalStore", "ObjectInfo", "ObjectStore", "open_store"]


def open_store(url: str, settings: Settings | None = None) -> ObjectStore:
    """The store at `url`; nothing is read, written or connected to before its first use.

    Args:
        url: a folder (made at the first write), `file:///folder`, or `s3://bucket/prefix`.
        settings: endpoint, region and credentials of S3; boto3's own chain where they are empty.

    Raises:
        SettingsError: if `url` is none of these.
    """
    if "://" not in url:
        if not url.strip():
            raise SettingsError(
                "store: the address is empty; set VMT_STORE to a folder or to s3://bucket/prefix"
            )
        return LocalStore(Path(url))
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return LocalStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc and not parts.query and not parts.fragment:
        from vmt.store.s3 import (
            S3Store,
        )  # a local store needs no boto3, which takes a second to load

        return S3Store(parts.netloc, parts.path.strip("/"), settings or load_settings())
    raise SettingsError(
        f"store {url}: not an address of a store; write a folder, file:///folder or s3://bucket/prefix"
    )

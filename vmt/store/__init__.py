"""Object stores behind one small protocol: any S3 through boto3, or a local folder.

Keys are relative, `/`-separated names such as `runs/a/results.csv`. An etag is opaque: equal etags
mean equal bytes.

A backend is one module of this package, named after the scheme of its URLs: `s3.py` opens
`s3://...`. It declares `ADDRESS`, what its URLs look like, and `open_url`.
"""

import importlib
import pkgutil
from types import ModuleType

from vmt.errors import SettingsError
from vmt.settings import Settings, load_settings
from vmt.store.local import LocalStore
from vmt.store.protocol import ObjectInfo, ObjectStore, StoreCapabilities

__all__ = ["LocalStore", "ObjectInfo", "ObjectStore", "StoreCapabilities", "open_store"]

_FOLDER_SCHEMES = ("", "file")


def open_store(url: str, settings: Settings | None = None) -> ObjectStore:
    """The store at `url`; nothing is read, written or connected to before its first use.

    Args:
        url: a folder (made at the first write), `file:///folder`, or the URL of another backend
            such as `s3://bucket/prefix`.
        settings: endpoint, region and credentials of S3; boto3's own chain where they are empty.

    Raises:
        SettingsError: if `url` is no address of a store.
    """
    if not url.strip():
        raise SettingsError(
            "store: the address is empty; set VMT_STORE to a folder or to s3://bucket/prefix"
        )
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    name = "local" if scheme in _FOLDER_SCHEMES else scheme

    # Only the backend that is asked for is imported: boto3 takes a second to load.
    backend = _backend(name) if name in _module_names() else None
    store: ObjectStore | None = None
    if backend is not None:
        store = backend.open_url(url, settings or load_settings())
    if store is None:
        backends = (_backend(module) for module in _module_names())
        known = [backend.ADDRESS for backend in backends if backend is not None]
        raise SettingsError(f"store {url}: not an address of a store; write {' or '.join(known)}")
    return store


def _module_names() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def _backend(name: str) -> ModuleType | None:
    module = importlib.import_module(f"{__name__}.{name}")
    return module if hasattr(module, "open_url") else None

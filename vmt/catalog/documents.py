"""Read and write records in the store, and change those that several writers share.

`update` is the one place with a compare-and-swap loop: it reads, changes and writes on the
condition that no other process wrote in between, and retries where one did.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from vmt.catalog.records import dumps, loads
from vmt.errors import ObjectNotFound, PreconditionFailed
from vmt.store import ObjectStore

R = TypeVar("R")


def read(store: ObjectStore, key: str, kind: type[R]) -> R | None:
    """The record under a key, or None.

    Args:
        store: the store.
        key: of the object.
        kind: the record's class.

    Raises:
        RecordError: if the object is damaged, or a newer version of VMT wrote it.
        StoreError: if the store fails.
    """
    return read_with_etag(store, key, kind)[0]


def read_with_etag(store: ObjectStore, key: str, kind: type[R]) -> tuple[R | None, str | None]:
    """The record under a key with the etag that belongs to it; two None where there is no object.

    Args:
        store: the store.
        key: of the object.
        kind: the record's class.

    Raises:
        RecordError: if the object is damaged, or a newer version of VMT wrote it.
        StoreError: if the store fails.
    """
    try:
        data, etag = store.get_with_etag(key)
    except ObjectNotFound:
        return None, None
    return loads(kind, data, key), etag


def write(store: ObjectStore, key: str, record: object, *, if_absent: bool = False) -> None:
    """Write a record, whatever is under the key.

    Args:
        store: the store.
        key: of the object.
        record: what to write.
        if_absent: write only where nothing is.

    Raises:
        PreconditionFailed: if `if_absent` and there is an object.
        StoreError: if the store fails.
    """
    store.put(key, dumps(record), if_absent=if_absent)


def replace(store: ObjectStore, key: str, record: object, etag: str | None) -> None:
    """Write a record in place of the one that was read, which had `etag`; None where none was.

    Args:
        store: the store.
        key: of the object.
        record: what to write.
        etag: as `read_with_etag` gave it.

    Raises:
        PreconditionFailed: if another writer was faster.
        StoreError: if the store fails.
    """
    store.put(key, dumps(record), if_absent=etag is None, if_match=etag)


def update(
    store: ObjectStore, key: str, kind: type[R], change: Callable[[R | None], R | None]
) -> R | None:
    """Write what `change` makes of the present record; no other writer's work is lost.

    Args:
        store: the store.
        key: of the object.
        kind: the record's class.
        change: gets the present record, None where there is none, and returns the new one; None
            or an equal one writes nothing. It may be called several times.

    Returns:
        The record that is under the key now.

    Raises:
        RecordError: if the object is damaged, or a newer version of VMT wrote it.
        StoreError: if the store fails.
    """
    while True:
        present, etag = read_with_etag(store, key, kind)
        record = change(present)
        if record is None or record == present:
            return present
        try:
            replace(store, key, record, etag)
        except PreconditionFailed:
            continue
        return record


def write_at_first_free(store: ObjectStore, keys: Iterable[str], data: bytes) -> int:
    """Write an object under the first key that is free; two writers get two keys.

    Args:
        store: the store.
        keys: in the order to try them, without end.
        data: of the object.

    Returns:
        The place of the key among `keys`, from 0.

    Raises:
        StoreError: if the store fails.
    """
    for place, key in enumerate(keys):
        try:
            store.put(key, data, if_absent=True)
        except PreconditionFailed:
            continue
        return place
    raise AssertionError("keys has an end")

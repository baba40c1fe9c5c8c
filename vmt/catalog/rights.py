"""Rights: where a video comes from, on what terms, and who agreed, as `<id>.json` beside it
says.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from vmt.catalog.records import decode, encode
from vmt.catalog.records.videos import IngestEntry, Rights
from vmt.errors import AnnotationError, DatasetError
from vmt.store import ObjectStore

FIELDS = ("source", "licence", "consent")


def rights_of(store: ObjectStore, annotations: Iterable[str]) -> str:
    """What a manifest keeps of the `.json` among a video's annotations: its `Rights` as JSON text;
    empty without one.

    Fields that are not of `FIELDS` are left alone.

    Args:
        store: the store.
        annotations: the keys of what is beside the video.

    Raises:
        AnnotationError: if it is no JSON object, or a field of it is not text (consent: text, true
            or false).
        StoreError: if the store fails.
    """
    key = next((key for key in annotations if key.lower().endswith(".json")), None)
    if key is None:
        return ""
    name = PurePosixPath(key).name
    try:
        content = json.loads(store.get(key))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(
            f"{name}: is not JSON ({error}); write an object with {', '.join(FIELDS)}"
        ) from error
    if not isinstance(content, dict):
        raise AnnotationError(f"{name}: is not a JSON object; write one with {', '.join(FIELDS)}")
    known = {field: content[field] for field in FIELDS if field in content}
    for field, value in known.items():
        if not isinstance(value, str) and not (field == "consent" and isinstance(value, bool)):
            raise AnnotationError(f"{name}: {field} is {json.dumps(value)[:60]}; write it as text")
    return json.dumps(encode(decode(Rights, known, name)), sort_keys=True, ensure_ascii=False)


def missing_rights(rights: str) -> tuple[str, ...]:
    """Fields that a manifest's rights do not give; a consent of false is none."""
    known = decode(Rights, json.loads(rights) if rights else {}, "rights")
    return tuple(field for field in FIELDS if not _given(getattr(known, field)))


def _given(value: str | bool | None) -> bool:
    return value is True or (isinstance(value, str) and bool(value.strip()))


def without_rights(entries: Mapping[str, IngestEntry]) -> dict[str, str]:
    """For each video (by key) whose rights are not whole, what it lacks, in words."""
    lacking = {}
    for key, entry in entries.items():
        missing = missing_rights(entry.rights)
        if missing:
            file = f"{PurePosixPath(key).stem}.json"
            lacking[key] = (
                f"no {', '.join(missing)} in {file}" if entry.rights else f"no {file} beside it"
            )
    return lacking


def refuse_without_rights(name: str, entries: Mapping[str, IngestEntry]) -> None:
    """Let only videos pass whose rights are whole.

    Args:
        name: of the dataset, for the message.
        entries: of its videos, by key.

    Raises:
        DatasetError: naming each of the others, and what it lacks.
    """
    lacking = without_rights(entries)
    if lacking:
        named = "; ".join(f"{key}: {reason}" for key, reason in sorted(lacking.items()))
        raise DatasetError(
            f"dataset {name}: {len(lacking)} of {len(entries)} videos are without rights "
            f"({named}); write {', '.join(FIELDS)} there and ingest again, or take the videos away"
        )

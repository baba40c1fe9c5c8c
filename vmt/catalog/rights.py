"""Rights: where a video comes from, on what terms, and who agreed, as `<id>.json` beside
it says.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from vmt.errors import AnnotationError, DatasetError
from vmt.store import ObjectStore

FIELDS = ("source", "licence", "consent")


def rights_of(store: ObjectStore, annotations: Iterable[str]) -> str:
    """What a manifest keeps of the `.json` among a video's annotations: its three fields as JSON;
    empty without one.

    Fields that are not of `FIELDS` are left alone.

    Raises:
        AnnotationError: if it is no JSON object, or a field of it is not text (consent: text, true
            or false).
        StoreError: if the store says no.
    """
    key = next((each for each in annotations if each.lower().endswith(".json")), None)
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
    return json.dumps(known, sort_keys=True, ensure_ascii=False)


def missing_rights(rights: str) -> tuple[str, ...]:
    """Fields that are not given; a consent of false is none."""
    known = json.loads(rights) if rights else {}
    return tuple(
        field
        for field in FIELDS
        if not (known.get(field) is True or str(known.get(field) or "").strip())
    )


def without_rights(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """For each video (by key) whose rights are not whole, what it lacks, in words."""
    lacking = {}
    for key, entry in entries.items():
        if missing := missing_rights(entry.get("rights", "")):
            file = f"{PurePosixPath(key).stem}.json"
            lacking[key] = (
                f"no {', '.join(missing)} in {file}"
                if entry.get("rights")
                else f"no {file} beside it"
            )
    return lacking


def refuse_without_rights(name: str, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Let only videos pass whose rights are whole.

    Raises:
        DatasetError: naming each of the others, and what it lacks.
    """
    if lacking := without_rights(entries):
        named = "; ".join(f"{key}: {reason}" for key, reason in sorted(lacking.items()))
        raise DatasetError(
            f"dataset {name}: {len(lacking)} of {len(entries)} videos are without rights "
            f"({named}); write "
            f"{', '.join(FIELDS)} there and ingest again, or take the videos away"
        )

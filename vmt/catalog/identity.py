"""Who a video is: its id, which names keys and folders, and its title, which people read.

A name that is a safe id, and that no other video of the store has, is the id. Any other video gets
a slug of its name and a short hash: of the key in the store, or of the content for a file of this
machine. `index/ids.json` remembers each key's id and title from its first sight on, so that an id
stays when the listing changes; ids that a store used before there was this file are kept.

A key is a video unless it is what people and programs lay beside one (`is_beside`).
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from vmt.catalog.keys import ANNOTATIONS
from vmt.errors import MediaError, ObjectNotFound, PreconditionFailed
from vmt.store import ObjectStore

IDS_KEY = "index/ids.json"
SCHEMA = 1
MAX_ID_BYTES = 190
"""An id stands in names of up to 255 bytes, with `_cgen_rd_stem-12-electric-piano.flac` behind."""
_SAFE = re.compile(r"[\w][\w .()\[\]&+,'-]{0,119}")
_SLUG_CHARACTERS = 48
_SLUG_BYTES = 120

BESIDE = frozenset(
    {
        *(".srt", ".vtt", ".ass", ".ssa", ".sub", ".idx", ".ttml", ".lrc", ".srv1", ".srv2"),
        *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".thm"),
        *(".nfo", ".description", ".annotations", ".url", ".webloc", ".torrent", ".log"),
        *(".md5", ".sha1", ".sha256", ".sfv", ".par2", ".xmp", ".aae", ".gpx", ".lrv", ".edl"),
        *(".part", ".ytdl", ".temp", ".tmp", ".crdownload", ".download", ".partial", ".aria2"),
        *(".filepart", ".!qb", ".!ut", ".bak", ".db", ".ini", ".lnk", ".jsonl", ".cue", ".m3u"),
    }
)
"""Endings of what yt-dlp, cameras, editors and browsers lay beside videos; none of it is one."""
PAIRED = frozenset(
    {
        *(".wav", ".mp3", ".m4a", ".flac", ".aac", ".opus", ".aif", ".aiff", ".midi"),
        *(".txt", ".md", ".xml", ".csv", ".html", ".pdf", ".yaml", ".yml", ".zip"),
    }
)
"""Endings of what lies beside a video of the same name; alone it may be a mistake, and is told."""
_BESIDE_NAMES = frozenset({"thumbs.db", "desktop.ini", "icon\r", "lost+found"})
_BESIDE_FOLDERS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information"}
)


@dataclass(frozen=True)
class Identity:
    """A video's id, safe in keys and file names, and its title as it was given."""

    id: str
    title: str


def title_of(key: str) -> str:
    """The name without its ending, in any script."""
    return unicodedata.normalize("NFC", PurePosixPath(key).stem)


def is_safe(name: str) -> bool:
    """Whether a name can be an id as it is."""
    return (
        _SAFE.fullmatch(name) is not None
        and ".." not in name
        and len(name.encode()) <= MAX_ID_BYTES
    )


def is_beside(key: str) -> bool:
    """Whether an object lies beside videos: hidden files, folders' marks, pictures, subtitles,
    sound, notes, and downloads that are not finished.
    """
    path = PurePosixPath(key)
    if key.endswith("/") or any(part.startswith(".") for part in path.parts):
        return True
    folders = {part.lower() for part in path.parts[:-1]}
    name = path.name.lower()
    return name in _BESIDE_NAMES or bool(folders & _BESIDE_FOLDERS) or path.suffix.lower() in BESIDE


def lying_beside(keys: Iterable[str]) -> set[str]:
    """Those of `keys` that are neither videos nor annotations, but lie beside videos."""
    present = list(keys)
    hidden = {key for key in present if is_beside(key)}
    others = (*ANNOTATIONS, *PAIRED)
    stems = {
        _stem(key)
        for key in present
        if key not in hidden and PurePosixPath(key).suffix.lower() not in others
    }
    paired = {
        key
        for key in present
        if PurePosixPath(key).suffix.lower() in PAIRED and _stem(key) in stems
    }
    return hidden | paired


def check_key(key: str) -> None:
    """Let a key pass that every store can hold and every page can show.

    Raises:
        MediaError: `bad-name`.
    """
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise MediaError(
            f"video {printable(key)}: its name is not UTF-8; rename the file", "bad-name"
        ) from error


def printable(text: str) -> str:
    """Text that any terminal and any file takes: bytes that are not UTF-8 as `\\xe9`."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def digest(text: str) -> str:
    """A hash of a key, also of one that is not UTF-8."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def slug(name: str, sha256: str, length: int = 8) -> str:
    """A readable and safe id of any name.

    Args:
        name: of a file, without its ending.
        sha256: of what tells it from others, in hexadecimal digits.
        length: how many of these digits.
    """
    plain = unicodedata.normalize("NFC", name)
    words = re.sub(r"[^\w]+", "-", plain.encode(errors="ignore").decode()).strip("-_")
    short = words[:_SLUG_CHARACTERS].encode()[:_SLUG_BYTES].decode(errors="ignore").strip("-_")
    return f"{short or 'video'}-{sha256[:length]}"


def local_name(name: str, sha256: str, *, taken: bool = False) -> str:
    """What a file of this machine is called in the store: its name, or, where that is no safe id or
    is taken by another video, its slug with a hash of its content, and its ending.
    """
    path = PurePosixPath(name)
    ending = path.suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", path.suffix) else ""
    if is_safe(path.stem) and ending == path.suffix and not taken:
        return name
    return f"{slug(path.stem, sha256)}{ending.lower()}"


def assign(
    store: ObjectStore,
    keys: Iterable[str],
    titles: Mapping[str, str] | None = None,
    *,
    remember: bool = True,
) -> dict[str, Identity]:
    """The identities of videos in the store; those of keys that are new are made and remembered.

    Args:
        store: where the videos are.
        keys: of the videos.
        titles: of keys whose name in the store is not the one that the video came with.
        remember: False only says what they would be.

    Raises:
        StoreError: if the store says no.
    """
    wanted = sorted(set(keys))
    while True:
        known, etag = _read(store)
        missing = [key for key in wanted if key not in known]
        if missing:
            known |= _made(known, missing, titles or {})
        if missing and remember:
            try:
                store.put(IDS_KEY, _written(known), if_absent=etag is None, if_match=etag)
            except PreconditionFailed:
                continue  # another writer was first; its ids count
        return {key: known[key] for key in wanted}


def identify(store: ObjectStore, key: str) -> Identity:
    """`assign` of one key."""
    return assign(store, [key])[key]


def identities(store: ObjectStore) -> dict[str, Identity]:
    """All that are remembered, by key."""
    return _read(store)[0]


def drop(store: ObjectStore, keys: Iterable[str]) -> None:
    """Forget what is remembered of these keys: ids and titles of videos that were taken down."""
    gone = set(keys)
    while True:
        known, etag = _read(store)
        if etag is None or not gone & set(known):
            return
        kept = {key: identity for key, identity in known.items() if key not in gone}
        try:
            store.put(IDS_KEY, _written(kept), if_match=etag)
        except PreconditionFailed:
            continue
        return


def keys_of(store: ObjectStore, video: str, keys: Iterable[str]) -> set[str]:
    """Those of `keys` that belong to the video with this id: itself, and annotations beside it."""
    known = identities(store)
    present = list(keys)

    def own(key: str) -> bool:
        identity = known.get(key)
        return identity.id == video if identity is not None else title_of(key) == video

    videos = {key for key in present if not _is_annotation(key) and own(key)}
    stems = {_stem(key) for key in videos}
    alone = {key for key in present if _is_annotation(key) and _stem(key) in stems}
    # An annotation without its video is known by its own name, unless another video has that.
    taken = {_stem(key) for key in present if not _is_annotation(key)}
    orphans = {
        key
        for key in present
        if _is_annotation(key) and _stem(key) not in taken and PurePosixPath(key).stem == video
    }
    return videos | alone | orphans


def _is_annotation(key: str) -> bool:
    return PurePosixPath(key).suffix.lower() in ANNOTATIONS


def _stem(key: str) -> str:
    return str(PurePosixPath(key).with_suffix(""))


def _made(
    known: Mapping[str, Identity], missing: Iterable[str], titles: Mapping[str, str]
) -> dict[str, Identity]:
    """Identities of keys that have none yet; the first in the order of keys has its name."""
    taken = {_folded(identity.id) for identity in known.values()}
    made: dict[str, Identity] = {}
    for key in missing:
        name = PurePosixPath(key).stem
        chosen = name
        length = 8
        if not is_safe(name) or _folded(name) in taken:
            chosen = slug(name, digest(key))
            while _folded(chosen) in taken:
                length += 8
                chosen = slug(name, digest(key), length)
        taken.add(_folded(chosen))
        made[key] = Identity(chosen, titles.get(key) or printable(title_of(key)))
    return made


def _folded(video: str) -> str:
    """Ids that some file systems take for one are one."""
    return unicodedata.normalize("NFC", video).casefold()


def _read(store: ObjectStore) -> tuple[dict[str, Identity], str | None]:
    try:
        data, etag = store.get_with_etag(IDS_KEY)
    except ObjectNotFound:
        return _before(store), None
    entries: dict[str, dict[str, str]] = json.loads(data)["videos"]
    return {key: Identity(entry["id"], entry["title"]) for key, entry in entries.items()}, etag


def _written(known: Mapping[str, Identity]) -> bytes:
    videos = {key: vars(known[key]) for key in sorted(known)}
    return json.dumps({"schema": SCHEMA, "videos": videos}).encode()


def _before(store: ObjectStore) -> dict[str, Identity]:
    """The ids of a store that is older than this file: the names of all videos that it knows."""
    keys: dict[str, None] = {}
    for info in store.list("index/ingest/"):
        keys |= dict.fromkeys(_entries(store, info.key))
    keys |= dict.fromkeys(_entries(store, "index/inbox.json"))
    return {
        key: Identity(PurePosixPath(key).stem, title_of(key))
        for key in keys
        if is_safe(PurePosixPath(key).stem)
    }


def _entries(store: ObjectStore, key: str) -> Iterable[str]:
    """Keys of videos in an index, in its first form or in the one with a schema number."""
    try:
        content: dict[str, Any] = json.loads(store.get(key))
    except ObjectNotFound:
        return ()
    entries = content.get("videos", content) if "schema" in content else content
    return [name for name in entries if "/" in name]

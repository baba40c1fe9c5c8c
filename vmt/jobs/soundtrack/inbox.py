"""The inbox: videos that want a soundtrack. Files of this machine go in, and the champion scores
each once.

`index/inbox.json` remembers for each video its stamp (etag and size, also of the annotations beside
it) and what came of it. A video is claimed for the champion of that moment before its soundtrack is
made: a job that is killed and run again goes on with the same run and epoch, finds what is there
already, and makes nothing twice, even if another run was promoted meanwhile. A video that failed is
tried three times, and then again when its bytes change; where the store failed, it is tried on. The
claim uses up the try, so that a video over which the whole job dies is given up as well; a video
that was claimed before is made alone, the least tried first, so that it takes no other along.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

from vmt import media
from vmt.catalog.identity import assign, digest, local_name, printable, title_of
from vmt.catalog.runs import Champion, Run, now, read_champion
from vmt.catalog.videos import Candidate, candidates
from vmt.errors import ObjectNotFound, PreconditionFailed, StoreError, VmtError
from vmt.jobs.ingest.ingest import sha256_of
from vmt.jobs.soundtrack.composer import Failure
from vmt.jobs.soundtrack.generate import GenerateReport, Soundtrack, generate
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.settings import Settings
from vmt.store import ObjectStore

LEDGER_KEY = "index/inbox.json"
TRIES = 3
Entries = dict[str, dict[str, Any]]


def put_in_inbox(
    store: ObjectStore, videos: Sequence[Path]
) -> tuple[list[str], tuple[Failure, ...]]:
    """Upload each video that can be read to `inbox/<id>.<ext>`; what cannot is reported and does
    not stop the others. Two files of one name that differ become two videos.

    Returns:
        The keys of the uploaded, and the failures.
    """
    keys: list[str] = []
    titles: dict[str, str] = {}
    placed: dict[str, Path] = {}
    failures: list[Failure] = []
    for path in videos:
        try:
            media.probe(path)
            key = place_of(store, path, placed)
            store.put_file(key, path)
        except VmtError as error:
            failures.append(Failure(printable(str(path)), printable(str(error))))
        else:
            titles[key] = title_of(path.name)
            placed[key] = path.resolve()
            keys.append(key)
    assign(store, keys, titles)
    return list(dict.fromkeys(keys)), tuple(failures)


def place_of(store: ObjectStore, path: Path, placed: Mapping[str, Path]) -> str:
    """The key that a file of this machine gets; it takes none that another video has.

    Args:
        store: where it goes.
        path: of the file.
        placed: files by the keys that they got before in the same batch.
    """
    sha256 = sha256_of(path)
    key = f"inbox/{local_name(path.name, sha256)}"
    number = 0
    while placed.get(key, path.resolve()) != path.resolve() or (
        key not in placed and store.head(key) is not None and not _holds(store, key, path, sha256)
    ):
        told_apart = digest(f"{sha256}/{number}") if number else sha256
        key = f"inbox/{local_name(path.name, told_apart, taken=True)}"
        number += 1
    return key


def _holds(store: ObjectStore, key: str, path: Path, sha256: str) -> bool:
    """Whether an object has a file's bytes."""
    info = store.head(key)
    if info is None or info.size != path.stat().st_size:
        return False
    with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
        present = Path(folder) / "video"
        store.get_file(key, present)
        return sha256_of(present) == sha256


@dataclass(frozen=True)
class InboxReport:
    """What one look into the inbox came to.

    Attributes:
        found: videos there.
        done: those that had their soundtrack, or their three failures, before.
        made: soundtracks written now, or found written by a job that was killed.
        failed: now, and why; they are tried again while they have tries left.
        waiting: how many wait for a first champion.
        put_off: how many wait for the next look, because the GPU is held.
    """

    found: int
    done: int
    made: tuple[Soundtrack, ...] = ()
    failed: tuple[Failure, ...] = ()
    waiting: int = 0
    put_off: int = 0

    @property
    def new(self) -> int:
        """Videos that can have a soundtrack now."""
        return self.found - self.done - self.waiting


def look(store: ObjectStore, prefix: str = "inbox/") -> InboxReport:
    """What is in the inbox, from the listing and the ledger alone; nothing is made.

    Raises:
        StoreError: if the store fails.
    """
    videos = candidates(store.list(prefix))
    entries = _read(store)[0]
    wanted = sum(_wants(each, entries.get(each.key)) for each in videos)
    waiting = wanted if wanted and read_champion(store) is None else 0
    return InboxReport(len(videos), len(videos) - wanted, waiting=waiting)


def serve_inbox(
    store: ObjectStore,
    settings: Settings,
    *,
    prefix: str = "inbox/",
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> InboxReport:
    """Soundtracks by the champion for the videos under `prefix` that have none yet, with the
    default settings.

    Raises:
        GenerationError: if nobody knows how the features that the champion was trained on are made.
        StoreError: if the store fails.
    """
    videos = candidates(store.list(prefix))
    entries = _read(store)[0]
    wanted = [each for each in videos if _wants(each, entries.get(each.key))]
    report = InboxReport(len(videos), len(videos) - len(wanted))
    if not wanted:
        return report
    champion = read_champion(store)
    if champion is None:
        return replace(report, waiting=len(wanted))
    claims = {each.key: _claim(store, each, entries.get(each.key), champion) for each in wanted}
    over = {key: _given_up(claim) for key, claim in claims.items() if claim["tries"] > TRIES}
    present = {each.key for each in videos}
    gone = {key for key in entries if key.startswith(prefix) and key not in present}
    _change(
        store, lambda stored: {key: each for key, each in stored.items() if key not in gone} | over
    )
    made: list[Soundtrack] = []
    failed = [Failure(key, entry["reason"]) for key, entry in over.items()]
    for batch in _batches({key: claim for key, claim in claims.items() if key not in over}):
        done = _serve(store, settings, batch, map, on_event)
        made += [*done.made, *done.known]
        failed += [each for each in done.failed if each.key in batch]
    return replace(report, made=tuple(made), failed=tuple(failed))


def _batches(claims: Entries) -> list[Entries]:
    """What is tried for the first time, by the weights that it was claimed for; then each of the
    others alone.
    """

    def place(key: str) -> tuple[str, int]:
        return claims[key]["run"], claims[key]["epoch"]

    first = sorted((key for key in claims if claims[key]["tries"] == 1), key=place)
    again = sorted(
        (key for key in claims if claims[key]["tries"] > 1), key=lambda key: claims[key]["tries"]
    )
    batches = [list(keys) for _, keys in groupby(first, place)] + [[key] for key in again]
    return [{key: claims[key] for key in keys} for keys in batches]


def _serve(
    store: ObjectStore, settings: Settings, claims: Entries, map: Map, on_event: OnEvent
) -> GenerateReport:
    """Soundtracks of one batch, claimed before and settled after."""
    _change(store, lambda stored: stored | claims)
    claim = next(iter(claims.values()))
    try:
        report = generate(
            store,
            settings,
            list(claims),
            run=claim["run"],
            epoch=claim["epoch"],
            map=map,
            on_event=on_event,
        )
    except VmtError:  # of the store, the weights or the settings: none of the videos is to blame
        with suppress(StoreError):
            back = {
                key: each | {"tries": each["tries"] - 1, "by": None} for key, each in claims.items()
            }
            _change(store, lambda stored: stored | back)
        raise
    outcomes = _outcomes(store, report, claims)
    _change(store, lambda stored: stored | outcomes)
    return report


def _wants(video: Candidate, entry: dict[str, Any] | None) -> bool:
    if entry is None or entry["stamp"] != video.stamp or entry["state"] == "claimed":
        return True
    return bool(entry["state"] == "failed" and entry["tries"] < TRIES)


def _claim(
    store: ObjectStore, video: Candidate, entry: dict[str, Any] | None, champion: Champion
) -> dict[str, Any]:
    """The ledger's entry before the work, a try used up; an earlier claim of the same bytes keeps
    its weights.

    A claim of this very process, which lives, is no other try: it lost the store in between.
    """
    mine = entry if entry is not None and entry["stamp"] == video.stamp else None
    lives = mine is not None and mine["state"] == "claimed" and mine.get("by") == _this_process()
    tries = (mine["tries"] if mine is not None else 0) + (not lives)
    claim = {
        "stamp": video.stamp,
        "state": "claimed",
        "tries": tries,
        "by": _this_process(),
        "at": now(),
    }
    if mine is not None and mine["state"] == "claimed":
        run, epoch = str(mine["run"]), int(mine["epoch"])
        if store.head(Run(store, run).weights_key(epoch)) is not None:
            return claim | {"run": run, "epoch": epoch}
    return claim | {"run": champion.run, "epoch": champion.epoch}


def _given_up(claim: dict[str, Any]) -> dict[str, Any]:
    """The ledger's entry of a video that was claimed again and again, and whose job never came to
    its end.
    """
    reason = (
        f"given up: each of {TRIES} jobs that tried it ended before it was done, as when "
        "memory runs out; encode the "
        "video again, smaller or shorter, and put it in under the same name"
    )
    return claim | {"state": "failed", "tries": TRIES, "reason": reason}


@cache
def _this_process() -> str:
    """Its name in the ledger; numbers of processes come again."""
    return uuid4().hex


def _outcomes(store: ObjectStore, report: GenerateReport, claims: Entries) -> Entries:
    """The ledger's entries after the work."""
    ids = assign(store, claims)
    failures = {each.key: each for each in report.failed}
    records = {each.id: each.files["json"] for each in (*report.made, *report.known)}
    outcomes: Entries = {}
    for key, claim in claims.items():
        if (failure := failures.get(key)) is not None:
            tries = claim["tries"] - failure.transient
            outcomes[key] = claim | {"state": "failed", "tries": tries, "reason": failure.reason}
        else:
            outcomes[key] = claim | {"state": "made", "record": records[ids[key].id]}
    return outcomes


def _read(store: ObjectStore) -> tuple[Entries, str | None]:
    try:
        data, etag = store.get_with_etag(LEDGER_KEY)
    except ObjectNotFound:
        return {}, None
    entries: Entries = json.loads(data)
    return entries, etag


def _change(store: ObjectStore, change: Callable[[Entries], Entries]) -> None:
    """Write what `change` makes of the ledger; another writer's entries are kept."""
    while True:
        entries, etag = _read(store)
        data = json.dumps(change(entries), sort_keys=True, indent=1).encode()
        try:
            store.put(LEDGER_KEY, data, if_absent=etag is None, if_match=etag)
        except PreconditionFailed:
            continue
        return

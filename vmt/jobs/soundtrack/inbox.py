"""The inbox: videos that want a soundtrack get one by the champion, once each.

The ledger remembers for each video its stamp (etag and size, also of the annotations beside it) and
the outcome. A video is claimed for the champion of that moment before its soundtrack is made: a job
that is killed and run again resumes with the same run and epoch, leaves what is there already, and
makes nothing twice, even if another run was promoted meanwhile. A video that failed is tried three
times, and then again when its bytes change; where the store failed, it is tried on. The claim uses
up the try, so that a video over which the whole job dies is given up as well; a video that was
claimed before is made alone, the least tried first, so that it takes no other along.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from uuid import uuid4

from vmt.catalog import documents, keys
from vmt.catalog.identity import assign
from vmt.catalog.records.videos import InboxEntry, InboxLedger
from vmt.catalog.runs import Champion, now, read_champion
from vmt.catalog.videos import Candidate, candidates
from vmt.errors import StoreError, VmtError
from vmt.jobs.soundtrack.composer import Failure
from vmt.jobs.soundtrack.generate import GenerateReport, Soundtrack, generate
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.settings import Settings
from vmt.store import ObjectStore

TRIES = 3
Entries = Mapping[str, InboxEntry]


@dataclass(frozen=True)
class InboxReport:
    """The outcome of one job on the inbox.

    Attributes:
        found: how many videos are there.
        done: those that had their soundtrack, or their three failures, before.
        made: soundtracks written now, or before by a job that was killed.
        failed: now, and why; they are tried again while they have tries left.
        waiting: how many wait for a first champion.
        put_off: how many wait for the next job, because the GPU is held.
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


def check_inbox(store: ObjectStore, prefix: str = keys.INBOX) -> InboxReport:
    """What is in the inbox, from the listing and the ledger alone; nothing is made.

    Raises:
        StoreError: if the store fails.
    """
    videos = candidates(store.list(prefix))
    entries = _read(store)
    wanted = sum(_wants(video, entries.get(video.key)) for video in videos)
    waiting = wanted if wanted and read_champion(store) is None else 0
    return InboxReport(len(videos), len(videos) - wanted, waiting=waiting)


def serve_inbox(
    store: ObjectStore,
    settings: Settings,
    *,
    prefix: str = keys.INBOX,
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> InboxReport:
    """Soundtracks by the champion for the videos under `prefix` that have none yet, with the
    default settings.

    Args:
        store: the store.
        settings: device, SoundFont and cache.
        prefix: of the videos' keys.
        map: spreads the work on each video over workers.
        on_event: is told of each soundtrack.

    Raises:
        GenerationError: if it is unknown how the features that the champion was trained on are
            made.
        StoreError: if the store fails.
    """
    videos = candidates(store.list(prefix))
    entries = _read(store)
    wanted = [video for video in videos if _wants(video, entries.get(video.key))]
    report = InboxReport(len(videos), len(videos) - len(wanted))
    if not wanted:
        return report
    champion = read_champion(store)
    if champion is None:
        return replace(report, waiting=len(wanted))

    # Who is tried now; who was tried too often is given up, and who is gone is forgotten.
    claims = {video.key: _claim(store, video, entries.get(video.key), champion) for video in wanted}
    over = {key: _given_up(claim) for key, claim in claims.items() if claim.tries > TRIES}
    present = {video.key for video in videos}
    gone = {key for key in entries if key.startswith(prefix) and key not in present}
    _change(
        store,
        lambda stored: {key: own for key, own in stored.items() if key not in gone} | over,
    )

    made: list[Soundtrack] = []
    failed = [Failure(key, entry.reason or "") for key, entry in over.items()]
    for batch in _batches({key: claim for key, claim in claims.items() if key not in over}):
        done = _serve(store, settings, batch, map, on_event)
        made += [*done.made, *done.known]
        failed += [failure for failure in done.failed if failure.key in batch]
    return replace(report, made=tuple(made), failed=tuple(failed))


def _batches(claims: Entries) -> list[Entries]:
    """What is tried for the first time, by the weights that it was claimed for; then each of the
    others alone.
    """

    def weights(key: str) -> tuple[str, int]:
        return claims[key].run, claims[key].epoch

    first = sorted((key for key, claim in claims.items() if claim.tries == 1), key=weights)
    again = sorted(
        (key for key, claim in claims.items() if claim.tries > 1),
        key=lambda key: claims[key].tries,
    )
    batches = [list(group) for _, group in groupby(first, weights)] + [[key] for key in again]
    return [{key: claims[key] for key in batch} for batch in batches]


def _serve(
    store: ObjectStore, settings: Settings, claims: Entries, map: Map, on_event: OnEvent
) -> GenerateReport:
    """Soundtracks of one batch, claimed before and settled after."""
    _change(store, lambda stored: {**stored, **claims})
    claim = next(iter(claims.values()))
    try:
        report = generate(
            store,
            settings,
            list(claims),
            run=claim.run,
            epoch=claim.epoch,
            map=map,
            on_event=on_event,
        )
    except VmtError:  # of the store, the weights or the settings: none of the videos is to blame
        with suppress(StoreError):
            back = {key: replace(own, tries=own.tries - 1, by=None) for key, own in claims.items()}
            _change(store, lambda stored: {**stored, **back})
        raise
    outcomes = _outcomes(store, report, claims)
    _change(store, lambda stored: {**stored, **outcomes})
    return report


def _wants(video: Candidate, entry: InboxEntry | None) -> bool:
    if entry is None or entry.stamp != video.stamp or entry.state == "claimed":
        return True
    return entry.state == "failed" and entry.tries < TRIES


def _claim(
    store: ObjectStore, video: Candidate, entry: InboxEntry | None, champion: Champion
) -> InboxEntry:
    """The ledger's entry before the work, a try used up; an earlier claim of the same bytes keeps
    its weights.

    A claim of this very process, which lives, is no other try: it lost the store in between.
    """
    mine = entry if entry is not None and entry.stamp == video.stamp else None
    claimed = mine is not None and mine.state == "claimed"
    lives = mine is not None and claimed and mine.by == _this_process()
    tries = (mine.tries if mine is not None else 0) + (not lives)

    run, epoch = champion.run, champion.epoch
    if mine is not None and claimed and store.head(keys.weights(mine.run, mine.epoch)) is not None:
        run, epoch = mine.run, mine.epoch
    return InboxEntry(video.stamp, "claimed", tries, _this_process(), now(), run, epoch)


def _given_up(claim: InboxEntry) -> InboxEntry:
    """The ledger's entry of a video that was claimed again and again, and whose job never came to
    its end.
    """
    reason = (
        f"given up: each of {TRIES} jobs that tried it ended before it was done, as when "
        "memory runs out; encode the video again, smaller or shorter, and put it in under the "
        "same name"
    )
    return replace(claim, state="failed", tries=TRIES, reason=reason)


@cache
def _this_process() -> str:
    """Its name in the ledger; numbers of processes come again."""
    return uuid4().hex


def _outcomes(store: ObjectStore, report: GenerateReport, claims: Entries) -> Entries:
    """The ledger's entries after the work."""
    ids = assign(store, claims)
    failures = {failure.key: failure for failure in report.failed}
    records = {
        soundtrack.id: soundtrack.files["json"] for soundtrack in (*report.made, *report.known)
    }
    outcomes: dict[str, InboxEntry] = {}
    for key, claim in claims.items():
        failure = failures.get(key)
        if failure is not None:
            tries = claim.tries - failure.transient
            outcomes[key] = replace(claim, state="failed", tries=tries, reason=failure.reason)
        else:
            outcomes[key] = replace(claim, state="made", record=records[ids[key].id])
    return outcomes


def _read(store: ObjectStore) -> Entries:
    ledger = documents.read(store, keys.inbox_ledger(), InboxLedger)
    return ledger.videos if ledger is not None else {}


def _change(store: ObjectStore, change: Callable[[Entries], Entries]) -> None:
    """Write what `change` makes of the entries; another writer's are kept."""

    def changed(ledger: InboxLedger | None) -> InboxLedger:
        entries = change(ledger.videos if ledger is not None else {})
        return InboxLedger({key: entries[key] for key in sorted(entries)})

    documents.update(store, keys.inbox_ledger(), InboxLedger, changed)

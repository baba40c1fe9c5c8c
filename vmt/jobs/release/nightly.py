"""The night: when it trains, what became of it, and the report that it leaves under
`reports/nightly/`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vmt.catalog import datasets
from vmt.catalog.page_index import NIGHTS
from vmt.catalog.page_index_writers import note_night
from vmt.catalog.runs import Run, now, read_champion, runs
from vmt.i18n import REFERENCE
from vmt.reports.night import markdown
from vmt.store import ObjectStore

GROW_SHARE = 0.05
GROW_VIDEOS = 10
VERDICT = "verdict.json"
"""Under a run: what the gate said of it. A run without one was not judged, and the next night goes
on with it.
"""
Json = dict[str, Any]


@dataclass(frozen=True)
class Decision:
    """Whether to train, and why or why not."""

    train: bool
    reason: str


def decide(
    dataset: Mapping[str, Any],
    *,
    force: bool = False,
    grow_share: float = GROW_SHARE,
    grow_videos: int = GROW_VIDEOS,
) -> Decision:
    """Train the first time, when told, when enough new videos came, or when their features or
    chords are others.

    Args:
        dataset: what `growth` says of the newest version.
        force: train whatever came.
        grow_share: new videos as a share of those last trained on that suffice.
        grow_videos: the number of new videos that suffices, however many there were. Videos that
            went do not count against those that came.
    """
    videos, before = dataset["videos"], dataset["videos_before"]
    added = len(dataset["added"]) + len(dataset["replaced"])
    if before is None:
        return Decision(True, f"the dataset has {videos} videos and was never trained on")
    growth = (
        f"the dataset has {videos} videos, {added} of them new since it had {before} and was "
        "last trained on"
    )
    if force:
        return Decision(True, f"told to train; {growth}")
    if dataset["changed"]:
        return Decision(True, f"{dataset['changed']}; {growth}")
    if added >= grow_videos or (added > 0 and added >= grow_share * before):
        return Decision(True, growth)
    return Decision(
        False, f"{growth}; it trains again with {grow_share:.0%} or {grow_videos} new ones"
    )


def last_judged(store: ObjectStore, name: str, preset: str) -> str | None:
    """The newest version of dataset `name` that a run of `preset` was trained on and judged for;
    None before the first.

    A run that finished but was not judged does not count: its night was killed, and training it
    again finds it done.
    """
    champion = read_champion(store)
    crowned = {champion.run, *(each["run"] for each in champion.history)} if champion else set()
    found = []
    for run in runs(store):
        summary = run.read_json("summary.json")
        if not summary or summary["state"] != "done" or summary["preset"] != preset:
            continue
        if run.name in crowned or run.read_json(VERDICT) is not None:
            found.append(str(summary["dataset"]))
    return max((dataset for dataset in found if dataset.startswith(f"{name}@")), default=None)


@dataclass(frozen=True)
class Origin:
    """Where a night's training starts: at an epoch of the champion, or anew where `run` is None,
    and why.
    """

    run: str | None
    epoch: int | None
    reason: str


@dataclass(frozen=True)
class HalfTrained:
    """A run that a night began and did not come to judge, the version that it trains on, and where
    it started.
    """

    run: str
    dataset: str
    origin: Origin


def half_trained(
    store: ObjectStore, dataset: str, preset: str, **limits: Any
) -> HalfTrained | None:
    """What to go on with rather than train on the version `dataset`: the newest run that was left
    half-way.

    None where there is none, and where so much came since that the night would train again at once.

    Args:
        limits: `grow_share` and `grow_videos`, as `decide` takes them.
    """
    name = dataset.partition("@")[0]
    judged = last_judged(store, name, preset) or ""
    found: dict[str, str] = {}
    for run in runs(store):
        summary = run.read_json("summary.json")
        if not summary or summary["preset"] != preset or summary["state"] == "failed":
            continue
        version = str(summary["dataset"])
        if version.startswith(f"{name}@") and judged < version < dataset:
            found[version] = run.name
    if not found:
        return None
    version, chosen = max(found.items())
    if decide(growth(store, dataset, version), **limits).train:
        return None
    source = Run(store, chosen).parameters().get("from")  # runs of older versions do not say
    if source is None:
        return HalfTrained(
            chosen,
            version,
            Origin(None, None, f"with {chosen}, which an earlier night left half-way"),
        )
    reason = (
        f"with {chosen}, which an earlier night left half-way, from {source['run']} epoch "
        f"{source['epoch']}"
    )
    return HalfTrained(chosen, version, Origin(source["run"], int(source["epoch"]), reason))


def origin(store: ObjectStore, dataset: str, preset: str, *, go_on: bool) -> Origin:
    """Go on from the champion where that is wanted and it fits the dataset and the preset."""
    if not go_on:
        return Origin(None, None, "anew")
    champion = read_champion(store)
    if champion is None:
        return Origin(None, None, "anew, for there is no champion")
    parameters = Run(store, champion.run).parameters()
    version = datasets.read(store, datasets.resolve(store, dataset))
    if parameters["preset"] != preset:
        return Origin(None, None, f"anew, for the champion is of preset {parameters['preset']}")
    if parameters["extractor"] != version.info["extractor"]:
        return Origin(None, None, "anew, for the champion reads features of another extractor")
    if parameters["chord_labels"] != version.chord_labels:
        return Origin(
            None, None, f"anew, for the champion knows {parameters['chord_labels']} chord labels"
        )
    return Origin(
        champion.run, champion.epoch, f"from the champion, {champion.run} epoch {champion.epoch}"
    )


def growth(store: ObjectStore, dataset: str, before: str | None) -> Json:
    """What a version holds, what came and went since `before`, and whether models of that one fit
    it no more.
    """
    version = datasets.read(store, datasets.resolve(store, dataset))
    content: Json = {"version": str(version.ref), "videos": len(version.manifest)}
    if before is None:
        return content | {
            "before": None,
            "videos_before": None,
            "added": [],
            "removed": [],
            "replaced": [],
            "changed": None,
        }
    old = datasets.read(store, datasets.resolve(store, before))
    found = datasets.difference(old, version)
    changed = None
    if old.info["extractor"] != version.info["extractor"]:
        changed = (
            f"features are of {version.info['extractor']} now, and were of {old.info['extractor']}"
        )
    elif old.chord_labels != version.chord_labels:
        changed = f"it has {version.chord_labels} chord labels now, and had {old.chord_labels}"
    return content | {
        "before": before,
        "videos_before": len(old.manifest),
        "added": list(found.added),
        "removed": list(found.removed),
        "replaced": [video for video, columns in found.changed.items() if "sha256" in columns],
        "changed": changed,
    }


def started(asked: Mapping[str, Any]) -> Json:
    """The report of a night that has just begun, with every field that it will have."""
    return {
        "started_at": now(),
        "finished_at": None,
        "state": "failed",
        "error": None,
        "asked": dict(asked),
        "ingest": None,
        "dataset": None,
        "decision": None,
        "run": None,
        "training": None,
        "evaluation": None,
        "gate": None,
        "showcase": None,
        "promoted": False,
        "verdict": "no challenger",
        "champion": None,
        "soundtracks": None,
    }


def write_report(
    store: ObjectStore, night: Mapping[str, Any], *, language: str = REFERENCE
) -> tuple[str, str]:
    """Write a night's report; the keys of its JSON and its Markdown, named by the moment
    it began.

    The JSON is what pages render in their visitor's language; the Markdown is in `language`.
    """
    stem = f"{NIGHTS}{str(night['started_at']).partition('+')[0].replace(':', '')}Z"
    store.put(f"{stem}.md", markdown(night, language).encode())
    store.put(
        f"{stem}.json",
        json.dumps({**night, "finished_at": night["finished_at"] or now()}, indent=1).encode(),
    )
    note_night(store, f"{stem}.md")
    return f"{stem}.json", f"{stem}.md"

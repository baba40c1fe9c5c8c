"""What the bucket holds, from the code: every kind of key, the record under it, and who writes it.

`python -m vmt.catalog.describe` prints docs/bucket.md. A key and its record are described nowhere
else, so that the page cannot drift. Most of the module is
that table, an entry for each kind of key.
"""

import dataclasses
import inspect
import re
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Union, get_args, get_origin, get_type_hints

from vmt.catalog import keys
from vmt.catalog.keys import KeyPattern
from vmt.catalog.records.codec import Record
from vmt.catalog.records.datasets import DatasetInfo, ImportReport
from vmt.catalog.records.indexes import (
    DatasetIndex,
    NewestIndex,
    NightIndex,
    RatingIndex,
    RefusedIndex,
    RunIndex,
    TakesIndex,
    VideoKeyIndex,
)
from vmt.catalog.records.nights import NightReport
from vmt.catalog.records.runs import (
    BestEpochs,
    Champion,
    LeaseRecord,
    LoopState,
    RunParameters,
    RunSummary,
    RunVerdict,
    WeightHashes,
)
from vmt.catalog.records.soundtracks import (
    BatchSummary,
    Comparison,
    EvaluationRecord,
    GeneratedScores,
    Rating,
    SoundtrackRecord,
)
from vmt.catalog.records.videos import (
    InboxLedger,
    IngestIndex,
    QuarantineRecord,
    Rights,
    Tombstone,
    VideoIds,
)
from vmt.features.extractor import ExtractorConfig


@dataclass(frozen=True)
class Entry:
    """One kind of object.

    Attributes:
        pattern: of its key.
        written_by: the command or flow that writes it; `people` for what comes from outside.
        holds: what it is.
        record: its record; None for what is no JSON.
    """

    pattern: KeyPattern
    written_by: str
    holds: str
    record: type | None = None


@dataclass(frozen=True)
class Section:
    """Kinds of objects that belong together, under one heading."""

    title: str
    entries: tuple[Entry, ...]


SECTIONS = (
    Section(
        "Videos",
        (
            Entry(
                keys.VIDEO,
                "people",
                "A video to train on; beside it `<id>.lab` (chords), `<id>.mid` (notes) and "
                "`<id>.json` (rights).",
                Rights,
            ),
            Entry(keys.INBOX_VIDEO, "people, `vmt generate`", "A video that wants a soundtrack."),
            Entry(
                keys.EXTRACTOR,
                "`vmt ingest`",
                "The settings of an extractor, so that a run generates with the one it knows.",
                ExtractorConfig,
            ),
            Entry(
                keys.FEATURE_RECORD,
                "`vmt ingest`, `vmt generate`",
                "The features of a video, by the SHA-256 of its bytes and of the annotations "
                "brought for it (safetensors).",
            ),
            Entry(
                keys.REFUSAL, "`vmt ingest`", "A video that was refused, and why.", QuarantineRecord
            ),
        ),
    ),
    Section(
        "Datasets",
        (
            Entry(
                keys.MANIFEST,
                "`vmt dataset freeze`, `vmt import muvi-sync`",
                "A row for each video of a version (Parquet).",
            ),
            Entry(
                keys.DATASET_INFO,
                "`vmt dataset freeze`, `vmt import muvi-sync`",
                "The description of a version; written last, it publishes the version.",
                DatasetInfo,
            ),
            Entry(
                keys.IMPORT_REPORT,
                "`vmt import muvi-sync`",
                "What the import said of the songs of a version.",
                ImportReport,
            ),
        ),
    ),
    Section(
        "Runs",
        (
            Entry(
                keys.MODEL_PARAMS,
                "`vmt train`",
                "What a run is made of: enough to train it again.",
                RunParameters,
            ),
            Entry(keys.SUMMARY, "`vmt train`", "What lists and pages read of a run.", RunSummary),
            Entry(
                keys.BEST_EPOCHS,
                "`vmt train`",
                "The best epochs by each loss, and the one that the run selects.",
                BestEpochs,
            ),
            Entry(
                keys.RESULTS,
                "`vmt train`",
                "Losses by epoch (CSV); under `regression/` those of the biGRU.",
            ),
            Entry(keys.WEIGHTS, "`vmt train`", "The weights of an epoch (safetensors)."),
            Entry(
                keys.WEIGHT_HASHES,
                "`vmt train`",
                "The SHA-256 of each epoch's weights.",
                WeightHashes,
            ),
            Entry(
                keys.BEST_CHORD_WEIGHTS,
                "`vmt train`",
                "A copy of the weights of the best epoch (safetensors).",
            ),
            Entry(
                keys.BEST_RHYTHM_WEIGHTS,
                "`vmt train`",
                "The biGRU's weights of its best epoch, which generation reads (safetensors).",
            ),
            Entry(
                keys.MODE_WEIGHTS,
                "`vmt train`",
                "The model of major and minor, which `--key auto` reads (safetensors).",
            ),
            Entry(
                keys.UNUSED_TENSORS,
                "`vmt import weights`",
                "Tensors of a published regression that generation does not use (safetensors).",
            ),
            Entry(
                keys.LOOP,
                "`vmt train`",
                "The epoch at which training resumes; written last, it makes the epoch count.",
                LoopState,
            ),
            Entry(
                keys.OPTIMIZER,
                "`vmt train`",
                "The optimizer's state after the last epoch (safetensors).",
            ),
            Entry(keys.LEASE, "`vmt train`", "The process that trains the run now.", LeaseRecord),
            Entry(
                keys.VERDICT,
                "`nightly`",
                "What the gate decided about the run.",
                RunVerdict,
            ),
            Entry(
                keys.RUN_REPORT,
                "`vmt train`, `vmt report`",
                "The run's report in a language (Markdown and HTML).",
            ),
            Entry(
                keys.RUN_REPORT_PICTURE,
                "`vmt train`, `vmt report`",
                "A picture of the run's report (SVG).",
            ),
            Entry(
                keys.CHAMPION,
                "`vmt promote`, `vmt rollback`, `nightly`",
                "The run and epoch that serve, and what served before.",
                Champion,
            ),
        ),
    ),
    Section(
        "Soundtracks",
        (
            Entry(
                keys.OUTPUT_FILE,
                "`vmt generate`, `inbox`, `nightly`",
                "A file of a soundtrack: chords, notes, sound, film.",
            ),
            Entry(
                keys.OUTPUT_STEM,
                "`vmt generate --stems`",
                "One instrument of a soundtrack alone (FLAC).",
            ),
            Entry(
                keys.OUTPUT_RECORD,
                "`vmt generate`, `inbox`, `nightly`",
                "What made a soundtrack; written last, it publishes the soundtrack.",
                SoundtrackRecord,
            ),
            Entry(
                keys.BATCH,
                "`vmt generate`, `inbox`, `nightly`",
                "What a batch made, what was there before, and what failed.",
                BatchSummary,
            ),
            Entry(
                keys.EVALUATION,
                "`vmt evaluate`, `nightly`",
                "Scores of a run's epoch and of the baselines; beside it the confusion matrix as "
                "a picture (SVG).",
                EvaluationRecord,
            ),
            Entry(
                keys.GENERATED_SCORES,
                "`vmt evaluate --generated`",
                "Scores of soundtracks.",
                GeneratedScores,
            ),
            Entry(
                keys.COMPARISON,
                "`vmt compare`",
                "Runs or epochs side by side, by soundtracks for the same videos.",
                Comparison,
            ),
            Entry(keys.RATING, "the dashboard", "One blind rating.", Rating),
        ),
    ),
    Section(
        "Nights",
        (
            Entry(keys.NIGHT_REPORT, "`nightly`", "What one night did and why.", NightReport),
            Entry(keys.NIGHT_TEXT, "`nightly`", "The same for people (Markdown)."),
        ),
    ),
    Section(
        "Indexes",
        (
            Entry(
                keys.INGEST_INDEX,
                "`vmt ingest`",
                "What ingest remembers of each video; deleted, it is made again from the objects.",
                IngestIndex,
            ),
            Entry(
                keys.INBOX_LEDGER,
                "`inbox`",
                "What the inbox remembers of each video; deleted, every video is tried again.",
                InboxLedger,
            ),
            Entry(
                keys.VIDEO_IDS,
                "`vmt ingest`, `vmt generate`, `inbox`",
                "The id and title of each video; deleted, videos whose name is no id get new ones.",
                VideoIds,
            ),
            Entry(
                keys.TOMBSTONE,
                "`vmt forget`",
                "A video that was taken down; delete none, or the video comes back.",
                Tombstone,
            ),
            Entry(keys.RUN_INDEX, "`vmt train`", "The summaries of finished runs.", RunIndex),
            Entry(
                keys.DATASET_INDEX,
                "`vmt dataset freeze`",
                "The versions of each dataset in short.",
                DatasetIndex,
            ),
            Entry(
                keys.TAKES_INDEX,
                "`vmt generate`, `inbox`, `nightly`",
                "The takes of each video by a run's epoch.",
                TakesIndex,
            ),
            Entry(
                keys.NEWEST_INDEX,
                "`vmt generate`, `inbox`, `nightly`",
                "The newest soundtracks.",
                NewestIndex,
            ),
            Entry(keys.REFUSED_INDEX, "`vmt ingest`", "The videos in quarantine.", RefusedIndex),
            Entry(keys.VIDEO_INDEX, "`vmt ingest`", "The videos to train on.", VideoKeyIndex),
            Entry(keys.NIGHT_INDEX, "`nightly`", "The newest nightly report.", NightIndex),
            Entry(keys.RATING_INDEX, "the dashboard", "Every blind rating.", RatingIndex),
            Entry(
                keys.THUMBNAIL,
                "`vmt ingest`, `vmt generate`",
                "A sheet of small pictures of a video (JPEG).",
            ),
        ),
    ),
)

BUCKET: tuple[Entry, ...] = tuple(entry for section in SECTIONS for entry in section.entries)

_HEAD = """# The bucket

<!-- Generated by `python -m vmt.catalog.describe`. Do not edit. -->

Everything that VMT keeps is in one bucket (or one folder). Every kind of object has one form of
key; `{part}` is empty for the chord model of a run and `regression/` for its biGRU. Every JSON
object has a whole number `schema`; one without it was written by VMT 0.1.0 and is read too. A
newer schema than a version knows is refused with one line that says to upgrade.
"""


def render() -> str:
    """docs/bucket.md: keys by section, then every record with its fields."""
    lines = [_HEAD]
    for section in SECTIONS:
        lines += [f"## {section.title}", "", "| key | holds | record | written by |"]
        lines.append("|---|---|---|---|")
        lines += [_row(entry) for entry in section.entries]
        lines.append("")
    lines += ["## Records", ""]
    for kind in _kinds():
        lines += _record(kind)
    return "\n".join(lines)


def _row(entry: Entry) -> str:
    key = re.sub(r"\{(\w+)(?::[^}]*)?\}", r"{\1}", entry.pattern.template)
    record = _link(entry.record) if entry.record else ""
    return f"| `{key}` | {entry.holds} | {record} | {entry.written_by} |"


def _kinds() -> list[type]:
    """Records in the order of the keys, each followed by the parts that are new."""
    kinds: dict[type, None] = {}

    def add(kind: object) -> None:
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            if kind in kinds:
                return
            kinds[kind] = None
            hints = get_type_hints(kind)
            for field in dataclasses.fields(kind):
                add(hints[field.name])
        for part in get_args(kind):
            add(part)

    for entry in BUCKET:
        add(entry.record)
    return list(kinds)


def _record(kind: type) -> list[str]:
    summary, fields = _documented(kind)
    hints = get_type_hints(kind)
    lines = [f"### {kind.__name__}", "", summary, ""]
    if issubclass(kind, Record):
        lines += [f"Schema {kind.SCHEMA}.", ""]
    lines += ["| field | type | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(kind):
        name = field.metadata.get("json", field.name)
        lines.append(f"| `{name}` | {_type(hints[field.name])} | {fields.get(field.name, '')} |")
    return [*lines, ""]


def _documented(kind: type) -> tuple[str, dict[str, str]]:
    """A class's description and the meaning of its fields, from its docstring."""
    text, _, attributes = (inspect.getdoc(kind) or "").partition("Attributes:")
    fields: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(attributes).splitlines():
        start = re.match(r"(\w+): (.*)", line)
        if start:
            name = start[1]
            fields[name] = start[2]
        elif name and line.strip():
            fields[name] += f" {line.strip()}"
    return " ".join(text.split()), fields


def _type(hint: object) -> str:
    """An annotation as JSON has it."""
    names = {str: "text", int: "whole number", float: "number", bool: "true/false", object: "JSON"}
    if isinstance(hint, type) and hint in names:
        return names[hint]
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _link(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in parts)
    if origin in (Union, types.UnionType):
        return " or ".join("null" if part is type(None) else _type(part) for part in parts)
    if origin is tuple:
        inner = parts[:1] if parts[-1] is Ellipsis else parts
        return f"list of {', '.join(_type(part) for part in inner)}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"object of {_type(parts[1])} by name"
    raise TypeError(f"{hint}: an annotation that stored records do not have")


def _link(kind: type) -> str:
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


if __name__ == "__main__":
    sys.stdout.write(render())

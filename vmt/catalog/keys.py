"""The keys of the bucket: the one place that builds and parses them.

Each kind of object has a `KeyPattern`, which both builds a key and reads the fields of one, so the
two cannot drift apart. Callers use the functions below the patterns: they have typed arguments.
`vmt.catalog.describe` lists every pattern with the record that the object holds.

Conventions: a folder ends in `/`; an epoch has four digits or more; `part` is empty for the chord
model of a run and `regression/` for its biGRU.

The module is long because it is a table: one pattern and one short function for each kind of key.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Literal

Part = Literal["", "regression/"]
CHORDS: Part = ""
"""The folder of a run's chord model: the run's own."""
RHYTHM: Part = "regression/"
"""The folder of a run's biGRU."""
PARTS: tuple[Part, ...] = (CHORDS, RHYTHM)

ANNOTATIONS = (".lab", ".mid", ".json")
"""Endings of what people put beside a video."""
OUTPUT_SUFFIX = "_cgen_rd"
"""Ends the stem of every file of a soundtrack, as in the published code."""
KINDS = ("lab", "mid", "flac", "mp4", "json")
"""The files of a soundtrack; `json` is its record, written last."""

_FIELDS = {
    "path": r".+",
    "epoch": r"\d{4,}",
    "version": r"\d{4,}",
    "part": r"(?:regression/)?",
    "digest": r"[0-9a-f]+",
    "sha256": r"[0-9a-f]{64}",
    "brought": r"(?:-[0-9a-f]{8})?",
    "stem": r"[^/]+_cgen_rd",
    "language": r"[a-z]{2}",
    "split": r"validation|test",
    "ending": r"[^/.]+",
    "kind": r"lab|mid|flac|mp4",
    "instrument": r"[^/]+",
}
_FIELD = re.compile(r"\{(\w+)(?::[^}]*)?\}")


@dataclass(frozen=True)
class KeyPattern:
    """The form of one kind of key, such as `runs/{run}/summary.json`."""

    template: str

    def build(self, **fields: str | int) -> str:
        """The key with these fields."""
        return self.template.format(**fields)

    def parse(self, key: str) -> dict[str, str] | None:
        """The fields of a key, as text; None where the key is of another kind."""
        match = self._expression.fullmatch(key)
        return match.groupdict() if match else None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        parts, end, seen = [], 0, set[str]()
        for field in _FIELD.finditer(self.template):
            name = field[1]
            form = f"(?P={name})" if name in seen else f"(?P<{name}>{_FIELDS.get(name, '[^/]+')})"
            parts += [re.escape(self.template[end : field.start()]), form]
            end = field.end()
            seen.add(name)
        return re.compile("".join([*parts, re.escape(self.template[end:])]))


# What people bring.
VIDEOS = "videos/"
INBOX = "inbox/"
VIDEO = KeyPattern("videos/{path}")
INBOX_VIDEO = KeyPattern("inbox/{path}")

# What ingest makes.
FEATURES = "features/"
QUARANTINE = "quarantine/"
EXTRACTOR = KeyPattern("features/{extractor}/extractor.json")
FEATURE_RECORD = KeyPattern("features/{extractor}/{sha256}{brought}.safetensors")
REFUSAL = KeyPattern("quarantine/{name}.json")

# Dataset versions.
DATASETS = "datasets/"
DATASET_INFO = KeyPattern("datasets/{name}/v{version:04d}/dataset.json")
MANIFEST = KeyPattern("datasets/{name}/v{version:04d}/manifest.parquet")
IMPORT_REPORT = KeyPattern("datasets/{name}/v{version:04d}/import.json")

# Runs.
RUNS = "runs/"
MODEL_PARAMS = KeyPattern("runs/{run}/model_params.json")
SUMMARY = KeyPattern("runs/{run}/summary.json")
BEST_EPOCHS = KeyPattern("runs/{run}/best_epochs.json")
VERDICT = KeyPattern("runs/{run}/verdict.json")
LEASE = KeyPattern("runs/{run}/state/trainer.json")
RESULTS = KeyPattern("runs/{run}/{part}results.csv")
WEIGHTS = KeyPattern("runs/{run}/{part}weights/epoch_{epoch:04d}.safetensors")
WEIGHT_HASHES = KeyPattern("runs/{run}/{part}weights_sha256.json")
LOOP = KeyPattern("runs/{run}/{part}state/loop.json")
OPTIMIZER = KeyPattern("runs/{run}/{part}state/optimizer_{epoch:04d}.safetensors")
BEST_CHORD_WEIGHTS = KeyPattern("runs/{run}/best_loss_weights.safetensors")
BEST_RHYTHM_WEIGHTS = KeyPattern("runs/{run}/regression/best_rmse_weights.safetensors")
MODE_WEIGHTS = KeyPattern("runs/{run}/regression/mode.safetensors")
UNUSED_TENSORS = KeyPattern("runs/{run}/regression/unused.safetensors")
RUN_REPORT = KeyPattern("runs/{run}/report.{language}.{ending}")
RUN_REPORT_PICTURE = KeyPattern("runs/{run}/report.{language}.{name}.svg")

# Who serves.
CHAMPION = KeyPattern("models/champion.json")

# Soundtracks and their scores.
OUTPUTS = "outputs/"
EVALUATIONS = "evaluations/"
RATINGS = "ratings/"
OUTPUT_FILE = KeyPattern("outputs/{run}/epoch_{epoch:04d}/{video}/{take}/{stem}.{kind}")
OUTPUT_STEM = KeyPattern("outputs/{run}/epoch_{epoch:04d}/{video}/{take}/{stem}_{instrument}.flac")
OUTPUT_RECORD = KeyPattern("outputs/{run}/epoch_{epoch:04d}/{video}/{take}/{stem}.json")
OUTPUT_FOLDER = KeyPattern("outputs/{run}/epoch_{epoch:04d}/{video}/{take}/")
VIDEO_FOLDER = KeyPattern("outputs/{run}/epoch_{epoch:04d}/{video}/")
EPOCH_FOLDER = KeyPattern("outputs/{run}/epoch_{epoch:04d}/")
BATCH = KeyPattern("outputs/{run}/epoch_{epoch:04d}/batch-{digest}.json")
EVALUATION = KeyPattern(
    "evaluations/{run}/epoch_{epoch:04d}-{name}-v{version:04d}-{split}.{ending}"
)
GENERATED_SCORES = KeyPattern("evaluations/{run}/generated-{digest}.json")
COMPARISON = KeyPattern("evaluations/compare/{digest}.json")
RATING = KeyPattern("ratings/{id}.json")

# Reports of nights.
NIGHTS = "reports/nightly/"
NIGHT_REPORT = KeyPattern("reports/nightly/{moment}.json")
NIGHT_TEXT = KeyPattern("reports/nightly/{moment}.md")

# Indexes: what jobs remember, and what pages read in place of listings.
INGEST_INDEXES = "index/ingest/"
TOMBSTONES = "index/forgotten/"
TAKES_INDEXES = "index/outputs/"
THUMBNAILS = "index/thumbnails/"
INGEST_INDEX = KeyPattern("index/ingest/{extractor}.json")
INBOX_LEDGER = KeyPattern("index/inbox.json")
VIDEO_IDS = KeyPattern("index/ids.json")
TOMBSTONE = KeyPattern("index/forgotten/{video}.json")
RUN_INDEX = KeyPattern("index/runs.json")
DATASET_INDEX = KeyPattern("index/datasets.json")
TAKES_INDEX = KeyPattern("index/outputs/{run}/epoch_{epoch:04d}.json")
NEWEST_INDEX = KeyPattern("index/newest.json")
REFUSED_INDEX = KeyPattern("index/refused.json")
VIDEO_INDEX = KeyPattern("index/videos.json")
NIGHT_INDEX = KeyPattern("index/night.json")
RATING_INDEX = KeyPattern("index/ratings.json")
THUMBNAIL = KeyPattern("index/thumbnails/{sha256}.jpg")


def video(name: str) -> str:
    """The key of a training video or of an annotation beside it, from its file name."""
    return VIDEO.build(path=name)


def inbox_video(name: str) -> str:
    """The key of a video that wants a soundtrack, from its file name."""
    return INBOX_VIDEO.build(path=name)


def is_annotation(key: str) -> bool:
    """Whether the object is what people put beside a video, by its ending."""
    return PurePosixPath(key).suffix.lower() in ANNOTATIONS


def extractor(name: str) -> str:
    """The key of an extractor's settings."""
    return EXTRACTOR.build(extractor=name)


def features(extractor: str, sha256: str, brought: Sequence[bytes] = ()) -> str:
    """The key of a video's features.

    Args:
        extractor: the name of the extractor that made them.
        sha256: of the video's bytes.
        brought: the annotations that people brought for it; other annotations, other features.
    """
    suffix = "-" + hashlib.sha256(b"".join(brought)).hexdigest()[:8] if brought else ""
    return FEATURE_RECORD.build(extractor=extractor, sha256=sha256, brought=suffix)


def features_prefix(extractor: str, sha256: str) -> str:
    """Begins the keys of all features of a video by an extractor, whatever was brought for it."""
    return features(extractor, sha256).removesuffix(".safetensors")


def refusal(name: str) -> str:
    """The key of the record of a refused video."""
    return REFUSAL.build(name=name)


def unnamed_refusal(key: str) -> str:
    """The key of the record of a refused video whose own name cannot be an id."""
    return refusal(hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:16])


def dataset_folder(name: str) -> str:
    """Where the versions of a dataset are."""
    return f"{DATASETS}{name}/"


def dataset_info(name: str, version: int) -> str:
    """The key of the description that publishes a version."""
    return DATASET_INFO.build(name=name, version=version)


def manifest(name: str, version: int) -> str:
    """The key of a version's table of videos."""
    return MANIFEST.build(name=name, version=version)


def import_report(name: str, version: int) -> str:
    """The key of what an import of features said of a version."""
    return IMPORT_REPORT.build(name=name, version=version)


def parse_version(folder: str) -> int | None:
    """The number of a version from its folder's bare name, `v0003`; None where it is none."""
    return int(folder[1:]) if re.fullmatch(r"v\d{4,}", folder) else None


def run_folder(run: str) -> str:
    """Where the objects of a run are."""
    return f"{RUNS}{run}/"


def model_params(run: str) -> str:
    """The key of a run's parameters."""
    return MODEL_PARAMS.build(run=run)


def summary(run: str) -> str:
    """The key of a run's summary."""
    return SUMMARY.build(run=run)


def best_epochs(run: str) -> str:
    """The key of a run's best epochs."""
    return BEST_EPOCHS.build(run=run)


def verdict(run: str) -> str:
    """The key of what the gate decided about a run."""
    return VERDICT.build(run=run)


def lease(run: str) -> str:
    """The key of the lease of the process that trains a run."""
    return LEASE.build(run=run)


def results(run: str, part: Part = CHORDS) -> str:
    """The key of the table of losses by epoch."""
    return RESULTS.build(run=run, part=part)


def weights(run: str, epoch: int, part: Part = CHORDS) -> str:
    """The key of an epoch's weights."""
    return WEIGHTS.build(run=run, epoch=epoch, part=part)


def parse_weights(key: str, run: str, part: Part = CHORDS) -> int | None:
    """The epoch of the weights under a key; None where it holds no weights of this part."""
    fields = WEIGHTS.parse(key)
    return int(fields["epoch"]) if fields and _is_part(fields, run, part) else None


def weight_hashes(run: str, part: Part = CHORDS) -> str:
    """The key of the SHA-256 of each epoch's weights."""
    return WEIGHT_HASHES.build(run=run, part=part)


def best_weights(run: str, part: Part = CHORDS) -> str:
    """The key of the copy of the best epoch's weights."""
    return (BEST_RHYTHM_WEIGHTS if part else BEST_CHORD_WEIGHTS).build(run=run)


def mode_weights(run: str) -> str:
    """The key of the model of major and minor."""
    return MODE_WEIGHTS.build(run=run)


def loop(run: str, part: Part = CHORDS) -> str:
    """The key of the epoch at which training resumes."""
    return LOOP.build(run=run, part=part)


def optimizer(run: str, epoch: int, part: Part = CHORDS) -> str:
    """The key of the optimizer's state after an epoch."""
    return OPTIMIZER.build(run=run, epoch=epoch, part=part)


def optimizer_prefix(run: str, part: Part = CHORDS) -> str:
    """Begins the keys of the optimizer's states of all epochs."""
    return optimizer(run, 0, part).removesuffix("0000.safetensors")


def parse_optimizer(key: str, run: str, part: Part = CHORDS) -> int | None:
    """The epoch of the optimizer's state under a key; None where it holds none of this part."""
    fields = OPTIMIZER.parse(key)
    return int(fields["epoch"]) if fields and _is_part(fields, run, part) else None


def _is_part(fields: dict[str, str], run: str, part: Part) -> bool:
    return fields["run"] == run and fields["part"] == part


def unused_tensors(run: str) -> str:
    """The key of tensors of imported weights that generation does not use."""
    return UNUSED_TENSORS.build(run=run)


def run_report(run: str, language: str, ending: str) -> str:
    """The key of a run's report, `md` or `html`."""
    return RUN_REPORT.build(run=run, language=language, ending=ending)


def run_report_picture(run: str, language: str, name: str) -> str:
    """The key of a picture of a run's report."""
    return RUN_REPORT_PICTURE.build(run=run, language=language, name=name)


def champion() -> str:
    """The key of the pointer to the run and epoch that serve."""
    return CHAMPION.template


@dataclass(frozen=True)
class OutputFolder:
    """The folder of one soundtrack."""

    run: str
    epoch: int
    video: str
    take: str

    @property
    def prefix(self) -> str:
        """Begins the keys of its files."""
        return OUTPUT_FOLDER.build(run=self.run, epoch=self.epoch, video=self.video, take=self.take)

    def file(self, kind: str) -> str:
        """The key of one of its files: a kind of `KINDS`."""
        return f"{self.prefix}{self.video}{OUTPUT_SUFFIX}.{kind}"

    @property
    def record(self) -> str:
        """The key of its record."""
        return self.file("json")

    @property
    def files(self) -> dict[str, str]:
        """The keys of its files by kind."""
        return {kind: self.file(kind) for kind in KINDS}

    def stem(self, name: str) -> str:
        """The key of one instrument alone."""
        return f"{self.prefix}{self.video}{OUTPUT_SUFFIX}_{name}.flac"


def run_outputs(run: str) -> str:
    """Where the soundtracks of a run are."""
    return f"{OUTPUTS}{run}/"


def epoch_outputs(run: str, epoch: int) -> str:
    """Where the soundtracks of a run's epoch are."""
    return EPOCH_FOLDER.build(run=run, epoch=epoch)


def video_outputs(run: str, epoch: int, video: str) -> str:
    """Where the takes of a video by a run's epoch are."""
    return VIDEO_FOLDER.build(run=run, epoch=epoch, video=video)


def parse_epoch_folder(folder: str) -> int | None:
    """The epoch from its folder's bare name, `epoch_0026`; None where it is none."""
    match = re.fullmatch(r"epoch_(\d{4,})", folder)
    return int(match[1]) if match else None


def parse_output(key: str) -> OutputFolder | None:
    """The soundtrack that a file's key or a folder belongs to; None where there is none."""
    fields = OUTPUT_FOLDER.parse(key.rpartition("/")[0] + "/")
    if fields is None:
        return None
    return OutputFolder(fields["run"], int(fields["epoch"]), fields["video"], fields["take"])


def is_output_record(key: str) -> bool:
    """Whether the object is the record of a soundtrack."""
    return OUTPUT_RECORD.parse(key) is not None


def batch(run: str, epoch: int, digest: str) -> str:
    """The key of the summary of a batch of soundtracks."""
    return BATCH.build(run=run, epoch=epoch, digest=digest)


def batch_prefix(run: str, epoch: int) -> str:
    """Begins the keys of the summaries of a run's epoch."""
    return batch(run, epoch, "").removesuffix(".json")


def evaluation(run: str, epoch: int, dataset: tuple[str, int], split: str, ending: str) -> str:
    """The key of the scores of a run's epoch on a dataset version, or of their picture.

    Args:
        run: the run's name.
        epoch: its epoch.
        dataset: the dataset's name and version.
        split: `validation` or `test`.
        ending: `json` for the scores, `svg` for the confusion matrix.
    """
    name, version = dataset
    return EVALUATION.build(
        run=run, epoch=epoch, name=name, version=version, split=split, ending=ending
    )


def evaluation_prefix(run: str) -> str:
    """Begins the keys of the evaluations of all epochs of a run."""
    return f"{EVALUATIONS}{run}/epoch_"


def generated_scores(run: str, digest: str) -> str:
    """The key of the scores of a batch of soundtracks."""
    return GENERATED_SCORES.build(run=run, digest=digest)


def comparison(digest: str) -> str:
    """The key of a comparison of runs or epochs."""
    return COMPARISON.build(digest=digest)


def rating(id: str) -> str:
    """The key of one blind rating."""
    return RATING.build(id=id)


def night_report(started_at: str) -> str:
    """The key of a night's report, from the moment at which the night started (ISO 8601, UTC)."""
    return NIGHT_REPORT.build(moment=_moment(started_at))


def night_text(started_at: str) -> str:
    """The key of a night's report for people."""
    return NIGHT_TEXT.build(moment=_moment(started_at))


def _moment(started_at: str) -> str:
    return f"{started_at.partition('+')[0].replace(':', '')}Z"


def ingest_index(extractor: str) -> str:
    """The key of what ingest remembers of each video, for one extractor."""
    return INGEST_INDEX.build(extractor=extractor)


def parse_ingest_index(key: str) -> str | None:
    """The extractor whose index stands under a key."""
    fields = INGEST_INDEX.parse(key)
    return fields["extractor"] if fields else None


def inbox_ledger() -> str:
    """The key of what the inbox remembers of each video."""
    return INBOX_LEDGER.template


def video_ids() -> str:
    """The key of the id and title of each video."""
    return VIDEO_IDS.template


def tombstone(video: str) -> str:
    """The key of the record of a video that was taken down."""
    return TOMBSTONE.build(video=video)


def takes_index(run: str, epoch: int) -> str:
    """The key of the list of takes of each video by a run's epoch."""
    return TAKES_INDEX.build(run=run, epoch=epoch)


def parse_takes_index(key: str) -> tuple[str, int] | None:
    """The run and epoch whose takes an index lists."""
    fields = TAKES_INDEX.parse(key)
    return (fields["run"], int(fields["epoch"])) if fields else None


def thumbnail(sha256: str) -> str:
    """The key of a sheet of small pictures of a video, from the SHA-256 of its bytes."""
    return THUMBNAIL.build(sha256=sha256)

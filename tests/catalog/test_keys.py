"""Keys are built and parsed in `vmt.catalog.keys` alone, and what is built is parsed back."""

import ast
import re
from pathlib import Path

import pytest

from vmt.catalog import keys
from vmt.catalog.describe import BUCKET
from vmt.catalog.keys import KeyPattern, OutputFolder

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "audit",
    "datasets",
    "evaluations",
    "features",
    "inbox",
    "index",
    "models",
    "outputs",
    "quarantine",
    "ratings",
    "reports",
    "runs",
    "uploads",
    "videos",
)
KEY = re.compile(rf"(?:{'|'.join(FOLDERS)})/\S*")
PATTERNS = [value for value in vars(keys).values() if isinstance(value, KeyPattern)]


def keys_in(path: Path) -> list[str]:
    """Texts of a module that are keys, or begin one: no docstring, and no sentence."""
    tree = ast.parse(path.read_text())
    sentences = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # docstrings stand alone
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in sentences
        and KEY.fullmatch(node.value)
    ]


def test_no_key_is_written_anywhere_else() -> None:
    modules = [
        path
        for room in ("vmt", "flows", "dashboard")
        for path in sorted((ROOT / room).rglob("*.py"))
        if path != ROOT / "vmt/catalog/keys.py"
    ]
    assert len(modules) > 100
    written = [key for path in modules for key in keys_in(path)]
    assert written == [], "build it in vmt/catalog/keys.py"


def test_every_pattern_is_described_once() -> None:
    described = [entry.pattern for entry in BUCKET]
    assert len(described) == len(set(described))
    folders = {keys.OUTPUT_FOLDER, keys.VIDEO_FOLDER, keys.EPOCH_FOLDER}
    assert set(PATTERNS) - folders == set(described)


SHA = "0123456789abcdef" * 4
EXAMPLES = [
    (keys.VIDEO, keys.video("a.mp4")),
    (keys.INBOX_VIDEO, keys.inbox_video("a b.mp4")),
    (keys.EXTRACTOR, keys.extractor("x")),
    (keys.FEATURE_RECORD, keys.features("x", SHA)),
    (keys.FEATURE_RECORD, keys.features("x", SHA, [b"lab"])),
    (keys.REFUSAL, keys.refusal("a")),
    (keys.REFUSAL, keys.unnamed_refusal("videos/;.mp4")),
    (keys.DATASET_INFO, keys.dataset_info("main", 3)),
    (keys.MANIFEST, keys.manifest("main", 12345)),
    (keys.MODEL_PARAMS, keys.model_params("r")),
    (keys.SUMMARY, keys.summary("r")),
    (keys.BEST_EPOCHS, keys.best_epochs("r")),
    (keys.VERDICT, keys.verdict("r")),
    (keys.LEASE, keys.lease("r")),
    (keys.RESULTS, keys.results("r")),
    (keys.RESULTS, keys.results("r", keys.RHYTHM)),
    (keys.WEIGHTS, keys.weights("r", 7, keys.RHYTHM)),
    (keys.WEIGHT_HASHES, keys.weight_hashes("r")),
    (keys.LOOP, keys.loop("r", keys.RHYTHM)),
    (keys.OPTIMIZER, keys.optimizer("r", 7)),
    (keys.BEST_CHORD_WEIGHTS, keys.best_weights("r")),
    (keys.BEST_RHYTHM_WEIGHTS, keys.best_weights("r", keys.RHYTHM)),
    (keys.MODE_WEIGHTS, keys.mode_weights("r")),
    (keys.UNUSED_TENSORS, keys.unused_tensors("r")),
    (keys.RUN_REPORT, keys.run_report("r", "en", "md")),
    (keys.RUN_REPORT_PICTURE, keys.run_report_picture("r", "zh", "losses")),
    (keys.CHAMPION, keys.champion()),
    (keys.BATCH, keys.batch("r", 7, "0f")),
    (keys.EVALUATION, keys.evaluation("r", 7, ("main", 3), "test", "json")),
    (keys.GENERATED_SCORES, keys.generated_scores("r", "0f")),
    (keys.COMPARISON, keys.comparison("0f")),
    (keys.RATING, keys.rating("id")),
    (keys.NIGHT_REPORT, keys.night_report("2026-01-02T03:04:05+00:00")),
    (keys.NIGHT_TEXT, keys.night_text("2026-01-02T03:04:05+00:00")),
    (keys.INGEST_INDEX, keys.ingest_index("x")),
    (keys.INBOX_LEDGER, keys.inbox_ledger()),
    (keys.TOMBSTONE, keys.tombstone("a")),
    (keys.TAKES_INDEX, keys.takes_index("r", 7)),
    (keys.THUMBNAIL, keys.thumbnail(SHA)),
]


@pytest.mark.parametrize(("pattern", "key"), EXAMPLES)
def test_what_is_built_is_parsed(pattern: KeyPattern, key: str) -> None:
    fields = pattern.parse(key)
    assert fields is not None
    numbers = {name: int(value) for name, value in fields.items() if name in ("epoch", "version")}
    assert pattern.build(**fields | numbers) == key
    others = [entry.pattern for entry in BUCKET if entry.pattern.parse(key) is not None]
    assert others == [pattern], "one kind of object has this key"


def test_epochs_are_found_in_keys_of_their_part_alone() -> None:
    key = keys.weights("r", 12345, keys.RHYTHM)
    assert keys.parse_weights(key, "r", keys.RHYTHM) == 12345
    assert keys.parse_weights(key, "r") is None
    assert keys.parse_weights(key, "other", keys.RHYTHM) is None
    assert keys.parse_optimizer(keys.optimizer("r", 3), "r") == 3
    assert keys.parse_optimizer(key, "r", keys.RHYTHM) is None
    assert keys.optimizer("r", 3).startswith(keys.optimizer_prefix("r"))


def test_a_soundtracks_folder_is_found_in_its_files() -> None:
    output = OutputFolder("r", 26, "a b", "0f")
    assert output.record == "outputs/r/epoch_0026/a b/0f/a b_cgen_rd.json"
    for key in (*output.files.values(), output.stem("stem-1-piano"), output.prefix):
        assert keys.parse_output(key) == output
    assert keys.is_output_record(output.record)
    assert not keys.is_output_record(output.file("mid"))
    assert keys.parse_output(keys.batch("r", 26, "0f")) is None
    assert keys.parse_output("videos/a.mp4") is None


def test_bare_names_of_folders() -> None:
    assert (keys.parse_version("v0003"), keys.parse_version("w0003")) == (3, None)
    assert (keys.parse_epoch_folder("epoch_0026"), keys.parse_epoch_folder("batch")) == (26, None)
    assert keys.parse_takes_index(keys.takes_index("r", 3)) == ("r", 3)
    assert keys.parse_ingest_index(keys.ingest_index("x")) == "x"

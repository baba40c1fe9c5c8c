"""What the tests of faults start from, strike with, and ask for afterwards."""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import torch
from prefect.client.schemas.objects import StateType

from tests.flows.conftest import EXTRACTOR, TINY, Bucket
from tests.integration.proxy import Hold
from tests.integration.rig import Rig, copy, product_settings, rig
from vmt.catalog import keys as bucket_keys
from vmt.catalog.runs import Run, read_champion
from vmt.jobs.dataset.freeze import freeze
from vmt.jobs.ingest.extractors import configured
from vmt.jobs.ingest.ingest import ingest
from vmt.jobs.release.promote import promote
from vmt.jobs.soundtrack.generate import generate
from vmt.jobs.train.train import train
from vmt.store import LocalStore, ObjectStore

EPOCHS = 8
SETTINGS = TINY | {
    "epochs": EPOCHS,
    "d_model": 128,
    "d_feedforward": 256,
    "n_layers": 4,
    "precision": "float32",
}
TRAINING = {
    "dataset": "main@v0001",
    "preset": "demo",
    "run": "one",
    "overrides": SETTINGS,
    "promote": True,
}
VIDEOS = 6
SHOWN = ["videos/0001.mp4", "videos/0002.mp4"]

# A run sends heartbeats every 30 s at the most; production waits for three of them.
LOST_AFTER_S = 45

Strike = Callable[[Rig, UUID, Hold], None]


@dataclass
class World:
    """The rig, and the stores that a case starts from and should end with.

    Attributes:
        fresh: videos whose features stand there already.
        frozen: the same, ingested and frozen.
        trained: the same, with one run that serves.
        finished: the same, with soundtracks.
    """

    rig: Rig
    folder: Path
    fresh: ObjectStore
    frozen: ObjectStore
    trained: ObjectStore
    finished: ObjectStore
    cases: int = field(default=0)

    def begin(self, source: ObjectStore) -> tuple[str, ObjectStore]:
        """A new part of the bucket with what `source` holds."""
        self.cases += 1
        case = f"case{self.cases}"
        store = self.rig.store(case)
        copy(source, store, self.folder)
        self.rig.proxy.forget()
        return case, store


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Everything started, while undisturbed runs make what the others are compared with."""
    (folder / "rig").mkdir()
    with rig(folder / "rig") as made:
        bucket = Bucket(folder)
        bucket.add(VIDEOS)
        frozen, trained, finished = (
            LocalStore(folder / name) for name in ("frozen", "trained", "finished")
        )
        settings = product_settings(frozen, folder / "cache")
        threads = torch.get_num_threads()
        torch.set_num_threads(
            1
        )  # as in the worker's processes: sums in another order are other numbers
        copy(bucket.store, frozen, folder)
        ingest(frozen, configured(settings))
        freeze(frozen, EXTRACTOR.name, min_validation=2, min_test=2, split_by="id")
        copy(frozen, trained, folder)
        train(trained, "main@v0001", preset="demo", run="one", overrides=SETTINGS, device="cpu")
        promote(trained, "one")
        copy(trained, finished, folder)
        generate(finished, settings, SHOWN)
        torch.set_num_threads(threads)
        made.prepare(LOST_AFTER_S)
        yield World(made, folder, bucket.store, frozen, trained, finished)


def killed_run(made: Rig, run: UUID, held: Hold) -> None:
    made.kill_run(run)


def killed_worker(made: Rig, run: UUID, held: Hold) -> None:
    made.kill_worker()
    made.start_worker()


def ended_worker(made: Rig, run: UUID, held: Hold) -> None:
    made.end_worker()
    made.start_worker()


def killed_server(made: Rig, run: UUID, held: Hold) -> None:
    made.server.kill()
    held.released.set()
    made.restart_server()


def killed_database(made: Rig, run: UUID, held: Hold) -> None:
    made.database.kill()
    held.released.set()
    made.database.start_again()


def killed_s3(made: Rig, run: UUID, held: Hold) -> None:
    made.s3.kill()
    held.released.set()
    made.s3.start_again()


def refusing_s3(seconds: float) -> Strike:
    return _s3_that("refuse", seconds)


def slow_s3(seconds: float) -> Strike:
    return _s3_that("slow", seconds)


def _s3_that(mode: str, seconds: float) -> Strike:
    def strike(made: Rig, run: UUID, held: Hold) -> None:
        made.proxy.set_mode(mode)
        held.released.set()
        time.sleep(seconds)
        made.proxy.set_mode("pass")

    return strike


def full_s3(made: Rig, run: UUID, held: Hold) -> None:
    made.proxy.set_mode("full")
    held.released.set()
    made.wait(run)
    made.proxy.set_mode("pass")


def gone_machine(made: Rig, run: UUID, held: Hold) -> None:
    made.kill_worker()
    made.kill_run(run)
    made.server.kill()
    made.database.kill()
    made.s3.kill()
    made.s3.start_again()
    made.database.start_again()
    made.restart_server()
    made.start_worker()


def digest(store: ObjectStore, key: str) -> str:
    return hashlib.sha256(store.get(key)).hexdigest()


def same_training(store: ObjectStore, reference: ObjectStore) -> None:
    """The table, every epoch's weights and the champion are those of the undisturbed run."""
    assert Run(store, "one").results() == Run(reference, "one").results()
    weights = [each.key for each in reference.list("runs/one/weights/")]
    assert [each.key for each in store.list("runs/one/weights/")] == weights
    for key in [*weights, bucket_keys.best_weights("one", bucket_keys.RHYTHM)]:
        assert digest(store, key) == digest(reference, key), key
    mine, theirs = read_champion(store), read_champion(reference)
    assert mine is not None
    assert theirs is not None
    assert (mine.run, mine.epoch, mine.history) == (theirs.run, theirs.epoch, theirs.history)


def same_ingestion(store: ObjectStore, reference: ObjectStore) -> None:
    """The index knows the same bytes."""
    index = f"index/ingest/{EXTRACTOR.name}.json"
    found, wanted = (json.loads(each.get(index)) for each in (store, reference))
    assert {key: each["sha256"] for key, each in found.items()} == {
        key: each["sha256"] for key, each in wanted.items()
    }


def same_soundtracks(store: ObjectStore, reference: ObjectStore) -> None:
    """Chords and notes are those of the undisturbed run."""
    keys = [each.key for each in reference.list("outputs/") if each.key.endswith((".lab", ".mid"))]
    assert keys
    for key in keys:
        assert digest(store, key) == digest(reference, key), key


def whole(store: ObjectStore) -> None:
    """No half object: weights hash to what was written down, a record's files are all there."""
    run = Run(store, "one")
    for each in store.list("runs/one/weights/"):
        epoch = bucket_keys.parse_weights(each.key, "one")
        assert epoch is not None
        assert digest(store, each.key) == run.weight_hash(epoch), each.key
    for each in store.list("outputs/"):
        if each.key.endswith("_cgen_rd.json"):
            for key in json.loads(store.get(each.key))["files"].values():
                assert store.head(key) is not None, key


def made_once(world: World, case: str, keys: list[str], again: int) -> None:
    """Each object is written, and no more than `again` of them another time: those that a fault
    interrupted.
    """
    counts = {key: world.rig.proxy.writes[f"/{world.rig.s3.bucket}/{case}/{key}"] for key in keys}
    assert min(counts.values()) >= 1, counts
    assert sum(counts.values()) <= len(keys) + again, counts


def free(made: Rig) -> None:
    """No run says that it goes on, and no deployment's slot is held."""
    assert made.under_way() == []
    once = ("ingest", "train", "inbox")
    assert {each: made.slots(each) for each in once} == dict.fromkeys(once, 0)


def ended(made: Rig, run: UUID, state: StateType) -> None:
    """The run ends so, and leaves everything free."""
    assert made.wait(run) == state, made.logs()
    free(made)

"""It survives: faults in the middle of every kind of work, on a real S3 server, Prefect server and worker.

Afterwards no run says Running that is not, slots are free, the next start ends with what an undisturbed run has, byte
for byte, no half object is visible, and nothing is trained or generated twice without need.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from prefect.client.schemas.objects import StateType

from tests.flows.conftest import EXTRACTOR, TINY, Bucket
from tests.integration.rig import Rig, copy, product_settings, rig
from vmt.jobs.extractors import configured
from vmt.jobs.freeze import freeze
from vmt.jobs.generate import generate
from vmt.jobs.ingest import ingest
from vmt.jobs.promote import promote
from vmt.jobs.train import train
from vmt.store import LocalStore, ObjectStore
from vmt.training.registry import HASHES, Run, read_champion

pytestmark = [pytest.mark.server, pytest.mark.long]

EPOCHS = 8
SETTINGS = TINY | {"epochs": EPOCHS, "d_model": 128, "d_feedforward": 256, "n_layers": 4, "precision": "float32"}
TRAINING = {"dataset": "main@v0001", "preset": "demo", "run": "one", "overrides": SETTINGS, "promote": True}
VIDEOS = 6
SHOWN = ["videos/0001.mp4", "videos/0002.mp4"]


@dataclass
class World:
    """The rig, and the stores that a case starts from and should end with."""

    rig: Rig
    folder: Path
    fresh: LocalStore
    frozen: LocalStore
    trained: LocalStore
    finished: LocalStore
    cases: int = field(default=0)

    def begin(self, source: LocalStore) -> tuple[str, ObjectStore]:
        """A new part of the bucket with what `source` holds."""
        self.cases += 1
        case = f"case{self.cases}"
        store = self.rig.store(case)
        copy(source, store, self.folder)
        self.rig.proxy.writes.clear()
        return case, store


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faults")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the worker's processes: sums in another order are other numbers
    bucket = Bucket(folder)
    bucket.add(VIDEOS)
    stages = [bucket.store]
    for name in ("frozen", "trained", "finished"):
        stages.append(LocalStore(folder / name))
    fresh, frozen, trained, finished = stages
    settings = product_settings(frozen, folder / "cache")
    copy(fresh, frozen, folder)
    ingest(frozen, configured(settings))
    freeze(frozen, EXTRACTOR.name, min_validation=2, min_test=2)
    copy(frozen, trained, folder)
    train(trained, "main@v0001", preset="demo", run="one", overrides=SETTINGS, device="cpu")
    promote(trained, "one")
    copy(trained, finished, folder)
    generate(finished, settings, SHOWN)
    torch.set_num_threads(threads)
    (folder / "rig").mkdir()
    with rig(folder / "rig") as made:
        assert all(isinstance(each, LocalStore) for each in stages)
        yield World(made, folder, *stages)  # type: ignore[arg-type]


def digest(store: ObjectStore, key: str) -> str:
    return hashlib.sha256(store.get(key)).hexdigest()


def same_training(store: ObjectStore, reference: ObjectStore) -> None:
    """The table, every epoch's weights and the champion are those of the undisturbed run."""
    assert Run(store, "one").results() == Run(reference, "one").results()
    weights = [each.key for each in reference.list("runs/one/weights/")]
    assert [each.key for each in store.list("runs/one/weights/")] == weights
    for key in [*weights, Run(store, "one").key("regression/best_rmse_weights.safetensors")]:
        assert digest(store, key) == digest(reference, key), key
    mine, theirs = read_champion(store), read_champion(reference)
    assert mine is not None
    assert theirs is not None
    assert (mine.run, mine.epoch, mine.history) == (theirs.run, theirs.epoch, theirs.history)


def whole(store: ObjectStore) -> None:
    """No half object: weights hash to what was written down, a record's files are all there."""
    for run in ("one",):
        hashes = Run(store, run).read_json(HASHES) or {}
        for each in store.list(f"runs/{run}/weights/"):
            epoch = str(int(each.key[-16:-12]))
            assert digest(store, each.key) == hashes[epoch], each.key
    for each in store.list("outputs/"):
        if each.key.endswith("_cgen_rd.json"):
            for key in json.loads(store.get(each.key))["files"].values():
                assert store.head(key) is not None, key


def trained_once(world: World, case: str, again: int) -> None:
    """Every epoch is written once, but for those that a fault interrupted: at most `again` of them."""
    counts = [
        world.rig.proxy.writes[f"/{world.rig.s3.bucket}/{case}/{Run(world.finished, 'one').weights_key(epoch)}"]
        for epoch in range(EPOCHS + 1)
    ]
    assert min(counts) >= 1
    assert sum(counts) <= EPOCHS + 1 + again, counts


def free(world: World) -> None:
    assert world.rig.under_way() == []
    assert {each: world.rig.slots(each) for each in ("ingest", "train", "inbox")} == dict.fromkeys(
        ("ingest", "train", "inbox"), 0
    )


@pytest.mark.timeout(900)
def test_one_training_through_four_faults(world: World) -> None:
    """One of each class: the flow's process, the worker, the Prefect server, S3."""
    made = world.rig
    case, store = world.begin(world.frozen)
    uploading = made.proxy.hold(r"PUT .*weights/epoch_0002")
    first = made.start("train", case, TRAINING)
    uploading.wait()
    made.kill_run(first)
    uploading.released.set()
    assert made.wait(first) == StateType.CRASHED
    free(world)

    uploading = made.proxy.hold(r"PUT .*weights/epoch_0004")
    second = made.start("train", case, TRAINING)
    uploading.wait()
    made.kill_worker()
    made.server.kill()
    made.proxy.set_mode("refuse")
    uploading.released.set()
    made.restart_server()
    made.start_worker()
    made.proxy.set_mode("pass")
    if made.wait(second) != StateType.COMPLETED:  # where the flow asked the server while there was none
        third = made.start("train", case, TRAINING)
        assert made.wait(third) == StateType.COMPLETED, made.logs()
    free(world)
    same_training(store, world.trained)
    whole(store)
    trained_once(world, case, again=6)


@dataclass(frozen=True)
class Moment:
    """The middle of a kind of work: a flow, and the request that is held when the fault strikes."""

    flow: str
    parameters: dict[str, Any]
    request: str
    start: str
    expected: str


MOMENTS = {
    "ingest": Moment("ingest", {}, r"GET .*videos/0003", "fresh", "frozen"),
    "train": Moment("train", TRAINING, r"PUT .*state/optimizer_0003", "frozen", "trained"),
    "upload": Moment("train", TRAINING, r"PUT .*weights/epoch_0003", "frozen", "trained"),
    "promote": Moment("train", TRAINING, r"PUT .*models/champion", "frozen", "trained"),
    "generate": Moment("generate", {"videos": SHOWN}, r"PUT .*_cgen_rd\.(mid|flac)", "trained", "finished"),
}


def killed_run(made: Rig, run: Any) -> None:
    made.kill_run(run)


def killed_worker(made: Rig, run: Any) -> None:
    made.kill_worker()
    made.start_worker()


def ended_worker(made: Rig, run: Any) -> None:
    made.end_worker()
    made.start_worker()


def killed_server(made: Rig, run: Any) -> None:
    made.server.kill()
    time.sleep(3)
    made.restart_server()


def killed_s3(made: Rig, run: Any) -> None:
    made.s3.kill()
    made.s3.start_again()


def refusing_s3(made: Rig, run: Any) -> None:
    made.proxy.set_mode("refuse")
    made.proxy.held.released.set()  # type: ignore[union-attr]
    time.sleep(60)


def slow_s3(made: Rig, run: Any) -> None:
    made.proxy.set_mode("slow")
    made.proxy.held.released.set()  # type: ignore[union-attr]
    time.sleep(20)


def full_s3(made: Rig, run: Any) -> None:
    made.proxy.set_mode("full")
    made.proxy.held.released.set()  # type: ignore[union-attr]
    made.wait(run, 200)


def gone_machine(made: Rig, run: Any) -> None:
    made.kill_worker()
    made.kill_run(run)
    made.server.kill()
    made.s3.kill()
    made.s3.start_again()
    made.restart_server()
    made.start_worker()


FAULTS: dict[str, Callable[[Rig, Any], None]] = {
    "kill -9 of the flow's process": killed_run,
    "kill -9 of the worker": killed_worker,
    "SIGTERM of the worker": ended_worker,
    "kill -9 of the Prefect server": killed_server,
    "kill -9 of the S3 server": killed_s3,
    "S3 refuses for 60 s": refusing_s3,
    "S3 is slow": slow_s3,
    "no space": full_s3,
    "the machine is gone": gone_machine,
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_in_the_middle_of_everything(
    world: World, fault: str, moment: str, record_property: Callable[[str, object], None]
) -> None:
    made, what = world.rig, MOMENTS[moment]
    started = time.monotonic()
    case, store = world.begin(getattr(world, what.start))
    expected: LocalStore = getattr(world, what.expected)
    held = made.proxy.hold(what.request)
    run = made.start(what.flow, case, what.parameters)
    held.wait()
    FAULTS[fault](made, run)
    held.released.set()
    made.proxy.set_mode("pass")
    states = [made.wait(run, 600)]
    if states[0] != StateType.COMPLETED:
        states.append(made.wait(made.start(what.flow, case, what.parameters), 300))
    assert states[-1] == StateType.COMPLETED, made.logs()
    free(world)
    whole(store)
    if what.flow == "train":
        same_training(store, expected)
        trained_once(world, case, again=8)
    elif what.flow == "ingest":
        index = f"index/ingest/{EXTRACTOR.name}.json"
        entries = json.loads(store.get(index))
        reference = json.loads(expected.get(index))
        assert {key: each["sha256"] for key, each in entries.items()} == {
            key: each["sha256"] for key, each in reference.items()
        }
    else:
        keys = [each.key for each in expected.list("outputs/") if each.key.endswith((".lab", ".mid"))]
        assert keys
        for key in keys:
            assert digest(store, key) == digest(expected, key), key
        for key, count in made.proxy.writes.items():
            assert not key.endswith("_cgen_rd.json") or count <= 2, f"{key} made {count} times"
    record_property("states", " then ".join(each.value.lower() for each in states))
    record_property("seconds", round(time.monotonic() - started))

"""It survives: faults in the middle of every kind of work, on a real S3 server, Prefect server and
worker.

Afterwards no run says Running that is not, slots are free, the next start ends with what an
undisturbed run has, byte for byte, no half object is visible, and nothing is trained or generated
twice without need.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import StateType

from tests.integration import world as the
from tests.integration.world import EPOCHS, LOST_AFTER_S, SHOWN, TRAINING, Strike, World
from vmt.catalog.runs import Run

pytestmark = pytest.mark.server

COMPLETED, CRASHED, FAILED = StateType.COMPLETED, StateType.CRASHED, StateType.FAILED
# Less than between two heartbeats: for runs that are lost before the second.
LOST_AT_ONCE_S = 25


def weights(world: World) -> list[str]:
    return [Run(world.finished, "one").weights_key(epoch) for epoch in range(EPOCHS + 1)]


@pytest.mark.timeout(600)
def test_one_training_through_one_fault_of_every_class(world: World) -> None:
    """Each strikes while an epoch's weights, or the champion, go up. Four the run outlives; five
    end it.
    """
    made = world.rig
    case, store = world.begin(world.frozen)

    def run_struck(*strikes: tuple[int, Strike]) -> UUID:
        """A run that is struck when it uploads these epochs."""
        holds = [made.proxy.hold(_upload_from(epoch)) for epoch, _ in strikes]
        run = made.start("train", case, TRAINING)
        for held, (_, strike) in zip(holds, strikes, strict=True):
            held.wait()
            strike(made, run, held)
            held.released.set()
        return run

    the.ended(
        made,
        run_struck(
            (1, the.slow_s3(2)), (2, the.killed_s3), (3, the.killed_server), (4, the.killed_run)
        ),
        CRASHED,
    )
    the.ended(made, run_struck((5, the.full_s3)), FAILED)
    the.ended(made, run_struck((6, the.refusing_s3(3)), (7, the.killed_worker)), CRASHED)
    made.lose_runs_after(LOST_AT_ONCE_S)
    the.ended(made, run_struck((8, the.ended_worker)), CRASHED)
    the.ended(made, run_struck((9, the.gone_machine)), CRASHED)
    made.lose_runs_after(LOST_AFTER_S)
    run = run_struck()
    the.ended(made, run, COMPLETED)
    the.same_training(store, world.trained)
    the.whole(store)
    the.made_once(world, case, weights(world), again=9)


def _upload_from(epoch: int) -> str:
    """The upload of this epoch's weights or, where it is up already, a later one's; after the last,
    the champion's.
    """
    return r"PUT .*models/champion" if epoch > EPOCHS else rf"PUT .*weights/epoch_000[{epoch}-9]"


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
    "generate": Moment(
        "generate", {"videos": SHOWN}, r"PUT .*_cgen_rd\.(mid|flac)", "trained", "finished"
    ),
}
FAULTS: dict[str, tuple[Strike, StateType]] = {
    "kill -9 of the flow's process": (the.killed_run, CRASHED),
    "kill -9 of the worker": (the.killed_worker, CRASHED),
    "SIGTERM of the worker": (the.ended_worker, CRASHED),
    "kill -9 of the Prefect server": (the.killed_server, COMPLETED),
    "kill -9 of Postgres": (the.killed_database, COMPLETED),
    "kill -9 of the S3 server": (the.killed_s3, COMPLETED),
    "S3 refuses for 60 s": (the.refusing_s3(60), COMPLETED),
    "S3 is slow": (the.slow_s3(10), COMPLETED),
    "no space": (the.full_s3, FAILED),
    "the machine is gone": (the.gone_machine, CRASHED),
}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_in_the_middle_of_everything(
    world: World, fault: str, moment: str, record_property: Callable[[str, object], None]
) -> None:
    made, what, (strike, state) = world.rig, MOMENTS[moment], FAULTS[fault]
    started = time.monotonic()
    case, store = world.begin(getattr(world, what.start))
    held = made.proxy.hold(what.request)
    run = made.start(what.flow, case, what.parameters)
    held.wait()
    strike(made, run, held)
    held.released.set()
    the.ended(made, run, state)
    if state != COMPLETED:
        the.ended(made, made.start(what.flow, case, what.parameters), COMPLETED)
    the.whole(store)
    expected = getattr(world, what.expected)
    if what.flow == "train":
        the.same_training(store, expected)
        the.made_once(world, case, weights(world), again=3)
    elif what.flow == "ingest":
        the.same_ingestion(store, expected)
    else:
        the.same_soundtracks(store, expected)
        records = [
            each.key for each in store.list("outputs/") if each.key.endswith("_cgen_rd.json")
        ]
        the.made_once(world, case, records, again=1)
    record_property(
        "fault", (fault, moment, state.value.lower(), round(time.monotonic() - started))
    )

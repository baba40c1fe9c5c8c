"""A Prefect server that stays away: work goes on without it, and what it finds lost when it is back
does no harm.
"""

import time

import pytest
from prefect.client.schemas.objects import StateType

from tests.integration import world as the
from tests.integration.world import LOST_AFTER_S, SETTINGS, TRAINING, World
from vmt.catalog.runs import Run

pytestmark = [pytest.mark.server, pytest.mark.long]
AWAY_S = 75.0
MANY = 300  # epochs that take longer than the server is away
LONG = TRAINING | {"overrides": SETTINGS | {"epochs": MANY}}
AT_FIRST = r"PUT .*state/optimizer_0003"


@pytest.mark.timeout(900)
def test_training_goes_on_and_ends_as_if_the_server_had_been_there(world: World) -> None:
    made = world.rig
    made.lose_runs_after(4 * LOST_AFTER_S)
    case, store = world.begin(world.frozen)
    held = made.proxy.hold(AT_FIRST)
    run = made.start("train", case, LONG)
    held.wait()
    made.server.kill()
    held.released.set()
    time.sleep(AWAY_S)
    meanwhile = len(Run(store, "one").results())
    made.restart_server()
    made.lose_runs_after(LOST_AFTER_S)
    assert meanwhile > 20, "training waited for the server"
    the.ended(made, run, StateType.COMPLETED)
    assert Run(store, "one").results()[-1].epoch == MANY
    the.whole(store)

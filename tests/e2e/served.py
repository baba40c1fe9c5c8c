"""Flows that stand in for the real ones of the same names: same parameters, made-up soundtracks within seconds.

python -m tests.e2e.served        # on the server of PREFECT_API_URL, into the store of VMT_STORE
"""

import os
import time
from pathlib import PurePosixPath
from typing import Any

from prefect import flow, get_run_logger, serve
from prefect.schedules import Cron

from tests.dashboard.fill import put_output
from vmt.store import open_store


@flow(name="generate")
def generate(
    videos: list[str], run: str | None = None, epoch: int | None = None, settings: dict[str, Any] | None = None
) -> list[str]:
    logger = get_run_logger()
    store = open_store(os.environ["VMT_STORE"])
    made = []
    for key in videos:
        time.sleep(1)
        made.append(put_output(store, run or "made-up-amt", epoch or 30, PurePosixPath(key).stem, "0e2e0e2e"))
        logger.info("soundtrack of %s is ready", key)
    return made


@flow(name="train")
def train(
    dataset: str = "main", preset: str = "amt", overrides: dict[str, Any] | None = None, promote: bool = False
) -> None:
    for epoch in range(600):
        get_run_logger().info("epoch %d", epoch)
        time.sleep(1)


@flow(name="ingest")
def ingest() -> None:
    raise ValueError("4 of 5 videos refused, over the share of 0.5")


if __name__ == "__main__":
    serve(
        generate.to_deployment("generate"),
        train.to_deployment("train"),
        ingest.to_deployment("ingest", schedule=Cron("*/15 * * * *", timezone="UTC")),
        limit=2,
        pause_on_shutdown=False,
    )

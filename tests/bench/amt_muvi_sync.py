"""Thirty epochs of `amt` on muvi-sync-55, 25 chords: `VMT_TEST_DATA=FOLDER python -m
tests.bench.amt_muvi_sync STORE`.

Prints the table of losses, the best epoch and the time; fails unless the last rate is 0.000220 and
31 checkpoints of 125 MiB stand in the store. STORE is a folder or an S3 address; killed and started
again, it goes on.
"""

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vmt.catalog import keys
from vmt.catalog.runs import Run
from vmt.jobs.dataset.freeze import import_muvi_sync
from vmt.jobs.train.train import train
from vmt.store import open_store

MIB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "auto"))
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    store = open_store(given.store)
    dataset = import_muvi_sync(
        store, Path(os.environ["VMT_TEST_DATA"]) / "muvi-sync-55/dataset", chord_labels=25
    ).dataset
    start = time.perf_counter()

    def on_event(name: str, payload: Mapping[str, Any]) -> None:
        if name == "vmt.epoch.finished":
            print(
                f"{time.perf_counter() - start:7.1f} s  epoch {payload['epoch']}: "
                f"{payload['validation']}",
                flush=True,
            )

    overrides = {"precision": given.precision, "epochs": given.epochs}
    run = Run(store, train(store, dataset, preset="amt", overrides=overrides, on_event=on_event))
    print(
        f"{run.name}: {time.perf_counter() - start:.0f} s on {torch.get_num_threads()} "
        f"threads, {given.precision}"
    )
    print(store.get(keys.results(run.name)).decode())
    print(store.get(keys.best_epochs(run.name)).decode())
    print(store.get(keys.summary(run.name)).decode())
    weights = list(store.list(keys.run_folder(run.name) + "weights/"))
    sizes = {round(each.size / MIB, 1) for each in weights}
    print(f"{len(weights)} checkpoints of {sizes} MiB")
    assert len(weights) == given.epochs + 1
    assert all(125 <= size < 126 for size in sizes)
    if given.epochs == 30:
        assert f"{run.results()[-1].learn_rate:.6f}" == "0.000220"


if __name__ == "__main__":
    main()

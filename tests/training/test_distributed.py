"""Two processes that train as one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.jobs.train.test_train import OVERRIDES, fill, snapshot
from tests.servers import free_ports
from vmt.catalog.runs import Run
from vmt.jobs.train.train import train
from vmt.store import LocalStore
from vmt.training.distributed import ALONE, Team, join

TOGETHER: dict[str, Any] = OVERRIDES | {
    "epochs": 2,
    "batch_size": 3,
    "dropout": 0.0,
    "feature_noise": 0.1,
    "drop_video": 0.3,
    "gradient_clip": 0.5,
    "precision": "float32",
}
"""Without dropout, which each rank draws for itself; batches of 3 and 2 songs of 5, so that the
ranks' parts differ.
"""
SPLITS = {"train": 5, "validation": 3}


def test_a_share_for_each() -> None:
    songs = list(range(7))
    shares = [Team(rank, 3).share(songs) for rank in range(3)]
    assert shares == [[0, 3, 6], [1, 4], [2, 5]]
    assert ALONE.share(songs) == songs
    assert [Team(rank, 3).leads for rank in range(3)] == [True, False, False]


def test_alone_nothing_is_exchanged() -> None:
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.ones(1, 2)
    with join(torch.device("cpu")) as team:
        assert team == ALONE
        assert team.total(torch.ones(2)).tolist() == [1, 1]
        team.sum_gradients(layer.parameters())
        team.wait()
    assert layer.weight.grad.tolist() == [[1, 1]]
    assert layer.bias.grad is None


@pytest.mark.server
def test_two_processes_end_as_one(tmp_path: Path) -> None:
    one, two = fill(tmp_path / "one", SPLITS), fill(tmp_path / "two", SPLITS)
    train(one, "main", preset="demo", run="r", overrides=TOGETHER)
    settings = [part for name, value in TOGETHER.items() for part in ("--set", f"{name}={value}")]
    (port,) = free_ports(1)
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "torch.distributed.run",
                "--nproc-per-node",
                "2",
                "--master-port",
                str(port),
            ),
            *(
                "-m",
                "--",
                "vmt.cli",
                "train",
                "--preset",
                "demo",
                "--run",
                "r",
                "--json",
                *settings,
            ),
        ],
        env=_environment(two),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "done"  # one rank prints
    assert snapshot(two).keys() == snapshot(one).keys()
    for folder in ("", "regression/"):
        for alone, together in zip(
            Run(one, "r").results(folder), Run(two, "r").results(folder), strict=True
        ):
            assert together.values == pytest.approx(alone.values, rel=1e-4)


def _environment(store: LocalStore) -> dict[str, str]:
    return {**os.environ, "VMT_STORE": str(store.root), "VMT_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}

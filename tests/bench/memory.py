"""Peak resident memory of full-size `amt`, each work in a process of its own: `python -m
tests.bench.memory`.

Prints, for chords of videos (features given) and for a training epoch, CPU seconds and the largest
resident memory of the process, PyTorch included. `python -m tests.bench.memory WORK` does one of
them here and prints it as JSON.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from tests.bench.songs import CONFIG, CPU, make_model, make_songs
from vmt.model.sampling import Request, sample_chords
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective
from vmt.training.trainer import Trainer


def chords_of(videos: int, seconds: int) -> None:
    """Chords of as many videos of `seconds` s, as one batch."""
    rng = np.random.default_rng(0)
    requests = [
        Request(
            rng.standard_normal((seconds, CONFIG.d_video), dtype=np.float32),
            False,
            (1,),
            (0, number),
        )
        for number in range(videos)
    ]
    found = sample_chords(make_model(), requests, CPU)
    assert [len(each) for each in found] == [seconds] * videos


def epoch() -> None:
    """An epoch over a few songs; more songs add their features alone."""
    config = TrainConfig(precision="float32")
    objective = ChordObjective(make_model(), config)
    trainer = Trainer(
        objective, config, make_songs(4), make_songs(1), d_model=CONFIG.d_model, device=CPU
    )
    trainer.epoch = 0
    trainer.run_epoch()


WORKS: dict[str, Callable[[], None]] = {
    "one": lambda: chords_of(1, 300),
    "batch": lambda: chords_of(64, 300),
    "epoch": epoch,
    "hour": lambda: chords_of(1, 3600),
    "two-hours": lambda: chords_of(1, 7200),
}
NAMES = {
    "one": "300 chords for one 300 s video",
    "batch": "the same in a batch of 64",
    "epoch": "a training epoch of amt",
    "hour": "chords for one video of one hour",
    "two-hours": "chords for one video of two hours",
}


def measure(work: str, threads: int = 1) -> tuple[float, int]:
    """CPU seconds and peak resident bytes of a work, done in a child."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "tests.bench.memory", work]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return found["cpu_s"], found["peak_bytes"]


def main() -> None:
    if len(sys.argv) == 2:
        start = time.process_time()
        WORKS[sys.argv[1]]()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"cpu_s": time.process_time() - start, "peak_bytes": peak * 1024}))
        return
    torch.set_num_threads(1)
    for work, name in NAMES.items():
        seconds, peak = measure(work)
        print(f"{name:<36}{seconds:>8.1f} CPU s{peak / 2**30:>8.2f} GiB", flush=True)


if __name__ == "__main__":
    main()

"""How many times faster a training step, an evaluation and sampling of preset `vmt` are than in
another checkout of the project.

    git worktree add ../old dd3fcad
    VMT_TEST_DATA=... python -m tests.bench.vmt_speed ../old [--turns 9] [--work step,scores,sample]

Both sides run in processes of their own with one thread and take turns (A B A B ...) on the same
work, so that other work on the machine weighs on both alike; seconds are the CPU's. Printed are the
medians, the median of the ratios, and how far apart the losses are. Songs come from the packed set
of MuVi-Sync where VMT_TEST_DATA names a folder, else from chance.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

CPU = torch.device("cpu")
WORKS = ("step", "scores", "sample")
STEPS, BATCH, SECONDS = 4, 64, 300


def songs() -> tuple[list[Any], list[Any]]:
    """32 songs to train on and 16 to score."""
    from vmt.dataset.songs import Song

    if folder := os.environ.get("VMT_TEST_DATA"):
        from tests.bench.recipe import full

        sides = full(Path(folder) / "muvi-sync-full" / "features-pca128.safetensors")
        return sides["train"][:32], sides["validation"][:16]
    rng = np.random.default_rng(0)
    made = []
    for number in range(48):
        seconds = int(rng.integers(180, 301))
        video = rng.standard_normal((seconds, 136), dtype=np.float32)
        phrase = np.repeat(rng.integers(0, 157, 16), rng.integers(1, 5, 16))
        tokens, rhythm = np.resize(phrase, seconds), np.zeros((seconds, 2), np.float32)
        made.append(Song(f"{number:03}", video, video[:, -6:].argmax(1), tokens, False, rhythm))
    return made[:32], made[32:]


class Side:
    """The works of the checkout that stands on the path."""

    def __init__(self) -> None:
        from vmt.training.objectives import ChordObjective
        from vmt.training.trainer import Trainer

        train, self.validation = songs()
        width = train[0].video.shape[1] - 8
        torch.manual_seed(0)
        model, config = _preset(width)
        # Untilted, so that both sides score one distribution.
        config = replace(config, precision="float32", change_weight=1.0)
        self.objective = ChordObjective(model, config)
        self.objective.learn_inputs(train)
        self.trainer = Trainer(
            self.objective, config, train, self.validation, d_model=128, device=CPU
        )
        self.trainer.epoch = 0
        self.turn = 0
        self.scores()  # what an epoch scores is known from the first epoch on

    def step(self) -> float:
        """Some training steps, their data included."""
        from vmt.dataset.songs import bucketed

        trainer, self.turn = self.trainer, self.turn + 1
        trainer.model.train()
        torch.manual_seed(self.turn)
        order, noise = random.Random(self.turn), np.random.default_rng(self.turn)
        batches = list(bucketed(trainer.train_songs, 4, order))[:STEPS]
        for batch in batches:
            if hasattr(trainer, "_prepare"):  # in training, a thread does this one batch ahead
                trainer._take_step(trainer._prepare(batch, noise), len(batch))
            else:
                trainer._take_step([trainer._varied(song, noise) for song in batch], 1)
        return 0.0

    def scores(self) -> float:
        """The validation songs' chord loss."""
        return float(self.objective.scores(self.validation, CPU, "float32")[1])

    def sample(self) -> float:
        """Chords of a batch of 64 videos."""
        try:
            from vmt.model.sampling import Request, sample_chords
        except ModuleNotFoundError:  # where it was before it moved
            from vmt.music.sampling import Request, sample_chords  # type: ignore[no-redef,import-not-found]

        rng = np.random.default_rng(0)
        width = self.validation[0].video.shape[1]
        videos = [rng.standard_normal((SECONDS, width), dtype=np.float32) for _ in range(BATCH)]
        requests = [Request(video, False, (1,), (0, row)) for row, video in enumerate(videos)]
        sampled = sample_chords(self.objective.model.eval(), requests, CPU)
        return float(sum(int(tokens.sum()) for tokens in sampled))


def _preset(width: int) -> tuple[Any, Any]:
    """The model and the training of preset `vmt` for 43 hours of songs, from where they are in the
    checkout.
    """
    try:
        from vmt.model.architectures import build
        from vmt.model.presets import load_preset
        from vmt.training.config import train_config
    except ModuleNotFoundError:  # before presets were files
        from vmt.model.chord_model import build  # type: ignore[no-redef,attr-defined]
        from vmt.model.config import copy_config  # type: ignore[attr-defined]
        from vmt.training.config import TRAIN_PRESETS  # type: ignore[attr-defined]

        return build(copy_config(width, 43 * 3600)), TRAIN_PRESETS["vmt"]
    preset = load_preset("vmt")
    return build(preset.shape(width, 43 * 3600)), train_config(preset)


def serve() -> None:
    """Do each work that a line on stdin names, and say its CPU seconds and its result."""
    torch.set_num_threads(1)
    side = Side()
    print("ready", flush=True)
    for line in sys.stdin:
        work: Callable[[], float] = getattr(side, line.strip())
        start = time.process_time()
        result = work()
        print(json.dumps([time.process_time() - start, result]), flush=True)


class Checkout:
    """A process that works in a checkout."""

    def __init__(self, folder: Path) -> None:
        # The bench itself is this checkout's; what it measures is the other's.
        environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--serve"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def work(self, name: str) -> tuple[float, float]:
        """CPU seconds and result."""
        assert self.process.stdin
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        seconds, result = json.loads(self._line())
        return seconds, result

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, nargs="?", help="the checkout to compare with")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--work", default=",".join(WORKS))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return
    if given.old is None:
        parser.error("name the checkout to compare with")
    old, new = Checkout(given.old.resolve()), Checkout(Path(__file__).parents[2])
    print(f"{'':10s}{'old s':>10s}{'new s':>10s}{'times':>8s}  quartiles        results differ by")
    for work in given.work.split(","):
        turns = [(old.work(work), new.work(work)) for _ in range(given.turns)]
        ratios = sorted(a[0] / b[0] for a, b in turns)
        quartiles = f"{ratios[len(ratios) // 4]:.2f} to {ratios[-1 - len(ratios) // 4]:.2f}"
        apart = max(abs(a[1] - b[1]) for a, b in turns)
        old_s, new_s = (median(turn[side][0] for turn in turns) for side in (0, 1))
        print(
            f"{work:10s}{old_s:10.3f}{new_s:10.3f}{median(ratios):8.2f}  {quartiles:15s}"
            f"  {apart:.1e}",
            flush=True,
        )
    old.close()
    new.close()


if __name__ == "__main__":
    main()

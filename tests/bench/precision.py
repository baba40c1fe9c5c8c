"""bfloat16 against float32 from the same seeds: `VMT_TEST_DATA=FOLDER python -m
tests.bench.precision`.

Trains on muvi-sync-55, 25 chords, and prints the validation chord NLL that each run ends at, the
means over the seeds and their difference; fails where it is 2 % or more. The scores are measured in
the precision that was trained in.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Literal

import torch

from vmt.hardware import choose_device
from vmt.jobs.dataset.freeze import import_muvi_sync
from vmt.jobs.train.training_data import TrainingData, load_training_data
from vmt.model.architectures import build
from vmt.model.presets import load_preset, preset_names
from vmt.store import LocalStore
from vmt.training.config import train_config
from vmt.training.objectives import ChordObjective
from vmt.training.trainer import Trainer

SEEDS = (0, 1, 2)
LARGEST_DIFFERENCE = 0.02


def songs() -> TrainingData:
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        source = Path(os.environ["VMT_TEST_DATA"]) / "muvi-sync-55/dataset"
        return load_training_data(
            store, str(import_muvi_sync(store, source, chord_labels=25).dataset)
        )


def final_nll(
    known: TrainingData,
    preset: str,
    epochs: int,
    seed: int,
    precision: Literal["float32", "bfloat16"],
    device: str,
) -> float:
    """Validation chord NLL after the last epoch."""
    known_preset = load_preset(preset)
    config = train_config(known_preset)
    config = replace(config, epochs=epochs, seed=seed, precision=precision)
    shape = known_preset.shape(known.d_semantic, known.seconds)
    torch.manual_seed(seed)
    objective = ChordObjective(build(shape), config)
    objective.learn_inputs(known.train)
    trainer = Trainer(
        objective,
        config,
        known.train,
        known.validation,
        d_model=shape.d_model,
        device=choose_device(device),
    )
    return [trainer.run_epoch() for _ in range(epochs + 1)][-1].validation[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="vmt", choices=preset_names())
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    given = parser.parse_args()
    known = songs()
    ends: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for seed in SEEDS:
        for precision in ("float32", "bfloat16"):
            start = time.perf_counter()
            nll = final_nll(known, given.preset, given.epochs, seed, precision, given.device)
            ends[precision].append(nll)
            print(
                f"seed {seed}, {precision:8}: {nll:.4f}  ({time.perf_counter() - start:.1f} s)",
                flush=True,
            )
    full, half = mean(ends["float32"]), mean(ends["bfloat16"])
    difference = half / full - 1
    print(
        f"{given.preset}, {given.epochs} epochs, {len(SEEDS)} seeds: validation chord NLL "
        f"{full:.4f} in float32, "
        f"{half:.4f} in bfloat16: {difference:+.2%}"
    )
    if abs(difference) >= LARGEST_DIFFERENCE:
        raise SystemExit(f"the difference must be under {LARGEST_DIFFERENCE:.0%}")


if __name__ == "__main__":
    main()

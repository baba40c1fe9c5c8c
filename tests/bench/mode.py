"""How well the mode is learnt from the picture, cross-validated over all songs of MuVi-Sync.

    VMT_TEST_DATA=... python -m tests.bench.mode [--folds 10] [--seeds 3]

Each song's probability of minor comes from a model of the other folds, whose penalty is chosen
inside them; a constant is the share of minor in the same folds. The rule that was used before the
mode was learnt is scored beside it.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.recipe import full
from vmt.metrics.mode import area_under_curve, evaluate_mode
from vmt.model.mode import fit_mode, mode_features


def cross_validated(
    features: np.ndarray, minor: np.ndarray, folds: int, seed: int
) -> dict[str, Any]:
    """Scores of all songs, each by a model that did not see it."""
    fold = np.random.default_rng(seed).permutation(len(minor)) % folds
    probabilities, share = np.empty(len(minor)), np.empty(len(minor))
    answers = np.empty(len(minor), dtype=bool)
    for number in range(folds):
        inside = fold == number
        model = fit_mode(features[~inside], minor[~inside], seed)
        probabilities[inside] = model._probabilities(features[inside])
        share[inside] = model.share
        answers[inside] = probabilities[inside] >= model.threshold
    return evaluate_mode(probabilities, minor, share, answers)


def rule(emotion: np.ndarray) -> float:
    """What decided before: fear, tension and sadness less excitement and rest."""
    exciting, fearful, tense, sad, relaxing, _ = emotion.mean(0)
    return float(fearful + tense + sad - exciting - relaxing)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    packed = Path(os.environ["VMT_TEST_DATA"]) / "muvi-sync-full" / "features-pca128.safetensors"
    songs = [song for side in full(packed).values() for song in side]
    features = np.stack([mode_features(song.video) for song in songs])
    minor = np.array([song.minor for song in songs])

    ruled = np.array([rule(song.video[:, -6:]) for song in songs])
    print(
        f"the rule: AUC {area_under_curve(ruled, minor):.3f}, accuracy "
        f"{((ruled > 0) == minor).mean():.3f}, answers minor {(ruled > 0).mean():.3f}"
    )
    for seed in range(given.seeds):
        row = cross_validated(features, minor, given.folds, seed)
        area, gain = row["auc"], row["log_loss_gain"]
        print(
            f"seed {seed}: {row['songs']} songs, minor {row['minor']:.3f}, answered "
            f"{row['answered_minor']:.3f}; log loss {row['log_loss']:.4f}, constant "
            f"{row['constant_log_loss']:.4f}, gain {gain['value']:.4f} ({gain['low']:.4f} to "
            f"{gain['high']:.4f}); AUC {area['value']:.3f} ({area['low']:.3f} to "
            f"{area['high']:.3f}); accuracy {row['accuracy']:.3f}, at one half "
            f"{row['accuracy_at_half']:.3f}, majority {row['majority']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

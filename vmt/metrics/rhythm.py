"""How good a biGRU is at note density and loudness: against the constant, over time, and with
another song's video.

Seconds past a song's end and seconds whose value is not known are left out.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64

from vmt.dataset.songs import Song, collate
from vmt.metrics.bootstrap import bootstrap
from vmt.metrics.chords import finite, shuffled
from vmt.model.regressor import TARGETS, VideoRegressor
from vmt.training.objectives import rhythm_statistics


@torch.inference_mode()
def _curves(
    model: VideoRegressor, song: Song, device: torch.device
) -> Float64[np.ndarray, "time 2"]:
    batch = collate([song], song.seconds, fixed=False).to(device)
    curves: Float64[np.ndarray, "time 2"] = (
        model(batch.video, batch.lengths)[0].double().cpu().numpy()
    )
    return curves


def _rmse(squares: Float64[np.ndarray, "songs 2"], draw: Int64[np.ndarray, " n"]) -> float:
    """Pooled over the seconds of the drawn songs, from each song's sum of squares and number of
    seconds.
    """
    total, seconds = squares[draw].sum(0)
    return float(np.sqrt(total / seconds)) if seconds else float("nan")


def _squares(
    curves: Sequence[Float64[np.ndarray, "_ 2"]], songs: Sequence[Song], column: int
) -> Float64[np.ndarray, "songs 2"]:
    rows = []
    for curve, song in zip(curves, songs, strict=True):
        error = curve[:, column] - song.rhythm[:, column]
        rows.append((float(np.nansum(error**2)), float(np.isfinite(error).sum())))
    return np.array(rows)


def _correlation(curve: Float64[np.ndarray, " time"], song: Song, column: int) -> float:
    known = np.isfinite(song.rhythm[:, column])
    a, b = curve[known], song.rhythm[known, column].astype(np.float64)
    if known.sum() < 2 or min(a.std(), b.std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def evaluate_rhythm(
    model: VideoRegressor, training: Sequence[Song], songs: Sequence[Song], device: torch.device
) -> dict[str, Any]:
    """RMSE (pooled over seconds) and correlation over time (mean over songs) of both curves, by
    name.

    `constant_rmse` is that of the mean of the songs of `training`; `gain` is by which share the
    model is under it and `video_gain` by which share it is under itself with another song's video,
    each with its interval; None where nothing is known.
    """
    model = model.to(device).eval()
    mean, _ = rhythm_statistics(training)
    others = shuffled(songs)
    curves, swapped = (
        [_curves(model, song, device) for song in group] for group in (songs, others)
    )
    constant = [np.tile(mean.astype(np.float64), (song.seconds, 1)) for song in songs]
    scores: dict[str, Any] = {}
    for column, name in enumerate(TARGETS):
        own, fixed = _squares(curves, songs, column), _squares(constant, songs, column)
        everything = np.arange(len(songs))
        if not own[:, 1].any():
            scores[name] = None
            continue
        row = {
            "rmse": _rmse(own, everything),
            "constant_rmse": _rmse(fixed, everything),
            "gain": _gain(own, fixed),
            "video_gain": _gain(own, _squares(swapped, songs, column)) if others else None,
        }
        over_time = [
            _correlation(curve[:, column], song, column)
            for curve, song in zip(curves, songs, strict=True)
        ]
        known = [value for value in over_time if np.isfinite(value)]
        scores[name] = {**row, "correlation": finite(float(np.mean(known))) if known else None}
    return scores


def _gain(
    own: Float64[np.ndarray, "songs 2"], other: Float64[np.ndarray, "songs 2"]
) -> dict[str, float]:
    interval = bootstrap(
        lambda draw: 1 - _rmse(own, draw) / max(_rmse(other, draw), 1e-12), len(own)
    )
    return dataclasses.asdict(interval)

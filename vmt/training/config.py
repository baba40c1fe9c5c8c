"""`TrainConfig`, everything that a training run decides, and `RunConfig`, a preset with its
overrides.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vmt.errors import TrainingError
from vmt.model.config import ChordConfig, RegressorConfig
from vmt.model.presets import Preset, check_fields, load_preset


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        epochs: the last epoch's number; epoch 0 is the untrained model.
        batch_size: songs in a step.
        schedule: `amt`: d_model^-0.5 x min(step^-0.5, step x warmup^-1.5); `cosine`: linear warm-up
            to `learn_rate`, then a cosine to 0.
        learn_rate: peak of `cosine`; a factor on `amt`'s rate.
        warmup_steps: steps until the rate is at its peak.
        weight_decay: decoupled (AdamW), per step and rate.
        label_smoothing: share of a chord target spread over the vocabulary, 0 to 1; evaluation
            never smooths.
        gradient_clip: largest norm of a step's gradient; 0 is off.
        emotion_weight: share of the affective term in the training loss; evaluation reports 0.4
            chord + 0.6 emotion always.
        patience: stop after this many epochs without a better selected loss; 0 is off.
        min_change: what counts as better.
        crop_seconds: train on random stretches of this many seconds; 0 is off.
        feature_noise: deviation of Gaussian noise on the semantic inputs, in their own deviations.
        drop_video: share of training songs whose video is blanked.
        change_weight: how much a second whose chord differs from the one before counts in the
            training loss, beside 1 for the others: the likeliest chord then moves on more readily.
        stretch: play training songs faster or slower, chords and video alike, by a factor of up to
            e to this.
        transpose: share of training songs that are moved to another key.
        select_by: the validation loss that names the best epoch.
        seed: of initial weights, order, dropout and noise.
        precision: `auto` is bfloat16 where the machine is fast at it.
        deterministic: take deterministic kernels alone, so that a GPU gives the same weights twice;
            slower there. On a CPU the same seed, threads and versions give the same weights anyway.
            CUDA also wants CUBLAS_WORKSPACE_CONFIG=:4096:8 in the environment.
    """

    epochs: int = 30
    batch_size: int = 1
    schedule: Literal["amt", "cosine"] = "amt"
    learn_rate: float = 1.0
    warmup_steps: int = 4000
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    gradient_clip: float = 0.0
    emotion_weight: float = 0.6
    patience: int = 0
    min_change: float = 0.0
    crop_seconds: int = 0
    feature_noise: float = 0.0
    drop_video: float = 0.0
    change_weight: float = 1.0
    stretch: float = 0.0
    transpose: float = 0.0
    select_by: Literal["total", "chord"] = "total"
    seed: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    deterministic: bool = False

    def __post_init__(self) -> None:
        rules: tuple[tuple[str, bool, str], ...] = (
            ("epochs", self.epochs >= 0, "0 or more"),
            ("batch_size", self.batch_size >= 1, "1 or more"),
            ("schedule", self.schedule in ("amt", "cosine"), "amt or cosine"),
            ("learn_rate", self.learn_rate > 0, "over 0"),
            ("warmup_steps", self.warmup_steps >= 1, "1 or more"),
            ("weight_decay", self.weight_decay >= 0, "0 or more"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "0 or more and under 1"),
            ("gradient_clip", self.gradient_clip >= 0, "0 (off) or more"),
            ("emotion_weight", 0 <= self.emotion_weight <= 1, "0 to 1"),
            ("patience", self.patience >= 0, "0 (off) or more"),
            ("min_change", self.min_change >= 0, "0 or more"),
            (
                "crop_seconds",
                self.crop_seconds == 0 or self.crop_seconds >= 2,
                "0 (off), or 2 or more",
            ),
            ("feature_noise", self.feature_noise >= 0, "0 or more"),
            ("drop_video", 0 <= self.drop_video <= 1, "0 to 1"),
            ("change_weight", self.change_weight > 0, "over 0"),
            ("stretch", 0 <= self.stretch <= 1, "0 (off) to 1"),
            ("transpose", 0 <= self.transpose <= 1, "0 to 1"),
            ("select_by", self.select_by in ("total", "chord"), "total or chord"),
            (
                "precision",
                self.precision in ("auto", "float32", "bfloat16"),
                "auto, float32 or bfloat16",
            ),
        )
        for name, holds, rule in rules:
            if not holds:
                raise TrainingError(f"{name} {getattr(self, name)!r} must be {rule}")


def train_config(preset: Preset) -> TrainConfig:
    """The training of a preset.

    Raises:
        TrainingError: if a key is unknown, or a value breaks its rule.
    """
    fields = check_fields(preset.name, "training", TrainConfig, preset.training)
    try:
        return TrainConfig(**fields)
    except TrainingError as error:
        raise TrainingError(f"preset {preset.name}: [training] {error}") from error


REGRESSION_TRAIN = TrainConfig(
    epochs=30,
    batch_size=8,
    schedule="cosine",
    learn_rate=2e-3,
    warmup_steps=20,
    weight_decay=0.05,
    gradient_clip=1.0,
    feature_noise=0.5,
    precision="float32",
)
"""The biGRU's own training; its best epoch is the one of least validation loss."""


@dataclass(frozen=True)
class RunConfig:
    """A run's preset with its overrides: shapes and trainings of the transformer and of
    the biGRU.
    """

    preset: str
    model: ChordConfig
    train: TrainConfig
    regressor: RegressorConfig
    regression: TrainConfig


def run_config(
    preset: str | Preset, d_semantic: int, overrides: Mapping[str, Any], seconds: int = 0
) -> RunConfig:
    """The preset's configuration with fields of its model's or of `TrainConfig` replaced.

    Args:
        preset: a preset, or the name of a built-in one.
        d_semantic: width of the dataset's semantic features.
        overrides: values by field.
        seconds: of song to train on, for a preset whose size follows the data.

    Raises:
        TrainingError: if the preset or a field is unknown, or a value breaks its rule.
    """
    if isinstance(preset, str):
        preset = load_preset(preset)
    return _overridden(
        preset.name, preset.shape(d_semantic, seconds), train_config(preset), overrides
    )


def continued_config(
    preset: str, model: ChordConfig, train: TrainConfig, overrides: Mapping[str, Any], epoch: int
) -> RunConfig:
    """The configuration of a run that continues from `epoch` of another one, with fields replaced.

    Args:
        preset: the other run's, by name.
        model: the other run's shape.
        train: the other run's training.
        overrides: values by field.
        epoch: of the other run.

    Raises:
        TrainingError: if a field is unknown or belongs to the model's shape, a value breaks its
            rule, or no epoch is left to train.
    """
    config = _overridden(preset, model, train, overrides)
    for field in dataclasses.fields(model):
        old, new = getattr(model, field.name), getattr(config.model, field.name)
        if field.name != "dropout" and old != new:
            raise TrainingError(
                f"{field.name} {new!r} cannot replace {old!r}: it belongs to the weights to "
                "continue from"
            )
    if config.train.epochs <= epoch:
        raise TrainingError(
            f"epochs {config.train.epochs} must be over {epoch}, the epoch to continue from"
        )
    return config


def _overridden(
    preset: str, model: ChordConfig, train: TrainConfig, overrides: Mapping[str, Any]
) -> RunConfig:
    d_semantic = model.d_semantic
    model_fields = {field.name for field in dataclasses.fields(model)} - {"d_semantic"}
    train_fields = {field.name for field in dataclasses.fields(TrainConfig)}

    for name in overrides:
        if name not in model_fields | train_fields:
            raise TrainingError(
                f"{name!r} is not a setting of training; known: "
                f"{', '.join(sorted(model_fields | train_fields))}"
            )

    model = dataclasses.replace(
        model, **{name: value for name, value in overrides.items() if name in model_fields}
    )
    train = dataclasses.replace(
        train, **{name: value for name, value in overrides.items() if name in train_fields}
    )
    # The biGRU is never trained for more epochs than the transformer.
    regression = dataclasses.replace(
        REGRESSION_TRAIN, seed=train.seed, epochs=min(REGRESSION_TRAIN.epochs, max(train.epochs, 1))
    )
    return RunConfig(preset, model, train, RegressorConfig(d_semantic), regression)

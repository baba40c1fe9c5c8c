"""The loop: each setting acts, epochs repeat bit for bit, and a bad loss is caught."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.songs import make_song
from vmt.errors import TrainingError
from vmt.model.config import ModelConfig
from vmt.model.regressor import RegressorConfig, VideoRegressor
from vmt.model.transformer import VideoMusicTransformer
from vmt.training.config import TrainConfig, run_config
from vmt.training.objectives import ChordObjective, RhythmObjective
from vmt.training.schedule import learn_rate
from vmt.training.trainer import Trainer

CPU = torch.device("cpu")
SMALL = ModelConfig(
    d_semantic=4,
    n_layers=1,
    n_heads=2,
    d_model=16,
    d_feedforward=16,
    max_seconds=24,
    mask_padding=True,
    normalise_inputs=True,
)
PLAIN = TrainConfig(
    epochs=3,
    batch_size=2,
    schedule="cosine",
    learn_rate=1e-2,
    warmup_steps=2,
    precision="float32",
    select_by="chord",
)
TRAIN = [make_song(f"t{n}", 10 + n) for n in range(5)]
VALIDATION = [make_song("v", 12)]


def make(config: TrainConfig = PLAIN, model: ModelConfig = SMALL, train: Any = TRAIN) -> Trainer:
    torch.manual_seed(config.seed)
    objective = ChordObjective(VideoMusicTransformer(model), config)
    objective.learn_inputs(train or VALIDATION)
    return Trainer(objective, config, train, VALIDATION, d_model=model.d_model, device=CPU)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_epoch_zero_is_the_untrained_model_and_training_helps() -> None:
    trainer = make(replace(PLAIN, epochs=20))
    before = weights(trainer)
    rows = [trainer.run_epoch()]
    assert equal(before, weights(trainer))
    assert rows[0].learn_rate == 0
    rows += [trainer.run_epoch() for _ in range(20)]
    assert rows[-1].train[1] < 0.7 * rows[0].train[1]
    assert rows[-1].learn_rate == pytest.approx(0, abs=1e-9)


def test_going_on_from_a_saved_epoch_ends_as_never_stopped() -> None:
    whole = make()
    rows = [whole.run_epoch() for _ in range(4)]
    first = make()
    part = [first.run_epoch() for _ in range(2)]
    saved, state = weights(first), {name: tensor.clone() for name, tensor in first.state().items()}
    torch.rand(17)
    second = make(replace(PLAIN))
    second.load_state(saved, state)
    part += [second.run_epoch() for _ in range(2)]
    assert part == rows
    assert equal(weights(whole), weights(second))


@pytest.mark.parametrize(
    "change",
    [
        {"label_smoothing": 0.2},
        {"gradient_clip": 0.01},
        {"weight_decay": 0.5},
        {"emotion_weight": 0.1},
        {"batch_size": 3},
        {"learn_rate": 2e-2},
        {"warmup_steps": 5},
        {"schedule": "amt"},
        {"crop_seconds": 4},
        {"feature_noise": 0.5},
        {"drop_video": 0.5},
        {"change_weight": 3.0},
        {"stretch": 0.3},
        {"transpose": 0.5},
        {"seed": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_setting_acts(change: dict[str, Any]) -> None:
    plain, changed = make(), make(replace(PLAIN, **change))
    for trainer in (plain, changed):
        trainer.run_epoch()
        trainer.run_epoch()
    assert not equal(weights(plain), weights(changed))


def test_dropout_acts() -> None:
    plain, changed = make(), make(model=replace(SMALL, dropout=0.5))
    for trainer in (plain, changed):
        trainer.run_epoch()
        trainer.run_epoch()
    assert not equal(weights(plain), weights(changed))


def test_a_loss_that_is_not_finite_names_the_songs() -> None:
    bad = replace(TRAIN[0], id="broken", video=np.full_like(TRAIN[0].video, np.inf))
    trainer = make(
        replace(PLAIN, batch_size=1), replace(SMALL, normalise_inputs=False), train=[bad]
    )
    before = weights(trainer)
    trainer.epoch = 0
    with pytest.raises(
        TrainingError,
        match=r"epoch 1: the loss is nan on songs broken; .* the weights of epoch 0 are kept",
    ):
        trainer.run_epoch()
    assert equal(before, weights(trainer))


def test_nothing_to_train_on() -> None:
    with pytest.raises(TrainingError, match="the training set is empty"):
        make(train=[])


def test_odd_songs() -> None:
    silent = replace(make_song("n", 6), tokens=np.zeros(6, dtype=np.int64))
    trainer = make(train=[make_song("one", 1), silent, make_song("long", 60)])
    rows = [trainer.run_epoch() for _ in range(2)]
    assert all(np.isfinite(row.values).all() for row in rows)


def test_amt_schedule_of_the_report() -> None:
    assert learn_rate(TrainConfig(), 30 * 42, 512, 0) == pytest.approx(0.000220, abs=5e-7)
    assert learn_rate(TrainConfig(), 0, 512, 0) == 0


def test_rhythm_is_learnt_and_unknown_values_do_not_count() -> None:
    songs = [
        replace(each, rhythm=np.stack([each.video[:, 0] * 2 + 5, each.video[:, 1]], axis=1))
        for each in TRAIN
    ]
    unknown = replace(songs[0], id="u", rhythm=np.full_like(songs[0].rhythm, np.nan))
    torch.manual_seed(0)
    objective = RhythmObjective(VideoRegressor(RegressorConfig(d_semantic=4, d_model=16)))
    objective.learn_statistics([*songs, unknown])
    config = replace(PLAIN, epochs=30)
    trainer = Trainer(objective, config, [*songs, unknown], songs, d_model=16, device=CPU)
    rows = [trainer.run_epoch() for _ in range(31)]
    assert rows[-1].validation[0] < 0.5 * rows[0].validation[0]


def test_overrides() -> None:
    config = run_config("amt", 768, {"epochs": 3, "dropout": 0.2})
    assert (config.train.epochs, config.model.dropout) == (3, 0.2)
    with pytest.raises(
        TrainingError, match=r"'epoch' is not a setting of training; known: .*epochs"
    ):
        run_config("amt", 768, {"epoch": 3})
    with pytest.raises(TrainingError, match=r"label_smoothing 2\.0 must be 0 or more and under 1"):
        run_config("amt", 768, {"label_smoothing": 2.0})
    with pytest.raises(TrainingError, match="preset 'big' is unknown"):
        run_config("big", 768, {})

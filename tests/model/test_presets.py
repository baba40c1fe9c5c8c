"""Presets as files: the built-in ones hold the values of 0.1.0, and wrong files are refused."""

import dataclasses
from pathlib import Path

import pytest

from vmt.errors import TrainingError
from vmt.model.architectures import ARCHITECTURES, architecture, build, recorded_config
from vmt.model.config import CopyConfig, ModelConfig
from vmt.model.presets import load_preset, parse_preset, preset_names
from vmt.training.config import TrainConfig, run_config, train_config

MINE = """
about = "A test."
[model]
architecture = "amt"
n_layers = 1
[training]
epochs = 3
learn_rate = 1
"""


def test_built_in_presets_hold_what_the_first_release_trained_with() -> None:
    assert preset_names() == ("amt", "demo", "vmt")
    assert load_preset("amt").shape(768) == ModelConfig()
    assert train_config(load_preset("amt")) == TrainConfig()
    assert load_preset("demo").shape(16) == ModelConfig(
        16, 2, 4, 128, 256, normalise_inputs=True, mask_padding=True
    )
    assert train_config(load_preset("demo")) == TrainConfig(
        epochs=40,
        batch_size=4,
        schedule="cosine",
        learn_rate=2e-3,
        warmup_steps=20,
        weight_decay=0.01,
        gradient_clip=1.0,
        select_by="chord",
        emotion_weight=0.1,
    )
    assert load_preset("vmt").shape(768, 3 * 3600) == CopyConfig(
        n_layers=2, d_model=64, d_feedforward=128, dropout=0.2
    )
    assert train_config(load_preset("vmt")) == TrainConfig(
        epochs=12,
        batch_size=4,
        schedule="cosine",
        learn_rate=3e-3,
        warmup_steps=40,
        weight_decay=0.05,
        gradient_clip=1.0,
        select_by="chord",
        emotion_weight=0.02,
        change_weight=1.35,
        stretch=0.2,
        transpose=0.3,
    )


def test_a_file_of_the_user_is_a_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE)
    preset = load_preset(str(file))
    config = run_config(preset, 16, {"dropout": 0.0}, seconds=100)
    assert (config.preset, config.model.n_layers, config.model.dropout) == ("mine", 1, 0.0)
    assert (config.train.epochs, config.train.learn_rate) == (3, 1.0)
    assert type(config.train.learn_rate) is float

    (tmp_path / "vmt.toml").write_text(MINE)
    with pytest.raises(TrainingError, match="vmt is the name of a built-in preset; rename"):
        load_preset(str(tmp_path / "vmt.toml"))
    with pytest.raises(TrainingError, match="cannot be read"):
        load_preset(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("about", "abuot", "preset mine: abuot is not a key; known: about, model, training"),
        ("n_layers", "layers", r"\[model\] layers is not a key; known: .*n_layers"),
        ("n_layers = 1", "d_model = 9", r"\[model\] d_model 9 must be even"),
        ("n_layers = 1", 'size = "big"', r'\[model\] size .big. must be "by-seconds"'),
        ("n_layers = 1", 'size = "by-seconds"', "architecture amt has no shape that follows"),
        ('"amt"', '"lstm"', "architecture 'lstm' is unknown; known: amt, copy"),
        ('architecture = "amt"', "", r"\[model\] needs architecture"),
        ("epochs", "epoch", r"\[training\] epoch is not a key; known: .*epochs"),
        ("epochs = 3", 'epochs = "3"', r"\[training\] epochs '3' must be a whole number"),
        ("epochs = 3", "epochs = -1", r"\[training\] epochs -1 must be 0 or more"),
        ("epochs = 3", 'schedule = "fast"', r"schedule 'fast' must be 'amt' or 'cosine'"),
        ("[training]", "[training", "not TOML"),
    ],
)
def test_a_wrong_preset_is_refused_by_key(old: str, new: str, message: str) -> None:
    assert old in MINE
    with pytest.raises(TrainingError, match=message):
        train_config(parse_preset("mine", MINE.replace(old, new, 1)))


def test_every_architecture_is_built_from_its_own_configuration() -> None:
    for kind in ARCHITECTURES:
        config = architecture(kind).config
        assert config.kind == kind
        small = config(8, n_layers=1, n_heads=2, d_model=8, d_feedforward=8, max_seconds=9)
        model = build(small)
        assert model.config == small
        assert model.n_parameters > 0


def test_runs_of_the_first_release_did_not_record_their_architecture() -> None:
    for config in (ModelConfig(n_layers=1), CopyConfig(n_layers=1)):
        fields = dataclasses.asdict(config)
        assert recorded_config(None, fields) == config
        assert recorded_config(config.kind, fields) == config

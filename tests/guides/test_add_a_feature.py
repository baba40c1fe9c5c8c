from pathlib import Path

import numpy as np
import pytest

from tests.guides.example import example_files, install_modules
from tests.studio import Studio
from vmt.arrange.config import GenerateConfig
from vmt.catalog.runs import Run
from vmt.features.inputs import compute_inputs, model_inputs
from vmt.features.record import Features
from vmt.jobs.soundtrack.generate import generate
from vmt.jobs.train.evaluate import evaluate
from vmt.jobs.train.train import train
from vmt.model.presets import parse_preset

VIDEO = "videos/demo0-00-exciting.mp4"
PRESET = """
[model]
architecture = "amt-cuts"
n_layers = 1
n_heads = 2
d_model = 16
d_feedforward = 16
normalise_inputs = true
mask_padding = true
[training]
epochs = 1
batch_size = 4
schedule = "cosine"
warmup_steps = 2
"""


def test_the_example_is_two_files_and_a_model_reads_it(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = example_files("add-a-feature")
    assert list(files) == ["vmt/features/inputs/cut_rate.py", "vmt/model/architectures.py"]
    assert model_inputs() == {}
    install_modules(files, tmp_path, monkeypatch)

    keys = [info.key for info in studio.store.list(f"features/{studio.extractor.name}/")]
    known = next(key for key in keys if key.endswith(".safetensors"))
    features = Features.from_bytes(studio.store.get(known))
    rate = compute_inputs(features)["cut_rate"]
    assert rate.shape == (features.seconds, 1)
    assert rate.max() >= 1

    run = Run(studio.store, train(studio.store, "main", preset=parse_preset("cuts", PRESET)))
    model = run.transformer(1)
    assert model.config.kind == "amt-cuts"
    assert model.config.d_video == model.config.d_semantic + 9
    deviation = 1 / model.input_scale.numpy()
    assert 0 < deviation[0] < 20  # the first column is the number of cuts
    evaluation = evaluate(studio.store, run.name)
    assert all(np.isfinite(row["chord"]) for row in evaluation.record.rows.values())

    config = GenerateConfig(style="piano", tempo_bpm=100.0)
    report = generate(studio.store, studio.settings, [VIDEO], run=run.name, config=config)
    assert len(report.made) == 1
    assert not report.failed
    still = generate(studio.store, studio.settings, [VIDEO], run=studio.run, config=config)
    assert not still.failed  # a model that does not read it is unchanged

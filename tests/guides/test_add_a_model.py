from pathlib import Path

import pytest
import torch

from tests.guides.example import example_files, install_modules
from tests.studio import Studio
from vmt.catalog.runs import Run
from vmt.jobs.train.train import train
from vmt.model.chord_model import begin
from vmt.model.presets import parse_preset

PRESET = """
[model]
architecture = "gru"
d_model = 16
[training]
epochs = 1
batch_size = 4
schedule = "cosine"
warmup_steps = 2
learn_rate = 1e-2
"""


def test_the_example_is_two_files_and_trains(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = example_files("add-a-model")
    assert list(files) == ["vmt/model/gru.py", "vmt/model/architectures.py"]
    install_modules(files, tmp_path, monkeypatch)

    name = train(studio.store, "main", preset=parse_preset("gru", PRESET))
    model = Run(studio.store, name).transformer(1)
    assert model.config.kind == "gru"
    assert type(model).__name__ == "GruModel"
    assert train(studio.store, "main", preset=parse_preset("gru", PRESET)) == name

    tokens = torch.randint(0, 157, (2, 9))
    video, minor = torch.randn(2, 9, model.config.d_video), torch.zeros(2)
    with torch.inference_mode():
        whole = model(video, tokens, minor)
        state = begin(model, video, minor, torch.tensor([9, 9]), 9)
        steps = [state.prefill(tokens[:, :4])]
        steps += [state.step(tokens[:, second]) for second in range(4, 9)]
    torch.testing.assert_close(torch.stack(steps, dim=1), whole[:, 3:])

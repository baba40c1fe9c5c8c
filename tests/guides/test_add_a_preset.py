from pathlib import Path

from tests.guides.example import example_files, write_files
from tests.studio import Studio
from vmt.catalog.runs import Run
from vmt.jobs.train.presets import find_preset
from vmt.jobs.train.train import train
from vmt.model.config import ModelConfig


def test_the_example_is_one_file_and_trains(studio: Studio, tmp_path: Path) -> None:
    files = example_files("add-a-preset")
    assert list(files) == ["presets/small.toml"]
    write_files(files, tmp_path)

    settings = studio.settings.model_copy(update={"presets": tmp_path / "presets"})
    by_name = find_preset("small", studio.store, settings)
    assert by_name == find_preset(
        str(tmp_path / "presets" / "small.toml"), studio.store, studio.settings
    )

    run = Run(studio.store, train(studio.store, "main", preset=by_name))
    assert run.name.startswith("small-main-v0001-")
    assert [row.epoch for row in run.results()] == [0, 1, 2]
    width = run.transformer(2).config.d_semantic
    assert run.transformer(2).config == ModelConfig(
        width, 1, 2, 32, 64, normalise_inputs=True, mask_padding=True
    )

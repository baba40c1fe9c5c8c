"""Published weights as runs: evaluated, continued, exported."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.jobs.train.test_train import fill
from vmt.catalog import keys
from vmt.catalog.records.runs import RunSource
from vmt.catalog.runs import Run
from vmt.dataset import muvi_sync
from vmt.errors import TrainingError, WeightsError
from vmt.jobs.release.promote import judge, promote
from vmt.jobs.train.published_weights import export_regression, export_weights, import_weights
from vmt.jobs.train.train import train
from vmt.model.config import ModelConfig
from vmt.model.regressor import RegressorConfig, VideoRegressor
from vmt.model.transformer import VideoMusicTransformer
from vmt.store import LocalStore

SMALL = ModelConfig(
    d_semantic=4, n_layers=1, n_heads=2, d_model=16, d_feedforward=8, max_seconds=20
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return fill(tmp_path / "store", {"train": 3, "validation": 2, "test": 1})


def published(path: Path, d_semantic: int = 4) -> tuple[Path, Path]:
    """A transformer's file and a regression's."""
    torch.manual_seed(1)
    torch.save(
        VideoMusicTransformer(replace(SMALL, d_semantic=d_semantic)).state_dict(),
        path / "vmt.pickle",
    )
    regression = VideoRegressor(
        RegressorConfig(d_semantic, d_model=6, normalise=False)
    ).state_dict()
    torch.save({**regression, "lstm.weight_ih_l0": torch.ones(3)}, path / "vmr.pickle")
    return path / "vmt.pickle", path / "vmr.pickle"


def same(one: Path, other: bytes, path: Path) -> bool:
    (path / "again").write_bytes(other)
    old, new = (torch.load(file, weights_only=True) for file in (one, path / "again"))
    return old.keys() == new.keys() and all(torch.equal(old[key], new[key]) for key in old)


def test_a_run_of_published_weights(store: LocalStore, tmp_path: Path) -> None:
    file, regression = published(tmp_path)
    report = import_weights(store, file, regression=regression, dataset="main")
    assert report.unused == ("lstm",)
    assert report.run.startswith("published-main-v0001-")
    run = Run(store, report.run)
    (row,) = run.results()
    assert row.epoch == 0
    assert all(math.isfinite(value) for value in row.values)
    (rhythm,) = run.results("regression/")
    assert all(math.isfinite(value) for value in rhythm.values)
    summary = run.summary()
    assert summary is not None
    assert (summary.state, summary.preset, summary.best_epoch) == ("done", "published", 0)
    assert run.parameters().imported is not None
    assert run.parameters().imported.file == "vmt.pickle"
    assert torch.equal(
        run.regressor().bigru.weight_hh_l0,
        torch.load(regression, weights_only=True)["bigru.weight_hh_l0"],
    )
    assert same(file, export_weights(store, report.run), tmp_path)
    assert same(regression, export_regression(store, report.run), tmp_path)
    before = {each.key: each.etag for each in store.list("")}
    assert import_weights(store, file, regression=regression, dataset="main") == report
    assert {each.key: each.etag for each in store.list("")} == before


def test_without_a_regression_the_dataset_trains_one(store: LocalStore, tmp_path: Path) -> None:
    file, _ = published(tmp_path)
    run = Run(store, import_weights(store, file, dataset="main", run="mine").run)
    assert run.name == "mine"
    assert len(run.results()) == 1
    assert len(run.results("regression/")) == 31
    with pytest.raises(WeightsError, match="run mine: its biGRU standardises its inputs"):
        export_regression(store, "mine")


def test_without_a_dataset_the_losses_are_unknown(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "empty")
    file, regression = published(tmp_path, 768)
    run = Run(store, import_weights(store, file, regression=regression).run)
    (row,) = run.results()
    assert all(math.isnan(value) for value in (*row.train, *row.validation))
    assert run.best_epoch() == 0
    assert run.parameters().extractor == muvi_sync.EXTRACTOR
    assert b"NaN" not in store.get(keys.best_epochs(run.name)) + store.get(keys.summary(run.name))
    assert same(file, export_weights(store, run.name, 0), tmp_path)
    assert judge(store, run.name).better
    promote(store, run.name)
    other = import_weights(store, file, regression=regression, run="other").run
    assert "neither run names a dataset" in judge(store, other).reason


def test_training_goes_on_from_published_weights(store: LocalStore, tmp_path: Path) -> None:
    file, regression = published(tmp_path)
    report = import_weights(store, file, regression=regression, dataset="main")
    name = train(store, source=report.run, overrides={"epochs": 2, "precision": "float32"})
    run = Run(store, name)
    assert [row.epoch for row in run.results()] == [0, 1, 2]
    assert run.parameters().source == RunSource(report.run, 0, 0, True)
    assert store.get(run.weights_key(0)) == store.get(Run(store, report.run).weights_key(0))
    exported = export_weights(store, name, 2)
    assert not same(file, exported, tmp_path)


def test_what_does_not_fit_is_said(store: LocalStore, tmp_path: Path) -> None:
    file, regression = published(tmp_path)
    with pytest.raises(WeightsError, match=r"gone\.pickle: cannot be read \(No such file"):
        import_weights(store, tmp_path / "gone.pickle", dataset="main")
    with pytest.raises(WeightsError, match="reads 4 semantic features and MuVi-Sync has 768"):
        import_weights(store, file, regression=regression)
    wide = tmp_path / "wide"
    wide.mkdir()
    wide_file, wide_regression = published(wide, 768)
    with pytest.raises(WeightsError, match="reads 768 semantic features and main@v0001 has 4"):
        import_weights(store, wide_file, dataset="main")
    with pytest.raises(
        WeightsError, match=r"vmr\.pickle: reads 768 semantic features and main@v0001 has 4"
    ):
        import_weights(store, file, regression=wide_regression, dataset="main")
    with pytest.raises(
        WeightsError, match="has no rhythm; give the published regression's file, or a dataset"
    ):
        import_weights(store, wide_file)
    import_weights(store, file, regression=regression, dataset="main", run="taken")
    torch.save(
        {key: value + 1 for key, value in torch.load(file, weights_only=True).items()},
        tmp_path / "new.pickle",
    )
    with pytest.raises(TrainingError, match="run taken exists with another imported"):
        import_weights(
            store, tmp_path / "new.pickle", regression=regression, dataset="main", run="taken"
        )
    with pytest.raises(TrainingError, match="run ghost: not in the store"):
        export_weights(store, "ghost")

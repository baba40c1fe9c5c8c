"""A run's report in the store, and the command that writes it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.jobs.train.test_train import OVERRIDES, fill
from vmt import cli
from vmt.catalog.runs import Run
from vmt.errors import TrainingError
from vmt.i18n import UnknownLanguage
from vmt.jobs.train.report import gather, report
from vmt.jobs.train.train import train


def test_a_report_is_kept_with_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fill(tmp_path / "store", {"train": 4, "validation": 2})
    train(store, preset="demo", run="r", overrides=OVERRIDES)
    store.put("outputs/r/epoch_0001/a/t/a_cgen_rd.mid", b"1234")
    found = gather(Run(store, "r"))
    assert (found.videos, found.evaluations) == (4, 0)
    assert found.outputs == {"a": [("outputs/r/epoch_0001/a/t/a_cgen_rd.mid", 4)]}
    assert "best_loss_weights.safetensors" in dict(found.weights)
    assert len(found.weights) > 4
    keys = report(store, "r", language="zh")
    assert keys.markdown == "runs/r/report.zh.md"
    text = store.get(keys.markdown).decode()
    for picture in keys.pictures:
        assert store.head(picture) is not None
        assert picture.rpartition("/")[2] in text
    assert "vmt evaluate r" in text
    monkeypatch.setenv("VMT_STORE", str(store.root))
    shown = CliRunner().invoke(cli.app, ["report", "r"])
    assert shown.exit_code == 0, shown.output
    assert (store.root / "runs/r/report.en.html").read_text().startswith("<!doctype html>")
    with pytest.raises(UnknownLanguage, match="language 'fr' has no texts; choose one of en, zh"):
        report(store, "r", language="fr")
    with pytest.raises(TrainingError, match="run ghost: not in the store"):
        report(store, "ghost")

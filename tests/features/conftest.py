"""A CLIP of a few thousand weights: open_clip's own classes and transforms, quick to build."""

import json
from pathlib import Path

import open_clip
import pytest

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name under which open_clip knows it."""
    path: Path = tmp_path_factory.mktemp("clip") / "vmt-tiny.json"
    path.write_text(json.dumps(TINY))
    open_clip.add_model_config(path)
    return "vmt-tiny"

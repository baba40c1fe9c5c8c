"""An extractor with the small CLIP that worker processes can load too."""

import json
import tempfile
from pathlib import Path
from typing import Any

import open_clip

from tests.conftest import TINY
from vmt.features.extractor import Extractor, ExtractorConfig


class SmallExtractor(Extractor):
    """Tells the processes that it is sent to of its CLIP, which open_clip does not know by
    itself.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return again, (type(self), self.config, self._cache_dir)


def again(kind: type[SmallExtractor], config: ExtractorConfig, cache_dir: Path) -> SmallExtractor:
    """An extractor in a process that has not heard of its CLIP."""
    if config.clip_model not in open_clip.list_models():
        with tempfile.TemporaryDirectory() as folder:
            architecture = Path(folder) / f"{config.clip_model}.json"
            architecture.write_text(json.dumps(TINY))
            open_clip.add_model_config(architecture)
    return kind(config, cache_dir=cache_dir)

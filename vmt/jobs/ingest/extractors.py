"""Extractors by name: a run generates with the extractor that it was trained on, whatever the
environment says now.
"""

import dataclasses
import json
import logging
from functools import lru_cache
from pathlib import Path

from vmt.dataset import muvi_sync
from vmt.errors import GenerationError, ObjectNotFound, PreconditionFailed
from vmt.features.extractor import Extractor, ExtractorConfig
from vmt.settings import Settings
from vmt.store import ObjectStore

_log = logging.getLogger(__name__)

MUVI_SYNC_CONFIG = ExtractorConfig("ViT-L-14-336", "openai")
"""What MuVi-Sync's features were extracted with: the product's default."""


@lru_cache(maxsize=2)
def _shared(config: ExtractorConfig, device: str, cache_dir: Path) -> Extractor:
    return Extractor(config, device, cache_dir=cache_dir)


def configured(settings: Settings) -> Extractor:
    """The extractor that the environment names, its models shared by all jobs of this process."""
    config = ExtractorConfig(
        settings.clip_model,
        settings.clip_weights,
        fallback_untrained=settings.clip_fallback_untrained,
        chord_recogniser=settings.chord_recogniser,
        note_transcriber=settings.note_transcriber,
    )
    return _shared(config, settings.device, settings.cache)


def remember(store: ObjectStore, extractor: Extractor) -> None:
    """Keep the extractor's settings beside its features."""
    content = json.dumps(dataclasses.asdict(extractor.config), indent=1).encode()
    try:
        store.put(f"features/{extractor.name}/extractor.json", content, if_absent=True)
    except PreconditionFailed:
        return


def remembered(store: ObjectStore, name: str, settings: Settings) -> Extractor:
    """The extractor that made the features kept under `name`, or what it has become since.

    With other versions of what computes features it bears another name, and the log says so: its
    run was trained on values that may differ a little.

    Raises:
        GenerationError: if its settings are not in the store.
    """
    if name == muvi_sync.EXTRACTOR:
        return _shared(MUVI_SYNC_CONFIG, settings.device, settings.cache)
    try:
        content = json.loads(store.get(f"features/{name}/extractor.json"))
    except ObjectNotFound as error:
        raise GenerationError(
            f"extractor {name}: its settings are not in the store; ingest with it again, or "
            "choose another run"
        ) from error
    content["prompts"] = tuple(content["prompts"])
    found = _shared(ExtractorConfig(**content), settings.device, settings.cache)
    if found.name != name:
        _log.warning(
            "features are extracted as %s, and the run was trained on those of %s", found.name, name
        )
    return found

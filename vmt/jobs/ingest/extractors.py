"""Extractors by name: a run generates with the extractor that it was trained on, whatever the
environment says now.
"""

import logging
from functools import lru_cache
from pathlib import Path

from vmt.catalog import documents, keys
from vmt.dataset import muvi_sync
from vmt.errors import GenerationError, PreconditionFailed
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
    try:
        documents.write(store, keys.extractor(extractor.name), extractor.config, if_absent=True)
    except PreconditionFailed:
        return


def remembered(store: ObjectStore, name: str, settings: Settings) -> Extractor:
    """The extractor that made the features of this name, or what it has become since.

    With other versions of what computes features it has another name, and the log says so: its
    run was trained on values that may differ a little.

    Args:
        store: the store.
        name: of the extractor.
        settings: device and cache.

    Raises:
        GenerationError: if its settings are not in the store.
    """
    if name == muvi_sync.EXTRACTOR:
        return _shared(MUVI_SYNC_CONFIG, settings.device, settings.cache)
    config = documents.read(store, keys.extractor(name), ExtractorConfig)
    if config is None:
        raise GenerationError(
            f"extractor {name}: its settings are not in the store; ingest with it again, or "
            "choose another run"
        )
    extractor = _shared(config, settings.device, settings.cache)
    if extractor.name != name:
        _log.warning(
            "features are extracted as %s, and the run was trained on those of %s",
            extractor.name,
            name,
        )
    return extractor

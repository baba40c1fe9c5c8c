"""Presets by name, from where a user may add some: the package, the user's folder, the store."""

from vmt.catalog.named_texts import PRESETS, StoreTexts
from vmt.model.presets import BUILT_IN, Preset, load_preset
from vmt.runtime.named_texts import FolderTexts, first_of
from vmt.settings import Settings
from vmt.store import ObjectStore


def find_preset(name: str, store: ObjectStore, settings: Settings) -> Preset:
    """The preset of that name, or of that TOML file.

    A built-in preset takes precedence over one of the same name in the folder `VMT_PRESETS`, and
    that one over `presets/<name>.toml` in the store.

    Args:
        name: as `vmt`, or `my/folder/mine.toml`.
        store: where a team keeps presets.
        settings: where the user keeps presets.

    Raises:
        TrainingError: if there is none, or its file is wrong.
    """
    folder = [FolderTexts(settings.presets)] if settings.presets else []
    return load_preset(name, first_of(BUILT_IN, *folder, StoreTexts(store, PRESETS)))

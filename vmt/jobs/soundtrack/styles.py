"""Styles by name, from where a user may add some: the package, the user's folder, the store."""

import hashlib
from dataclasses import dataclass

from vmt.arrange.styles import BUILT_IN, Style, parse_style
from vmt.catalog.named_texts import STYLES, StoreTexts
from vmt.errors import GenerationError
from vmt.runtime.named_texts import FolderTexts, NamedTexts, first_of
from vmt.settings import Settings
from vmt.store import ObjectStore


@dataclass(frozen=True)
class NamedStyle:
    """A style, and the SHA-256 of its file, which is part of what decides a take."""

    style: Style
    sha256: str


def style_source(store: ObjectStore, settings: Settings) -> NamedTexts:
    """The files of all styles.

    A built-in style takes precedence over one of the same name in the folder `VMT_STYLES`, and that
    one over `styles/<name>.toml` in the store.
    """
    folder = [FolderTexts(settings.styles)] if settings.styles else []
    return first_of(BUILT_IN, *folder, StoreTexts(store, STYLES))


def find_style(name: str, source: NamedTexts) -> NamedStyle:
    """The style of that name.

    Raises:
        GenerationError: if there is none, or its file is wrong.
    """
    text = source.read(name)
    if text is None:
        raise GenerationError(
            f"style {name!r}: there is none; choose one of {', '.join(source.names())}, or add "
            f"{name}.toml to the folder VMT_STYLES or to styles/ in the store"
        )
    return NamedStyle(parse_style(name, text), hashlib.sha256(text.encode()).hexdigest())

"""Small text files that are found by name, such as styles and presets: `<name>.toml` in a folder.

A source maps a name to a text. The package's own files, a folder of the user and a folder of the
store (`vmt.catalog.named_texts`) are sources; `first_of` asks them in turn.
"""

import importlib.resources
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

SUFFIX = ".toml"


@runtime_checkable
class NamedTexts(Protocol):
    """Texts by name."""

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        ...

    def read(self, name: str) -> str | None:
        """The text of that name; None where there is none."""
        ...


@dataclass(frozen=True)
class PackageTexts:
    """Files that are shipped in a folder of a package, such as `vmt.arrange` and `styles`."""

    package: str
    folder: str

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        files = importlib.resources.files(self.package).joinpath(self.folder).iterdir()
        return _stems([file.name for file in files])

    def read(self, name: str) -> str | None:
        """The text of that name; None where there is none."""
        if name not in self.names():
            return None
        folder = importlib.resources.files(self.package).joinpath(self.folder)
        return folder.joinpath(name + SUFFIX).read_text(encoding="utf-8")


@dataclass(frozen=True)
class FolderTexts:
    """Files in a folder of the user; none where the folder does not exist."""

    folder: Path

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        if not self.folder.is_dir():
            return ()
        return _stems([file.name for file in self.folder.iterdir()])

    def read(self, name: str) -> str | None:
        """The text of that name; None where there is none."""
        if name not in self.names():
            return None
        return (self.folder / (name + SUFFIX)).read_text(encoding="utf-8")


@dataclass(frozen=True)
class FirstOf:
    """Several sources as one: a name's text comes from the first source that has it."""

    sources: tuple[NamedTexts, ...]

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted({name for source in self.sources for name in source.names()}))

    def read(self, name: str) -> str | None:
        """The text of that name; None where there is none."""
        for source in self.sources:
            text = source.read(name)
            if text is not None:
                return text
        return None


def first_of(*sources: NamedTexts) -> FirstOf:
    """Sources as one, in order of precedence."""
    return FirstOf(sources)


def _stems(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)))


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text.

    Raises:
        ValueError: if the text is no TOML, or nested deeper than Python's parser goes.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("not TOML (nested too deep)") from error
    except ValueError as error:  # also numbers with more digits than Python reads
        raise ValueError(f"not TOML ({error})") from error

"""Small text files in a folder of the store, by name: styles and presets that a team shares."""

from dataclasses import dataclass

from vmt.errors import ObjectNotFound
from vmt.runtime.named_texts import SUFFIX
from vmt.store import ObjectStore

STYLES = "styles/"
PRESETS = "presets/"


@dataclass(frozen=True)
class StoreTexts:
    """A source of texts (`vmt.runtime.named_texts`): the objects `<prefix><name>.toml`.

    Attributes:
        store: where they are.
        prefix: ends in a slash.
    """

    store: ObjectStore
    prefix: str

    def names(self) -> tuple[str, ...]:
        """All names, sorted; deeper folders are left out."""
        keys = (info.key.removeprefix(self.prefix) for info in self.store.list(self.prefix))
        return tuple(
            sorted(
                key.removesuffix(SUFFIX) for key in keys if key.endswith(SUFFIX) and "/" not in key
            )
        )

    def read(self, name: str) -> str | None:
        """The text of that name; None where there is none."""
        try:
            return self.store.get(f"{self.prefix}{name}{SUFFIX}").decode("utf-8", errors="replace")
        except ObjectNotFound:
            return None

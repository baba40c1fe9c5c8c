"""Takes by name: number, style, key, tempo, seed and moment tell the takes of one video apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.components.format import tempo, when
from dashboard.i18n.text import t
from dashboard.sources import soundtracks, store


@dataclass(frozen=True)
class Take:
    """One soundtrack of a video.

    Attributes:
        prefix: where its files stand, `outputs/<run>/<epoch>/<video>/<take>/`.
        number: 1 for the first that this run's epoch made of the video.
        record: what is known of it; None while it is unfinished.
    """

    prefix: str
    number: int
    record: store.Record | None

    @property
    def id(self) -> str:
        """The last part of the prefix."""
        return self.prefix.rstrip("/").rpartition("/")[2]

    @property
    def made_by(self) -> tuple[str, int]:
        """Run and epoch."""
        _, run, epoch, _, _, _ = self.prefix.split("/")
        return run, int(epoch.removeprefix("epoch_"))

    @property
    def name(self) -> str:
        """`Take 2 · lofi · D minor · 90 bpm · seed 5 · 2025-12-04 03:30 CET`."""
        number = t("take.number", n=self.number)
        if self.record is None:
            return f"{number} · {t('take.unfinished')}"
        settings = self.record.get("settings") or {}
        parts = [number, settings.get("style"), self.record.get("key")]
        if self.record.get("tempo_bpm"):
            parts.append(tempo(self.record["tempo_bpm"]))
        if self.record.get("seed") is not None:
            parts.append(t("take.seed", seed=self.record["seed"]))
        if self.record.get("made_at"):
            parts.append(when(self.record["made_at"]))
        return " · ".join(str(part) for part in parts if part)

    @property
    def long_name(self) -> str:
        """The name after run and epoch."""
        run, epoch = self.made_by
        return f"{run}, {t('epoch')} {epoch} · {self.name}"


def numbered(prefixes: Sequence[str]) -> list[Take]:
    """The takes of one video, newest first; those of each run's epoch numbered from the oldest."""
    known = sorted(
        zip(prefixes, soundtracks.outputs(tuple(prefixes)), strict=True),
        key=lambda pair: (str((pair[1] or {}).get("made_at") or "9"), pair[0]),
    )

    counts: dict[str, int] = {}
    takes = []
    for prefix, record in known:
        model = prefix.rsplit("/", 2)[0]
        counts[model] = counts.get(model, 0) + 1
        takes.append(Take(prefix, counts[model], record))
    return takes[::-1]

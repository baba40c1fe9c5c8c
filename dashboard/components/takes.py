"""Takes by name: number, style, key, tempo, seed and moment tell the takes of one video apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.components.format import tempo, when
from dashboard.components.music import key_name
from dashboard.i18n.text import t
from dashboard.sources import soundtracks
from vmt.catalog import keys
from vmt.catalog.records.soundtracks import SoundtrackRecord


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
    record: SoundtrackRecord | None

    @property
    def id(self) -> str:
        """The last part of the prefix."""
        return self.prefix.rstrip("/").rpartition("/")[2]

    @property
    def made_by(self) -> tuple[str, int]:
        """Run and epoch."""
        output = keys.parse_output(self.prefix)
        assert output is not None, self.prefix
        return output.run, output.epoch

    @property
    def name(self) -> str:
        """`Take 2 · lofi · D minor · 90 bpm · seed 5 · 2025-12-04 03:30 CET`."""
        number = t("take.number", n=self.number)
        if self.record is None:
            return f"{number} · {t('take.unfinished')}"
        parts = [
            number,
            self.record.settings.get("style"),
            key_name(self.record.key),
            tempo(self.record.tempo_bpm) if self.record.tempo_bpm else None,
            t("take.seed", seed=self.record.seed),
            when(self.record.made_at),
        ]
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
        key=lambda pair: (pair[1].made_at if pair[1] else "9", pair[0]),
    )

    counts: dict[str, int] = {}
    takes = []
    for prefix, record in known:
        model = prefix.rsplit("/", 2)[0]
        counts[model] = counts.get(model, 0) + 1
        takes.append(Take(prefix, counts[model], record))
    return takes[::-1]

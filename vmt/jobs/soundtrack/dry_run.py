"""What a generation would make, without making it: takes, time and space (`vmt generate
--dry-run`).
"""

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vmt import media
from vmt.arrange.config import GenerateConfig
from vmt.catalog import keys
from vmt.catalog.identity import assign, title_of
from vmt.catalog.keys import OutputFolder
from vmt.catalog.videos import sha256_of
from vmt.errors import GenerationError, VmtError
from vmt.jobs.ingest.upload import place_of
from vmt.jobs.soundtrack.composer import Composer, take_name
from vmt.jobs.soundtrack.generate import resolve_run
from vmt.jobs.soundtrack.styles import find_style, style_source
from vmt.settings import Settings
from vmt.store import ObjectStore

# Seconds of work for a second of video on one CPU core, and bytes for a second of sound (see
# docs/benchmarks/speed.md).
EXTRACT_S = 1.0
COMPOSE_S = 0.01
RENDER_S = 0.03
FLAC_BYTES = {16: 110_000, 24: 210_000}
STEM_SHARE = 0.4  # of the whole music's bytes
AAC_BYTES = 24_000


@dataclass(frozen=True)
class Planned:
    """A take that would be made.

    Attributes:
        id: of the video.
        take: its name.
        state: `new`, `known` (it exists and would be left as it is) or `failed`.
        duration_s: of the video.
        seconds: of work on one core, roughly.
        size_bytes: of all files, roughly.
        mp4: the film's key.
        reason: why it would fail.
    """

    id: str
    take: str
    state: str
    duration_s: float
    seconds: float
    size_bytes: int
    mp4: str
    reason: str = ""


def plan(
    store: ObjectStore,
    settings: Settings,
    videos: Sequence[str | Path],
    *,
    run: str | None = None,
    epoch: int | None = None,
    config: GenerateConfig = GenerateConfig(),  # noqa: B008
    takes: int = 1,
    force: bool = False,
) -> tuple[Planned, ...]:
    """What `generate` would make; nothing is written.

    Args:
        store: the store.
        settings: device, SoundFont and cache.
        videos: keys in the store, or files on this machine that `vmt generate` would upload first.
        run: whose model composes; the champion where None.
        epoch: of that run; the one that it selected where None.
        config: of the first take.
        takes: how many soundtracks each video gets, 1 to 100.
        force: whether what exists is made again.

    Raises:
        GenerationError, TrainingError: as `generate`.
    """
    if not 1 <= takes <= 100:
        raise GenerationError(f"takes {takes} must be 1 to 100")
    find_style(config.style, style_source(store, settings))
    composer = Composer(store, settings, *resolve_run(store, run, epoch))
    configs = [dataclasses.replace(config, seed=config.seed + number) for number in range(takes)]
    planned: list[Planned] = []
    placed: dict[str, Path] = {}
    titles: dict[str, str] = {}
    for video in videos:
        try:
            key = video if isinstance(video, str) else _key(store, video, placed, titles)
            name = assign(store, {*placed, key}, titles, remember=False)[key].id
            planned += _takes(composer, video, name, configs, force)
        except VmtError as error:
            planned.append(Planned(str(video), "", "failed", 0.0, 0.0, 0, "", str(error)))
    return tuple(planned)


def _key(store: ObjectStore, path: Path, placed: dict[str, Path], titles: dict[str, str]) -> str:
    """The key that a file of this machine would get."""
    media.probe(path)
    key = place_of(store, path, placed)
    placed[key], titles[key] = path.resolve(), title_of(path.name)
    return key


def _takes(
    composer: Composer,
    video: str | Path,
    name: str,
    configs: Sequence[GenerateConfig],
    force: bool,
) -> list[Planned]:
    with tempfile.TemporaryDirectory(prefix="vmt-") as temporary:
        path = video if isinstance(video, Path) else Path(temporary) / PurePosixPath(video).name
        if isinstance(video, str):
            composer.store.get_file(video, path)
        duration_s, size = media.probe(path).duration_s, path.stat().st_size
        sha256 = sha256_of(path)
    extracted = composer.store.head(keys.features(composer.extractor.name, sha256)) is not None
    planned = []
    for number, config in enumerate(configs):
        take = take_name(composer.inputs(sha256, dataclasses.asdict(config)))
        folder = OutputFolder(composer.run.name, composer.epoch, name, take)
        if not force and composer.store.head(folder.record) is not None:
            planned.append(Planned(name, take, "known", duration_s, 0.0, 0, folder.file("mp4")))
            continue
        style = composer.style(config.style).style
        parts = (len(style.tracks) + bool(style.drums)) * config.stems
        work = (0.0 if extracted or number else EXTRACT_S) + COMPOSE_S + RENDER_S * (1 + parts)
        space = FLAC_BYTES[config.bits] * (1 + STEM_SHARE * parts) + AAC_BYTES
        planned.append(
            Planned(
                name,
                take,
                "new",
                duration_s,
                work * duration_s,
                size + round(space * duration_s),
                folder.file("mp4"),
            )
        )
    return planned

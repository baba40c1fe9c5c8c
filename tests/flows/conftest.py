"""A real Prefect API and a bucket of small videos."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from prefect.testing.utilities import prefect_test_harness

from tests.clips import AAC, H264, ffmpeg
from vmt import chords
from vmt.features.extractor import ExtractorConfig
from vmt.features.record import Features
from vmt.store import LocalStore, ObjectStore

SECONDS = 4
EXTRACTOR = ExtractorConfig("ViT-B-32", "untrained:0")
TINY = {"epochs": 1, "n_layers": 1, "n_heads": 2, "d_model": 16, "d_feedforward": 16}
PROGRESSIONS = (("C", "F", "G", "C"), ("A:min", "F", "C", "G"), ("D:min", "G", "C", "A:min"))


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    """Prefect's own test harness: a real server with a database of its own."""
    with prefect_test_harness(server_startup_timeout=300):
        yield


class Bucket:
    """A local store to which small videos come; their features are there already, so that no model
    has to run.

    What computes features is tested where it stands; here the flows pass keys.
    """

    def __init__(
        self, folder: Path, extractor: ExtractorConfig = EXTRACTOR, width: int = 8
    ) -> None:
        """Features as of `extractor`, `width` numbers for each picture."""
        self.folder, self.extractor, self.width = folder, extractor, width
        self.store: ObjectStore = LocalStore(folder / "store")
        self.videos = 0

    def add(self, count: int) -> None:
        for _ in range(count):
            self.videos += 1
            path = self.folder / f"{self.videos:04d}.mp4"
            picture = f"testsrc2=size=64x64:rate=5:duration={SECONDS}"
            tone = f"sine=frequency={100 * self.videos}:duration={SECONDS}"
            ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, *H264, *AAC, path)
            self.store.put_file(f"videos/{path.name}", path)
            features = self._features(hashlib.sha256(path.read_bytes()).hexdigest())
            self.store.put(
                f"features/{self.extractor.name}/{features.source_sha256}.safetensors",
                features.to_bytes(),
            )

    def _features(self, sha256: str) -> Features:
        rng = np.random.default_rng(self.videos)
        emotion = rng.random((SECONDS, 6), dtype=np.float32)
        return Features(
            semantic=rng.standard_normal((SECONDS, self.width), dtype=np.float32),
            emotion=emotion / emotion.sum(1, keepdims=True),
            scene_offset=np.arange(SECONDS, dtype=np.int32),
            motion=rng.random(SECONDS, dtype=np.float32),
            loudness=rng.random(SECONDS, dtype=np.float32),
            note_density=rng.random(SECONDS, dtype=np.float32) * 4,
            chord=PROGRESSIONS[self.videos % len(PROGRESSIONS)],
            key=chords.parse_key("C major"),
            duration_s=float(SECONDS),
            source_sha256=sha256,
            extractors=self.extractor.field_names(),
        )


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty one, which the environment names."""
    bucket = Bucket(tmp_path)
    monkeypatch.setenv("VMT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("VMT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VMT_CLIP_MODEL", EXTRACTOR.clip_model)
    monkeypatch.setenv("VMT_CLIP_WEIGHTS", EXTRACTOR.clip_weights)
    monkeypatch.setenv("VMT_DEVICE", "cpu")
    monkeypatch.setenv("VMT_WORKERS", "0")  # nothing is extracted here
    return bucket

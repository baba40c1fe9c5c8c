"""What the benches of speed and memory work on: full-size `amt` and songs like those of
muvi-sync-55.
"""

import numpy as np
import torch

from vmt.dataset.songs import Song
from vmt.model.config import ModelConfig
from vmt.model.transformer import VideoMusicTransformer

CPU = torch.device("cpu")
CONFIG = ModelConfig()
SECONDS = 300


def make_model() -> VideoMusicTransformer:
    """`amt` with weights of seed 0."""
    torch.manual_seed(0)
    return VideoMusicTransformer(CONFIG).eval()


def make_songs(count: int) -> list[Song]:
    """Songs of 150 to 300 s, as in muvi-sync-55."""
    rng = np.random.default_rng(0)
    songs = []
    for number in range(count):
        seconds = int(rng.integers(150, 301))
        video = rng.standard_normal((seconds, CONFIG.d_video), dtype=np.float32)
        tokens, rhythm = rng.integers(0, 157, seconds), np.zeros((seconds, 2), np.float32)
        songs.append(Song(f"{number:03}", video, video[:, -6:].argmax(1), tokens, False, rhythm))
    return songs

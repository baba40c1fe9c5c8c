"""The demo corpus: music videos made from known chords, with moving pictures whose mood is the
music's.

`songs` draws progressions, `score` writes notes for them, `canvas`, `scenes` and `film` paint the
pictures, and `corpus` makes the files.
"""

from vmt.synthetic.corpus import make_corpus, make_video, record, truth
from vmt.synthetic.songs import MOODS, Song, compose

__all__ = ["MOODS", "Song", "compose", "make_corpus", "make_video", "record", "truth"]

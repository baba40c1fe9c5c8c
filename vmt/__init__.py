"""VMT writes soundtracks for videos: features, datasets, the Video Music Transformer, music, and
their jobs.
"""

__version__ = "0.2.0"

"""The chords that a model writes for a video, with several seeds beside each other.

    VMT_STORE=vmt-data python examples/chords_of_a_video.py demo film.mp4

A run of three equal chords is printed as `C x3`.
"""

import itertools
import sys

import vmt

SEEDS = (1, 2, 3)


def main(run: str, video: str) -> None:
    """Print a line of chords for each seed.

    The features are extracted once: sampling again takes a fraction of that time.
    """
    model = vmt.load_model(run)
    features = vmt.extract_features(video, model)
    print(f"{features.seconds} s, {len(features.cuts_s)} cuts")

    for seed in SEEDS:
        chords = vmt.sample_chords(model, features, key="A minor", seed=seed)
        runs = [(label, len(list(same))) for label, same in itertools.groupby(chords.labels)]
        print(f"seed {seed}:", " ".join(f"{label} x{seconds}" for label, seconds in runs))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""A night that brings nothing new to a large bucket, and a large manifest.

    python -m tests.bench.ingest_scale --objects 10000 --rows 100000

Prints seconds of an ingest that finds every object known, on a local SeaweedFS, and of two freezes
(the second changes one row), with the memory that they took at most.
"""

import argparse
import hashlib
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.servers import s3_server
from vmt.catalog.videos import VideoIndex, candidates
from vmt.jobs.dataset.freeze import freeze
from vmt.store import LocalStore, ObjectStore, open_store

NAME = "bench"


def entry(key: str, stamp: str) -> dict[str, Any]:
    """What the index keeps of a known video of four minutes."""
    sha256 = hashlib.sha256(key.encode()).hexdigest()
    return {
        "stamp": stamp,
        "sha256": sha256,
        "id": Path(key).stem,
        "rights": "",
        "features_key": f"features/{NAME}/{sha256}.safetensors",
        "seconds": 240,
        "duration_s": 239.6,
        "song_key": "D minor",
        "emotion": "sad",
        "chords": {"D:min": 60, "G:min": 60, "A:7": 40, "A#": 40, "F": 40},
        "untrained": True,
        "d_semantic": 512,
    }


def known_ingest(folder: Path, objects: int) -> None:
    """Fill a bucket, make all of it known, and time ingests of it."""
    # Imported here, for a freeze does without the recognisers and its memory is measured.
    from vmt.features.extractor import Extractor, ExtractorConfig
    from vmt.jobs.ingest.ingest import ingest

    extractor = Extractor(
        ExtractorConfig("ViT-B-32", "untrained:0"), "cpu"
    )  # loads nothing without a new video
    with s3_server(folder) as server:
        store = open_store(f"s3://{server.bucket}/bench", server.settings)
        with ThreadPoolExecutor(16) as pool:
            list(
                pool.map(lambda number: store.put(f"videos/{number:06d}.mp4", b"x"), range(objects))
            )
        found = candidates(store.list("videos/"))
        VideoIndex(store, extractor.name).save(
            {each.key: entry(each.key, each.stamp) for each in found}
        )
        for _ in range(3):
            start = time.perf_counter()
            report = ingest(store, extractor)
            assert (report.found, report.known) == (objects, objects)
            print(
                f"ingest of {objects} known objects: {time.perf_counter() - start:.2f} s, "
                f"{peak_mib():.0f} MiB"
            )


def fill_index(store: ObjectStore, rows: int, emotion: str) -> None:
    """Make so many videos known; the emotion is the first one's."""
    keys = [f"videos/{number:06d}.mp4" for number in range(rows)]
    entries = {key: entry(key, "stamp") for key in keys}
    entries[keys[0]]["emotion"] = emotion
    VideoIndex(store, NAME).save(entries)


def timed_freeze(store: ObjectStore, rows: int) -> None:
    """Freeze what is known."""
    before, start = peak_mib(), time.perf_counter()
    version = freeze(store, NAME)
    seconds = time.perf_counter() - start
    print(
        f"freeze of {rows} rows, {version}: {seconds:.2f} s, {peak_mib():.0f} MiB, "
        f"{before:.0f} MiB of it imports"
    )


def peak_mib() -> float:
    """What this process took at most, PyTorch and all."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        local = LocalStore(folder / "store")
        for work, *given in (
            (known_ingest, folder / "s3", arguments.objects),
            (fill_index, local, arguments.rows, "sad"),
            (timed_freeze, local, arguments.rows),
            (fill_index, local, arguments.rows, "tense"),
            (timed_freeze, local, arguments.rows),
        ):
            # A process each: its peak of memory is its own.
            process = context.Process(target=work, args=given)
            process.start()
            process.join()
            assert process.exitcode == 0


if __name__ == "__main__":
    main()

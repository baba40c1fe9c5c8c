"""An ingest that is killed again and again, or that meets another: `python -m
tests.jobs.ingest.killed_ingest STORE HOW`.

`killed`: each child ingests until SIGKILL ends it before the n-th opening, renaming or removal of a
file in the store, which are the moments that an ingest's writes are made of; the last child is the
one that comes to the end. `together`: two children ingest the same bucket at once. Prints `made
KEY` for every features object that came to stand, and `killed` for every child that was.
"""

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from tests.small import SmallExtractor, again
from vmt.features.extractor import ExtractorConfig
from vmt.jobs.ingest.ingest import ingest
from vmt.store import LocalStore

FEWEST, MOST = 2, 40
"""Moments that a child lives."""


def watch(root: Path, moment: int | None) -> None:
    """Print what this process makes; let SIGKILL end it at its `moment`-th moment."""
    left = moment

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event not in ("open", "os.rename", "os.remove") or not str(arguments[0]).startswith(
            str(root)
        ):
            return
        if left is not None:
            left -= 1
            if left == 0:
                os.write(1, b"killed\n")
                os.kill(os.getpid(), signal.SIGKILL)
        if (
            event == "os.rename"
            and "/features/" in str(arguments[1])
            and str(arguments[1]).endswith(".safetensors")
        ):
            os.write(1, f"made {Path(arguments[1]).name}\n".encode())

    sys.addaudithook(audit)


def start(root: Path, extractor: SmallExtractor, moment: int | None) -> int:
    """A child that ingests; its process id."""
    child = os.fork()
    if child == 0:
        watch(root, moment)
        ingest(LocalStore(root), extractor)
        os._exit(0)
    return child


def main(root: Path, how: str) -> None:
    """Until an ingest came to its end, or both did."""
    extractor = again(
        SmallExtractor, ExtractorConfig("vmt-tiny", "untrained:0"), root.parent / "cache"
    )
    if how == "together":
        children = [start(root, extractor, None) for _ in range(2)]
        raise SystemExit(
            sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
        )
    moments = random.Random(0)
    while True:
        _, status = os.waitpid(start(root, extractor, moments.randint(FEWEST, MOST)), 0)
        if os.WIFEXITED(status):
            raise SystemExit(os.waitstatus_to_exitcode(status))
        assert os.WTERMSIG(status) == signal.SIGKILL, status


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

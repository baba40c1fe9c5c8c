"""An inbox with a video that ends the whole job: `python -m tests.jobs.soundtrack.killed_inbox
STORE CACHE`.

Each child is a job of its own, as a flow's run is; SIGKILL ends it when it comes to
`inbox/bomb.mp4`, as the kernel does where memory runs out. Prints `killed` for every child that
was, and at last what failed for the one that lived.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.small import SmallExtractor, again
from vmt.features.extractor import ExtractorConfig
from vmt.jobs.soundtrack.inbox import serve_inbox
from vmt.runtime.events import thread_map
from vmt.settings import Settings
from vmt.store import LocalStore

MOST = 8


def deadly(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """A `Map` that the bomb is too much for."""
    given = list(items)
    if any("bomb" in str(item) for item in given):
        os.kill(os.getpid(), signal.SIGKILL)
    yield from thread_map(function, given)


def main(root: Path, cache: Path) -> None:
    """Start children until one is not killed, or too many were."""
    config = ExtractorConfig("vmt-tiny", "untrained:0")
    again(SmallExtractor, config, cache)
    settings = Settings(
        store=str(root), cache=cache, clip_model=config.clip_model, clip_weights=config.clip_weights
    )
    for _ in range(MOST):
        child = os.fork()
        if child == 0:
            report = serve_inbox(LocalStore(root), settings, map=deadly)
            os.write(1, "".join(f"{each.key}: {each.reason}\n" for each in report.failed).encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            raise SystemExit(os.waitstatus_to_exitcode(status))
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        os.write(1, b"killed\n")
    raise SystemExit(f"{MOST} jobs were killed, and none gave up the video")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

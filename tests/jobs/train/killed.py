"""A run that is killed again and again: `python -m tests.jobs.train.killed STORE NAME 'OVERRIDES'`.

Each child is a process that trains until SIGKILL ends it at a moment chosen beforehand: before the
n-th of its steps of the optimizer, and of its openings, renamings and removals of files in the
store, which are the moments that an upload is made of. The moments differ from child to child; the
last child is the one that comes to the run's end. Prints what each was about to do when it died.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import torch._dynamo  # noqa: F401
from torch.optim.optimizer import register_optimizer_step_pre_hook

from vmt.jobs.train.train import train
from vmt.store import LocalStore

FEWEST, MOST = 5, 70
"""Moments that a child lives; the most is over an epoch's, so that the run comes to its end."""


def die_at(moment: int, root: Path) -> None:
    """Let SIGKILL end this process at its `moment`-th moment."""
    left = moment

    def count(what: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.write(1, f"{what}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.utime", "os.rename", "os.remove") and str(arguments[0]).startswith(
            str(root)
        ):
            count(event)

    sys.addaudithook(audit)
    register_optimizer_step_pre_hook(lambda *_: count("step"))


def main(root: Path, name: str, overrides: dict[str, Any]) -> None:
    """Start children until one is not killed."""
    moments = random.Random(0)
    while True:
        moment = moments.randint(FEWEST, MOST)
        child = os.fork()
        if child == 0:
            die_at(moment, root)
            train(LocalStore(root), "main", preset="demo", run=name, overrides=overrides)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            raise SystemExit(os.waitstatus_to_exitcode(status))
        assert os.WTERMSIG(status) == signal.SIGKILL, status


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))

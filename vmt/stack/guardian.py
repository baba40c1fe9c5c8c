"""The guardian of a stack: it ends the children of a supervisor that was killed, and their
descendants.

`python -m vmt.stack.guardian FOLDER` waits until its standard input ends, which only the supervisor
holds open. A supervisor that stops in order has ended its children and cleared its state by then,
and nothing is left to do.
"""

import sys
from pathlib import Path

from vmt.stack.folder import Folder, StackState
from vmt.stack.processes import alive, end

GRACE_S = 10.0


def end_leftovers(state: StackState) -> list[str]:
    """End what a supervisor that is gone has left running, the last started first; the names of
    such children.
    """
    left = [each for each in reversed(state.children) if alive(f"{state.id}/{each.name}", each.pid)]
    for each in left:
        end(f"{state.id}/{each.name}", grace_s=GRACE_S, leader=each.pid)
    return [each.name for each in left]


def main() -> None:
    """Wait for the end of standard input, then end what the folder's state still names."""
    sys.stdin.buffer.read()
    state = Folder(Path(sys.argv[1])).state()
    if state is not None:
        end_leftovers(state)


if __name__ == "__main__":
    main()

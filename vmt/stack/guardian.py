"""The guardian of a stack: it ends the children of a killed supervisor, and their descendants.

`python -m vmt.stack.guardian FOLDER` waits for the end of its standard input, which only the
supervisor holds open. A supervisor that stops in order has ended its children and cleared its state
before; then nothing is left to do.
"""

import sys
from pathlib import Path

from vmt.stack.folder import Folder, StackState
from vmt.stack.processes import alive, end

GRACE_S = 10.0


def end_leftovers(state: StackState) -> list[str]:
    """End the children that a killed supervisor left running, the last one first; their names."""
    left = [
        child for child in reversed(state.children) if alive(f"{state.id}/{child.name}", child.pid)
    ]
    for child in left:
        end(f"{state.id}/{child.name}", grace_s=GRACE_S, leader=child.pid)
    return [child.name for child in left]


def main() -> None:
    """Wait for the end of standard input, then end the children that the state still names."""
    sys.stdin.buffer.read()
    state = Folder(Path(sys.argv[1])).state()
    if state is not None:
        end_leftovers(state)


if __name__ == "__main__":
    main()

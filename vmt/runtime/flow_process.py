"""The command lines of the flows: the library starts them as child processes and never imports
Prefect.
"""

import sys

COMMANDS = ("run", "start", "serve", "deploy", "prepare")


def flow_command(command: str, *arguments: str) -> list[str]:
    """Program and arguments of `vmt flow COMMAND`, without the start-up of the command line.

    Args:
        command: one of `COMMANDS`.
        arguments: of that command.

    >>> flow_command("serve", "--limit", "2")[1:]
    ['-m', 'flows.commands.serve', '--limit', '2']
    """
    assert command in COMMANDS, command
    return [sys.executable, "-m", f"flows.commands.{command}", *arguments]

"""The names and command lines of the flows: the library starts them as child processes and imports
neither them nor Prefect.
"""

import importlib.util
import pkgutil
import sys

COMMANDS = ("run", "start", "serve", "deploy", "prepare")


def flow_names() -> tuple[str, ...]:
    """The names of the flows: every module directly in the package `flows` is one.

    The folder is read and nothing in it is imported, so that a new flow is one file and a help text
    does not wait for Prefect. Without the package there is no flow.

    >>> "train" in flow_names()
    True
    """
    package = importlib.util.find_spec("flows")
    folders = package.submodule_search_locations if package is not None else None
    modules = pkgutil.iter_modules(folders or [])
    return tuple(sorted(module.name for module in modules if not module.ispkg))


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

"""What `run` and `start` share: a flow's name and its parameters, and one line for an error."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flows.engine.names import NAMES
from vmt.errors import VmtError

__all__ = ["NAMES", "FlowCall", "exit_code", "parse_call"]


@dataclass(frozen=True)
class FlowCall:
    """A flow and its parameters."""

    name: str
    parameters: dict[str, Any]


def parse_call(command: str, description: str, arguments: Sequence[str] | None = None) -> FlowCall:
    """Parse `NAME [--parameters JSON]`; wrong usage ends the process with exit code 2.

    Args:
        command: name of the command, for its usage line.
        description: one line for its help.
        arguments: the words of the command line; those of the process if None.
    """
    parser = argparse.ArgumentParser(prog=f"vmt flow {command}", description=description)
    parser.add_argument("flow", choices=NAMES)
    parser.add_argument(
        "--parameters",
        default="{}",
        metavar="JSON",
        help="Parameters of the flow, as one JSON object. Default: those of the flow.",
    )
    given = parser.parse_args(arguments)
    try:
        parameters = json.loads(given.parameters)
    except json.JSONDecodeError as error:
        parser.error(f"--parameters is not JSON: {error}")
    if not isinstance(parameters, dict):
        parser.error(f"--parameters is not an object: {given.parameters}")
    return FlowCall(given.flow, parameters)


def exit_code(command: Callable[[], None]) -> int:
    """Run a command: 0, or 1 and one line on stderr for an expected error."""
    try:
        command()
    except VmtError as error:
        sys.stderr.write(f"vmt: {error}\n")
        return 1
    return 0

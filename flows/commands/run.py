"""Run one flow here and now, without a Prefect server: `python -m flows.commands.run nightly
--parameters '{"preset": "demo"}'`.

Prefect starts its ephemeral API as a child, with its own folder under the cache, and stops it at
the end; where PREFECT_API_URL is set, that server is used. Progress goes to stderr, the flow's
result to stdout as one line of JSON. An expected error is one line on stderr and exit code 1; a bug
keeps its traceback.
"""

import argparse
import importlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.engine.environment import FLOWS
from vmt.errors import VmtError
from vmt.settings import Settings, load_settings

NAMES = (
    "ingest",
    "nightly",
    "train",
    "generate",
    "inbox",
    "evaluate",
    "compare",
    "promote",
    "housekeep",
)


def environment(settings: Settings) -> dict[str, str]:
    """What Prefect reads from its environment, for a run that needs no server and tells nobody."""
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(settings.cache / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # The first start makes the database: 12 s here, more on a busy machine, where Prefect gives
        # up after 20.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "vmt",
        **FLOWS,
    }


class _Terse(logging.Filter):
    """What a person need not read: the traceback of an expected error, whose message says what to
    do, and the comings and goings of Prefect's temporary server.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], VmtError):
            record.exc_info = record.exc_text = None
        return record.name != "prefect" or record.levelno >= logging.WARNING


def run(name: str, parameters: Mapping[str, Any]) -> Any:
    """Run the flow `name` in this process; what it returns.

    Raises:
        VmtError: what the flow raises.
    """
    for variable, value in environment(load_settings()).items():
        os.environ.setdefault(variable, value)
    Path(os.environ["PREFECT_HOME"]).mkdir(
        parents=True, exist_ok=True
    )  # Prefect makes the last folder alone
    # Prefect reads its settings when it is imported.
    flow = getattr(importlib.import_module(f"flows.{name}"), name)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Terse())
    return flow(**parameters)


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.commands.run", description="Run one flow without a Prefect server."
    )
    parser.add_argument("flow", choices=NAMES)
    parser.add_argument(
        "--parameters", default="{}", metavar="JSON", help="the flow's parameters, as one object"
    )
    given = parser.parse_args(arguments)
    try:
        parameters = json.loads(given.parameters)
    except json.JSONDecodeError as error:
        parser.error(f"--parameters is not JSON: {error}")
    if not isinstance(parameters, dict):
        parser.error(f"--parameters is not an object: {given.parameters}")
    try:
        result = run(given.flow, parameters)
    except VmtError as error:
        sys.stderr.write(f"vmt: {error}\n")
        return 1
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`vmt flow run NAME`: run one flow in this process, without a Prefect server.

Prefect starts its ephemeral API as a child process, with a folder of its own under the cache, and
stops it at the end; where PREFECT_API_URL is set, that server is used. The log goes to stderr, the
result of the flow to stdout as one line of JSON. An expected error is one line on stderr and exit
code 1; a bug prints its traceback.
"""

import importlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.commands.arguments import exit_code, parse_call
from flows.engine.environment import FLOWS
from vmt.errors import VmtError
from vmt.settings import Settings, load_settings


def environment(settings: Settings) -> dict[str, str]:
    """Prefect's settings for a run without a server, and without telemetry."""
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(settings.cache / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # The first start creates the database: 12 s on a quiet machine, and Prefect's own limit is
        # 20 s, too short for a busy one.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "vmt",
        **FLOWS,
    }


class _Terse(logging.Filter):
    """Drops the traceback of an expected error, whose message says what to do, and the messages of
    Prefect's temporary server below a warning.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], VmtError):
            record.exc_info = record.exc_text = None
        return record.name != "prefect" or record.levelno >= logging.WARNING


def run(name: str, parameters: Mapping[str, Any]) -> Any:
    """Run the flow `name` in this process; its result.

    Raises:
        VmtError: if the flow fails as expected.
    """
    for variable, value in environment(load_settings()).items():
        os.environ.setdefault(variable, value)
    # Prefect creates the last folder of the path only.
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)

    # Imported here, because Prefect reads its settings when it is imported.
    flow = getattr(importlib.import_module(f"flows.{name}"), name)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Terse())
    return flow(**parameters)


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    call = parse_call("run", "Run one flow without a Prefect server.", arguments)

    def print_result() -> None:
        sys.stdout.write(json.dumps(run(call.name, call.parameters)) + "\n")

    return exit_code(print_result)


if __name__ == "__main__":
    sys.exit(main())

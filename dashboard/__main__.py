"""`python -m dashboard`: serve the dashboard for the store that `VMT_STORE` names."""

import argparse
import ctypes
import json
import platform

from dashboard.http.access import UPLOAD_MIB
from dashboard.http.server import app

LIGHT = {"primaryColor": "#0072b2"}
DARK = {"primaryColor": "#2b86c5"}
M_ARENA_MAX = -8  # glibc's malloc.h
ARENAS = 2


def keep_memory_together() -> None:
    """Have glibc serve all threads from a few arenas.

    Each view of a page runs in a new thread, and by default each gets an arena of its own: what
    views have freed then lies scattered over dozens of them, and the process grows by a tenth over
    some hundred views.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def main() -> None:
    """Read the command line and serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="where to listen; loopback unless a proxy stands in front",
    )
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument(
        "--base-path", default="", help="the path below which a proxy serves the dashboard"
    )
    parser.add_argument("--user-header", help="the header in which the proxy names the user")
    parser.add_argument(
        "--role-header", help="the header in which the proxy names the role: viewer or operator"
    )
    arguments = parser.parse_args()
    if bool(arguments.user_header) != bool(arguments.role_header):
        parser.error("--user-header and --role-header come together")
    keep_memory_together()
    headers = (
        {arguments.user_header: "user", arguments.role_header: "role"}
        if arguments.user_header
        else {}
    )
    app(arguments.base_path).run(
        config={
            "server.address": arguments.address,
            "server.port": arguments.port,
            "server.baseUrlPath": arguments.base_path,
            "server.trustedUserHeaders": json.dumps(headers),
            "server.headless": True,
            "server.fileWatcherType": "none",
            "server.maxUploadSize": UPLOAD_MIB,
            "browser.gatherUsageStats": False,
            "client.showErrorDetails": "none",
            "client.showErrorLinks": False,
            "client.toolbarMode": "viewer",
            **{f"theme.light.{name}": value for name, value in LIGHT.items()},
            **{f"theme.dark.{name}": value for name, value in DARK.items()},
        }
    )


if __name__ == "__main__":
    main()

"""Commands for the local stack: up, status, logs, down."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from vmt.cli.groups import OPERATE, app
from vmt.cli.options import SERVICES, Json, argument, option
from vmt.cli.output import print_table, show_result
from vmt.errors import StackError
from vmt.stack.folder import Folder
from vmt.stack.ports import Ports

DataFolder = Annotated[
    Path | None,
    option("Folder of the stack. Default: VMT_STACK, or vmt-stack.", "--data"),
]
DETACHED_WITHIN_S = 600.0  # the supervisor gives up on a service sooner
DOWN_WITHIN_S = 90.0


def folder_of(data: Path | None) -> Folder:
    """The stack's folder that an option or the environment names."""
    from vmt.settings import load_settings

    return Folder(data or load_settings().stack)


@app.command(rich_help_panel=OPERATE)
def up(
    data: DataFolder = None,
    detach: Annotated[
        bool,
        option(
            "Return when all services are ready; `vmt down` stops them. Default: off.", "--detach"
        ),
    ] = False,
    s3_port: Annotated[
        int, option(f"Port of the S3 server; 0 is any free port. Default: {Ports.s3}.")
    ] = Ports.s3,
    prefect_port: Annotated[
        int,
        option(f"Port of Prefect's page and API; 0 is any free port. Default: {Ports.prefect}."),
    ] = Ports.prefect,
    dashboard_port: Annotated[
        int, option(f"Port of the dashboard; 0 is any free port. Default: {Ports.dashboard}.")
    ] = Ports.dashboard,
) -> None:
    """Start the local stack on loopback: S3, Prefect, the deployments and the dashboard.

    Ctrl-C stops it.
    """
    from vmt.settings import load_settings
    from vmt.stack.supervisor import Supervisor

    settings, folder = load_settings(), folder_of(data)
    if detach:
        ports = [
            f"--s3-port={s3_port}",
            f"--prefect-port={prefect_port}",
            f"--dashboard-port={dashboard_port}",
        ]
        _up_detached(folder, ports)
        return
    Supervisor(folder, Ports(s3_port, prefect_port, dashboard_port), settings, typer.echo).run()


def _up_detached(folder: Folder, options: Sequence[str]) -> None:
    folder.prepare()
    folder.require_free()
    log, deadline = folder.log("supervisor"), time.monotonic() + DETACHED_WITHIN_S
    command = [sys.executable, "-m", "vmt.cli", "up", "--data", str(folder.root), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    while not ((state := folder.state()) and state.pid == process.pid and state.ready):
        if process.poll() is not None:
            raise StackError(f"the stack did not start:\n{log.read_text().strip()}")
        if time.monotonic() > deadline:
            process.terminate()
            raise StackError(f"the stack is not ready after {DETACHED_WITHIN_S:g} s; see {log}")
        time.sleep(0.1)
    typer.echo(log.read_text().strip())


@app.command(rich_help_panel=OPERATE)
def status(data: DataFolder = None, as_json: Json = False) -> None:
    """Show the services of the local stack."""
    from vmt.stack.client import running

    folder = folder_of(data)
    state = running(folder)

    def print_result() -> None:
        columns = ("name", "state", "pid", "restarts", "since", "URL")
        rows = [
            (
                child.name,
                child.state,
                child.pid or "",
                child.restarts,
                child.since,
                child.url or "",
            )
            for child in state.children
        ]
        print_table(
            f"the stack of {folder.root} (VMT {state.vmt}, process {state.pid})", columns, rows
        )
        typer.echo(f"to work in its store: . {folder.environment}")

    show_result(state, as_json, print_result)


@app.command(rich_help_panel=OPERATE)
def down(data: DataFolder = None) -> None:
    """Stop the local stack in order."""
    from vmt.stack.client import running
    from vmt.stack.guardian import end_leftovers

    folder = folder_of(data)
    state = folder.state()
    if not folder.is_running():
        left = end_leftovers(state) if state is not None else []
        folder.clear_state()
        typer.echo(
            f"no stack runs from {folder.root}"
            + (f"; ended what was left of {', '.join(left)}" if left else "")
        )
        return
    deadline = time.monotonic() + DOWN_WITHIN_S
    os.kill(running(folder).pid, signal.SIGTERM)
    while folder.is_running():
        if time.monotonic() > deadline:
            raise StackError(
                f"folder {folder.root}: the stack still runs after {DOWN_WITHIN_S:g} s; see "
                "`vmt status`"
            )
        time.sleep(0.1)
    typer.echo(f"the stack of {folder.root} is stopped")


@app.command(rich_help_panel=OPERATE)
def logs(
    name: Annotated[str | None, argument(f"Service: {SERVICES}. Default: all of them.")] = None,
    follow: Annotated[
        bool, option("Print new lines as they come, until Ctrl-C. Default: off.", "--follow", "-f")
    ] = False,
    lines: Annotated[
        int,
        option(
            "Number of last lines to begin with: 0 or more. Default: 40.", "--lines", "-n", min=0
        ),
    ] = 40,
    data: DataFolder = None,
) -> None:
    """Print the logs of the local stack's services."""
    folder = folder_of(data)
    files = {path.stem: path for path in sorted(folder.logs.glob("*.log"))}
    if not files:
        raise StackError(f"folder {folder.root}: no logs; `vmt up` starts a stack")
    if name is not None and name not in files:
        raise StackError(f"no log {name!r} in {folder.logs}; there are {', '.join(files)}")

    wanted = files if name is None else {name: files[name]}
    ends = {
        service: _print_tail(service, path, lines, named=name is None)
        for service, path in wanted.items()
    }
    with contextlib.suppress(KeyboardInterrupt):
        while follow:
            time.sleep(0.2)
            ends = {
                service: _print_from(service, path, ends[service], named=name is None)
                for service, path in wanted.items()
            }


def _print_tail(name: str, path: Path, count: int, *, named: bool) -> int:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    _print_lines(name, content[:end].splitlines()[-count:] if count else [], named=named)
    return end


def _print_from(name: str, path: Path, start: int, *, named: bool) -> int:
    """Print the complete lines after `start` bytes; the offset of the next line."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) < start:  # the log was rotated
            start = 0
        file.seek(start)
        content = file.read()
    end = content.rfind(b"\n") + 1
    _print_lines(name, content[:end].splitlines(), named=named)
    return start + end


def _print_lines(name: str, lines: Sequence[bytes], *, named: bool) -> None:
    for line in lines:
        typer.echo((f"{name}: " if named else "") + line.decode(errors="replace"))

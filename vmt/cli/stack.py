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

from vmt.cli.shared import Json, app, print_table, show_result
from vmt.errors import StackError
from vmt.settings import load_settings
from vmt.stack.folder import Folder
from vmt.stack.ports import Ports

DataFolder = Annotated[
    Path | None, typer.Option("--data", help="the stack's folder; VMT_STACK, or vmt-stack, if none")
]
DETACHED_WITHIN_S = 600.0  # the supervisor gives up on a service sooner
DOWN_WITHIN_S = 90.0


def folder_of(data: Path | None) -> Folder:
    """The stack's folder that an option or the environment names."""
    return Folder(data or load_settings().stack)


@app.command()
def up(
    data: DataFolder = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="return when all is ready; `vmt down` stops it")
    ] = False,
    s3_port: Annotated[int, typer.Option(help="of the S3 server; 0 is any free port")] = Ports.s3,
    prefect_port: Annotated[
        int, typer.Option(help="of Prefect's page and API; 0 is any free port")
    ] = Ports.prefect,
    dashboard_port: Annotated[int, typer.Option(help="0 is any free port")] = Ports.dashboard,
) -> None:
    """Start the local stack: S3, Prefect, the deployments and the dashboard, on loopback; Ctrl-C
    stops it.
    """
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


@app.command()
def status(data: DataFolder = None, as_json: Json = False) -> None:
    """Show the local stack's services."""
    from vmt.stack.client import running

    folder = folder_of(data)
    state = running(folder)

    def print_result() -> None:
        columns = ("name", "state", "pid", "restarts", "since", "URL")
        rows = [
            (e.name, e.state, e.pid or "", e.restarts, e.since, e.url or "") for e in state.children
        ]
        print_table(
            f"the stack of {folder.root} (VMT {state.vmt}, process {state.pid})", columns, rows
        )
        typer.echo(f"to work in its store: . {folder.environment}")

    show_result(state, as_json, print_result)


@app.command()
def down(data: DataFolder = None) -> None:
    """Stop the local stack, in order."""
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


@app.command()
def logs(
    name: Annotated[
        str | None, typer.Argument(help="s3, prefect, serve or dashboard; all if none")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="go on as lines come, until Ctrl-C")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="how many of the last lines to begin with")
    ] = 40,
    data: DataFolder = None,
) -> None:
    """Print what the local stack's services wrote."""
    folder = folder_of(data)
    found = {path.stem: path for path in sorted(folder.logs.glob("*.log"))}
    if not found:
        raise StackError(f"folder {folder.root}: no logs; `vmt up` starts a stack")
    if name is not None and name not in found:
        raise StackError(f"no log {name!r} in {folder.logs}; there are {', '.join(found)}")
    chosen = found if name is None else {name: found[name]}
    ends = {
        each: _print_tail(each, path, lines, named=name is None) for each, path in chosen.items()
    }
    with contextlib.suppress(KeyboardInterrupt):
        while follow:
            time.sleep(0.2)
            ends = {
                each: _print_from(each, path, ends[each], named=name is None)
                for each, path in chosen.items()
            }


def _print_tail(name: str, path: Path, count: int, *, named: bool) -> int:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    _print_lines(name, content[:end].splitlines()[-count:] if count else [], named=named)
    return end


def _print_from(name: str, path: Path, start: int, *, named: bool) -> int:
    """The whole lines after `start` bytes; where the next ones begin."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) < start:  # it was put aside and begun anew
            start = 0
        file.seek(start)
        content = file.read()
    end = content.rfind(b"\n") + 1
    _print_lines(name, content[:end].splitlines(), named=named)
    return start + end


def _print_lines(name: str, lines: Sequence[bytes], *, named: bool) -> None:
    for line in lines:
        typer.echo((f"{name}: " if named else "") + line.decode(errors="replace"))

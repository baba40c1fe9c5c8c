"""Child processes that can be identified later and leave no process behind.

Each child starts a session of its own, so that Ctrl-C in a terminal reaches the supervisor only. It
carries a mark in its environment, which its descendants inherit whatever session or group they
create (a flow's run, ffmpeg under it); the mark distinguishes them from every other process of this
machine. On Linux the kernel also ends a child whose parent is gone. Without /proc, the process
group of the child replaces the mark.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

MARK = "VMTSTACK_CHILD"
POLL_S = 0.05
KILLED_WITHIN_S = 5.0
_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1


def start(
    command: Sequence[str],
    *,
    mark: str,
    environment: Mapping[str, str],
    cwd: Path | None,
    log: Path,
) -> subprocess.Popen[bytes]:
    """Start a child that appends its output to `log`.

    Args:
        command: program and arguments.
        mark: identifies this child and its descendants.
        environment: all variables except the mark.
        cwd: working folder of the child; the current one if None.
        log: file for stdout and stderr.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        # A process that a script starts with `&` ignores SIGINT, and Prefect's runner would inherit
        # that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # the parent died meanwhile
                os._exit(1)

    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**environment, MARK: mark},
            start_new_session=True,
            preexec_fn=prepare,  # safe: the supervisor has one thread
        )


def alive(mark: str, leader: int | None = None) -> list[int]:
    """Ids of the processes that carry `mark`, or a mark that begins with it and a slash.

    Args:
        mark: the mark given to `start`, or the part before its slash.
        leader: process id of the child; without /proc its process group is checked.
    """
    if not _has_environments():
        return [leader] if leader is not None and _group_lives(leader) else []
    wanted = (f"{MARK}={mark}\0".encode(), f"{MARK}={mark}/".encode())
    pids = []
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it ended, or is another user's
                environment = b"\0" + (folder / "environ").read_bytes() + b"\0"
                if any(b"\0" + variable in environment for variable in wanted):
                    pids.append(int(folder.name))
    return [pid for pid in pids if pid != os.getpid()]


def _has_environments() -> bool:
    return _PROC.joinpath("self", "environ").exists()


def _group_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end(
    mark: str,
    *,
    grace_s: float,
    child: subprocess.Popen[bytes] | None = None,
    leader: int | None = None,
) -> bool:
    """End all processes that carry `mark`: SIGTERM, and SIGKILL after `grace_s`.

    Args:
        mark: as for `alive`.
        grace_s: time to end, in seconds.
        child: the own child among them, which has to be reaped.
        leader: as for `alive`; that of `child` if it is given.

    Returns:
        Whether all of them ended without SIGKILL.
    """
    leader = child.pid if child is not None else leader
    if not _signal_until_gone(mark, signal.SIGTERM, grace_s, child, leader):
        _signal_until_gone(mark, signal.SIGKILL, KILLED_WITHIN_S, child, leader)
        return False
    return True


def _signal_until_gone(
    mark: str,
    sign: signal.Signals,
    within_s: float,
    child: subprocess.Popen[bytes] | None,
    leader: int | None,
) -> bool:
    deadline, told = time.monotonic() + within_s, set[int]()
    while True:
        if child is not None:
            child.poll()  # reaps it, so that it no longer counts
        left = alive(mark, leader)
        if not left:
            return True
        if time.monotonic() > deadline:
            return False
        for pid in set(left) - told:  # including those that started meanwhile
            with contextlib.suppress(ProcessLookupError):
                (os.kill if _has_environments() else os.killpg)(pid, sign)
        told |= set(left)
        time.sleep(POLL_S)

"""A client of a running stack: its store, its Prefect server, and the settings of its jobs."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from vmt.catalog import keys
from vmt.errors import StackError
from vmt.runtime.flow_process import flow_command
from vmt.settings import Settings
from vmt.stack.folder import Folder, StackState
from vmt.stack.services import connected, environment
from vmt.store import ObjectStore, open_store

SERVED_WITHIN_S = 120.0


def running(folder: Folder) -> StackState:
    """The state of the stack that runs from `folder`.

    Raises:
        StackError: if no stack runs from it.
    """
    state, held = folder.state(), folder.is_running()
    if state is not None and held:
        return state
    if held:
        raise StackError(
            f"folder {folder.root}: a stack is starting or stopping there; ask again in a moment"
        )
    if state is not None:
        raise StackError(
            f"folder {folder.root}: no stack runs; the last one (process {state.pid}) was "
            "killed before it could stop; "
            "`vmt up` cleans up after it and starts again, `vmt down` only cleans up"
        )
    raise StackError(f"folder {folder.root}: no stack runs from it; `vmt up` starts one")


class Client:
    """A connection to the stack of a folder.

    Attributes:
        state: of the stack, when this was made or last updated.
        settings: those of the environment, with the store of the stack.
        store: of the stack.
    """

    def __init__(self, folder: Folder, settings: Settings) -> None:
        """Connect.

        Raises:
            StackError: if no stack runs from `folder`, or it is not ready.
        """
        self._folder = folder
        self.state = running(folder)
        if not self.state.ready:
            raise StackError(
                f"folder {folder.root}: its stack is still starting; `vmt status` shows how "
                "far it is"
            )
        self._environment = environment(folder, self.state.ports)
        # boto3 and Prefect in this process and its children must reach loopback without a proxy.
        os.environ["NO_PROXY"] = self._environment["NO_PROXY"]
        self.settings = connected(settings, self.state.ports, folder.credentials())
        self.store: ObjectStore = open_store(self.settings.store, self.settings)

    def serve_with(self, wanted: Mapping[str, str]) -> None:
        """Restart the deployments with these VMT_ settings, unless `vmt up` was given others.

        The settings are stored in the folder.

        Raises:
            StackError: if the store has features, which other settings would not fit.
        """
        missing = {name: value for name, value in wanted.items() if name not in self.state.settings}
        if not missing:
            return
        if next(iter(self.store.folders(keys.FEATURES)), None) is not None:
            raise StackError(
                f"folder {self._folder.root}: its store holds features of your own videos, "
                "which the demo's settings "
                f"({', '.join(missing)}) would not fit; start another stack for it: vmt up "
                "--data DIR"
            )
        self._folder.write_settings({**self._folder.settings(), **missing})
        before = self.state.child("serve").pid
        os.kill(self.state.pid, signal.SIGUSR1)
        deadline = time.monotonic() + SERVED_WITHIN_S
        while True:
            self.state = running(self._folder)
            serve = self.state.child("serve")
            if serve.state == "ready" and serve.pid != before:
                return
            if time.monotonic() > deadline:
                raise StackError(
                    f"the deployments are not served again after {SERVED_WITHIN_S:g} s; see "
                    "`vmt logs serve`"
                )
            time.sleep(0.1)

    def run(self, deployment: str, parameters: Mapping[str, Any]) -> None:
        """Start a run of a deployment, and show its log on stderr until it ends.

        A child process does this, because the library never imports Prefect.

        Raises:
            StackError: if the run did not complete.
        """
        told = {
            name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
        }
        told |= self._environment
        command = flow_command("start", deployment, "--parameters", json.dumps(parameters))
        done = subprocess.run(command, env=told, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise StackError(
                f"the deployment {deployment} did not complete; its log above and Prefect's "
                "page say why"
            )

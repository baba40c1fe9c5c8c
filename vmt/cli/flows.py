"""Commands that run and deploy the Prefect flows: flow run, start, serve, deploy, prepare.

Each one replaces this process by `python -m flows.commands.NAME`: the library never imports
Prefect, and signals and exit codes reach the flow without a process in between.
"""

import os
from typing import Annotated, NoReturn

from vmt.cli.groups import flow_app
from vmt.cli.options import FLOWS, argument, option
from vmt.runtime.flow_process import flow_command

Flow = Annotated[str, argument(f"Flow: {FLOWS}.", metavar="FLOW")]
Parameters = Annotated[
    str,
    option(
        'Parameters of the flow, as one JSON object, such as \'{"preset": "demo"}\'. '
        "Default: those of the flow.",
        metavar="JSON",
    ),
]


def _replace_process(command: str, *arguments: str) -> NoReturn:
    from vmt.settings import load_settings

    load_settings()  # a wrong setting ends here, in a second
    words = flow_command(command, *arguments)
    os.execv(words[0], words)  # no shell is involved


@flow_app.command()
def run(flow: Flow, parameters: Parameters = "{}") -> None:
    """Run a flow in this process, without a Prefect server; print its result as JSON.

    Where PREFECT_API_URL is set, that server records the run.
    """
    _replace_process("run", flow, "--parameters", parameters)


@flow_app.command()
def start(flow: Flow, parameters: Parameters = "{}") -> None:
    """Start a run of a deployment on the server of PREFECT_API_URL and follow its log to the end.

    Ctrl-C stops following; the run continues.
    """
    _replace_process("start", flow, "--parameters", parameters)


@flow_app.command()
def serve(
    limit: Annotated[
        int,
        option("Runs at a time: 1 or more; over 2 needs Prefect on Postgres. Default: 2.", min=1),
    ] = 2,
) -> None:
    """Serve all deployments from this process until it is stopped."""
    _replace_process("serve", "--limit", str(limit))


@flow_app.command()
def prepare() -> None:
    """Make the work pool, its queues and the automations on the server of PREFECT_API_URL."""
    _replace_process("prepare")


@flow_app.command()
def deploy() -> None:
    """Deploy prefect.yaml: paused schedules stay paused, removed deployments are deleted.

    Run it in the folder of the checkout, after `vmt flow prepare`.
    """
    _replace_process("deploy")

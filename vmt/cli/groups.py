"""The command groups, and the panels of `vmt --help`."""

from typing import Any

import typer
from typer.core import TyperGroup

MAKE = "Make"
TRAIN = "Train"
OPERATE = "Operate"
INSPECT = "Inspect"
PANELS = (MAKE, TRAIN, OPERATE, INSPECT)


class PanelOrder(TyperGroup):
    """Lists the commands in the order of `PANELS`, whatever module declares them first."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, panel by panel."""
        names = super().list_commands(ctx)
        return sorted(
            names, key=lambda name: PANELS.index(vars(self.commands[name])["rich_help_panel"])
        )


app = typer.Typer(
    cls=PanelOrder,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Soundtracks for videos: learn from music videos, then write music for new ones.",
)
dataset_app = typer.Typer(no_args_is_help=True, help="Dataset versions: freeze, show, list, diff.")
import_app = typer.Typer(no_args_is_help=True, help="Import published datasets.")
weights_app = typer.Typer(no_args_is_help=True, help="Import and export published weights.")
features_app = typer.Typer(no_args_is_help=True, help="Measure the quality of the features.")
flow_app = typer.Typer(
    no_args_is_help=True, help="Prefect flows: run, start, serve, deploy, prepare."
)

app.add_typer(dataset_app, name="dataset", rich_help_panel=TRAIN)
app.add_typer(import_app, name="import", rich_help_panel=TRAIN)
app.add_typer(weights_app, name="weights", rich_help_panel=TRAIN)
app.add_typer(features_app, name="features", rich_help_panel=INSPECT)
app.add_typer(flow_app, name="flow", rich_help_panel=OPERATE)

"""The table of deployments: the `DEPLOYMENT` of each flow.

It is the source of `vmt flow serve` (one machine) and of prefect.yaml (work pools and workers).
`python -m flows.engine.table` writes prefect.yaml; a test holds the two equal. Flows do not import
this module, since it imports them.
"""

import importlib
from pathlib import Path

import yaml  # type: ignore[import-untyped] # comes with Prefect, which reads prefect.yaml with it

from flows.engine.deployments import Deployment
from flows.engine.names import NAMES

_HEAD = """\
# The deployments of a production system with work pools and workers. Generated from the DEPLOYMENT
# of each flow: python -m flows.engine.table. To deploy: vmt flow prepare && vmt flow deploy
# A value in double braces is resolved when deploying, not when running; only those of a trigger are
# filled from the event.
"""


def _deployment(name: str) -> Deployment:
    deployment = importlib.import_module(f"flows.{name}").DEPLOYMENT
    assert isinstance(deployment, Deployment), name
    assert deployment.name == name, f"flows/{name}.py declares the deployment {deployment.name}"
    return deployment


DEPLOYMENTS = tuple(_deployment(name) for name in NAMES)


class _Plain(yaml.SafeDumper):  # type: ignore[misc]
    """Writes each value in full, without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Repeat what occurs twice."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the items of lists."""
        super().increase_indent(flow, False)


def declared() -> str:
    """The text of prefect.yaml."""
    import prefect

    content = {
        "name": "vmt",
        "prefect-version": prefect.__version__,
        "deployments": [deployment.declared() for deployment in DEPLOYMENTS],
    }
    body = yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)
    return f"{_HEAD}{body}"


if __name__ == "__main__":
    Path("prefect.yaml").write_text(declared(), encoding="utf-8")

"""A flow run's name says what runs, on what and when."""

import re
from typing import Any

import pytest
from prefect import flow
from prefect.runtime import flow_run

from flows.engine.run_names import run_name, subject
from flows.engine.table import DEPLOYMENTS


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"videos": ["inbox/a.mp4"], "run": "r"}, "a"),
        ({"videos": ["inbox/a.mp4", "inbox/b.mp4"]}, "a+1"),
        ({"videos": None, "run": "r", "dataset": "main"}, "r"),
        ({"dataset": "main@v0001"}, "main@v0001"),
        ({"run": None, "rollback": True}, "rollback"),
        ({"prefix": "inbox/"}, ""),
    ],
)
def test_the_first_parameter_that_says_what_is_named(parameters: dict[str, Any], said: str) -> None:
    assert subject(parameters) == said


@pytest.mark.server
def test_a_run_takes_the_name_when_it_begins(prefect_api: None) -> None:
    @flow(name="made-up", flow_run_name=run_name)
    def made_up(dataset: str) -> str:
        return str(flow_run.name)

    assert re.fullmatch(r"made-up main \d{4}-\d\d-\d\d \d\d:\d\d", made_up("main"))


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)
def test_every_flow_has_such_names(deployment: Any) -> None:
    assert deployment.flow().flow_run_name is run_name

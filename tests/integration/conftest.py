"""A production to strike at, and at the end of a run the table of faults as docs/operations.md has
it.
"""

from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.integration import world as the

LONGEST = ("tests/integration/", "tests/e2e/test_jobs.py", "tests/flows/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that it is not what the other process waits for at the
    end.
    """
    items.sort(
        key=lambda item: next(
            (place for place, path in enumerate(LONGEST) if item.nodeid.startswith(path)), 9
        )
    )


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[the.World]:
    with the.world(tmp_path_factory.mktemp("world")) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows: dict[str, dict[str, str]] = defaultdict(dict)
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "fault":
                fault, moment, state, seconds = value
                rows[fault][moment] = f"{state}, {seconds} s"
    if not rows:
        return
    moments = list(dict.fromkeys(moment for row in rows.values() for moment in row))
    terminalreporter.section("how a run ended, and the seconds until all was as it should be")
    terminalreporter.write_line(f"| fault | {' | '.join(moments)} |")
    terminalreporter.write_line("|---" * (1 + len(moments)) + "|")
    for fault, row in rows.items():
        terminalreporter.write_line(
            f"| {fault} | {' | '.join(row.get(moment, '') for moment in moments)} |"
        )

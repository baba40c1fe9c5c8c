"""The table of faults, as docs/operations.md has it, at the end of a run of tests that made one."""

from collections import defaultdict

import pytest


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
        terminalreporter.write_line(f"| {fault} | {' | '.join(row.get(moment, '') for moment in moments)} |")

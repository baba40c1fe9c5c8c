import doctest
from datetime import UTC, datetime

import pytest

from dashboard.components import schedule
from flows.engine.table import DEPLOYMENTS

NOW = datetime(2026, 11, 28, 3, 46, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("cron", "said", "following"),
    [
        ("*/15 * * * *", "every 15 minutes", "2026-11-28T04:00"),
        ("*/5 * * * *", "every 5 minutes", "2026-11-28T03:50"),
        ("30 3 * * *", "daily", "2026-11-29T03:30"),
        ("0 5 * * *", "daily", "2026-11-28T05:00"),
        ("0 5 * * 0", "weekly", "2026-11-29T05:00"),
        ("0 3 * * 6", "weekly", "2026-12-05T03:00"),
    ],
)
def test_a_schedule_reads_as_words_with_its_next_start(
    cron: str, said: str, following: str
) -> None:
    assert schedule.often(cron) == said
    start = schedule.next_start(cron, NOW)
    assert start == datetime.fromisoformat(f"{following}+00:00")


def test_a_schedule_of_another_kind_is_quoted() -> None:
    assert schedule.often("0 5 1 * *") == "cron 0 5 1 * * (UTC)"
    assert schedule.next_start("0 5 1 * *", NOW) is None


def test_the_schedules_that_vmt_ships_have_words() -> None:
    crons = [deployment.cron for deployment in DEPLOYMENTS if deployment.cron]
    assert crons
    assert all(schedule.next_start(cron, NOW) for cron in crons)


def test_the_examples_run() -> None:
    assert doctest.testmod(schedule).failed == 0

"""Schedules in words: how often a job starts, and when it starts next in the visitor's zone."""

import re
from datetime import UTC, datetime, timedelta

from dashboard.i18n.text import t

EVERY = re.compile(r"\*/(\d+) \* \* \* \*")
FIXED = re.compile(r"(\d+) (\d+) \* \* (\*|[0-6])")
SUNDAY = 6
"""Python's number; cron counts from Sunday = 0."""


def often(cron: str) -> str:
    """`every 15 minutes`, `daily`, `weekly`; any other schedule as its cron expression in UTC."""
    if (match := EVERY.fullmatch(cron)) is not None:
        return t("schedule.minutes", n=int(match[1]))
    if (match := FIXED.fullmatch(cron)) is not None:
        return t("schedule.daily" if match[3] == "*" else "schedule.weekly")
    return t("schedule.cron", cron=cron)


def next_start(cron: str, now: datetime) -> datetime | None:
    """The first start after `now`, of a schedule in UTC; None where `often` only quotes it.

    >>> str(next_start("30 3 * * *", datetime(2026, 11, 28, 4, 0, tzinfo=UTC)))
    '2026-11-29 03:30:00+00:00'
    """
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if (match := EVERY.fullmatch(cron)) is not None:
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        starts = [hour + timedelta(minutes=minute) for minute in range(0, 60, int(match[1]))]
        return next((start for start in starts if start > now), hour + timedelta(hours=1))
    if (match := FIXED.fullmatch(cron)) is None:
        return None

    minute, hour_of_day, weekday = int(match[1]), int(match[2]), match[3]
    starts = [day + timedelta(days=ahead, hours=hour_of_day, minutes=minute) for ahead in range(9)]
    wanted = None if weekday == "*" else (int(weekday) + SUNDAY) % 7
    return next(start for start in starts if start > now and wanted in (None, start.weekday()))

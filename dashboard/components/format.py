"""Numbers, times and sizes as people read them: 4 significant digits, local time with its zone."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

NOTHING = "–"
MOST_DECIMALS = 7


def number(value: object) -> str:
    """Four significant digits; an integer whole; a dash for what is not known."""
    if value is None or not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    if isinstance(value, int):
        return f"{value:,}"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3e}"
    return f"{value:#.4g}".rstrip(".")


def column(values: Iterable[object]) -> list[str]:
    """The numbers of one column with the same decimals, as many as the smallest of them needs for
    four significant digits, so that they line up; integers stay whole.
    """
    listed = list(values)
    known = [
        abs(value)
        for value in listed
        if isinstance(value, float) and math.isfinite(value) and value != 0
    ]
    smallest = min(known, default=1.0)
    decimals = min(MOST_DECIMALS, max(0, 3 - math.floor(math.log10(smallest))))
    return [
        f"{value:.{decimals}f}"
        if isinstance(value, float) and math.isfinite(value)
        else number(value)
        for value in listed
    ]


def duration(seconds: object) -> str:
    """`43.2 s`, `3 min 05 s`, `1 h 02 min 00 s`; from ten hours on without seconds."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return NOTHING
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours >= 10:
        return f"{hours} h {minutes:02d} min"
    if hours:
        return f"{hours} h {minutes:02d} min {rest:02d} s"
    return f"{minutes} min {rest:02d} s"


def clock(seconds: float) -> str:
    """`2:05` for 125 s."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def tempo(bpm: object) -> str:
    """`96 bpm`."""
    return f"{bpm:.0f} bpm" if isinstance(bpm, int | float) and bpm > 0 else NOTHING


def moment(value: object) -> datetime | None:
    """A time of the store, in the visitor's zone."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(zone())


def zone() -> ZoneInfo:
    """The visitor's time zone; UTC where the browser does not tell."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def when(value: object) -> str:
    """`2025-12-04 03:30 CET`."""
    local = moment(value)
    return f"{local:%Y-%m-%d %H:%M %Z}" if local else NOTHING


def size(n_bytes: int) -> str:
    """`12.3 MiB`."""
    amount = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"

import math

import pytest

from dashboard.components.format import clock, column, duration, moment, number, size, when


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.08193, "1.082"),
        (0.57, "0.5700"),
        (0.00022009, "0.0002201"),
        (12.0, "12.00"),
        (1234.4, "1234"),
        (26, "26"),
        (32_517_310, "32,517,310"),
        (0.0, "0.000"),
        (None, "–"),
        (math.nan, "–"),
        (3.2e-6, "3.200e-06"),
        ("x", "–"),
    ],
)
def test_numbers_have_four_significant_digits(value: object, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"),
        (43.21, "43.2 s"),
        (59.4, "59.4 s"),
        (59.99, "1 min 00 s"),
        (758, "12 min 38 s"),
        (185, "3 min 05 s"),
        (3720, "1 h 02 min 00 s"),
        (187_391, "52 h 03 min"),
        (None, "–"),
    ],
)
def test_durations(seconds: object, shown: str) -> None:
    assert duration(seconds) == shown


def test_times_are_shown_with_their_zone() -> None:
    assert when("2025-12-04T03:30:00+00:00") == "2025-12-04 03:30 UTC"
    assert when("2025-12-04T05:30:00+02:00") == "2025-12-04 03:30 UTC"
    assert when("not a time") == when(None) == "–"
    assert moment("2025-12-04T03:30:00") == moment("2025-12-04T03:30:00Z")


@pytest.mark.parametrize(
    ("n_bytes", "shown"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 2**30, "5.0 GiB")]
)
def test_sizes(n_bytes: int, shown: str) -> None:
    assert size(n_bytes) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.0, 1e-4, 2.2009e-4], ["0.0000000", "0.0001000", "0.0002201"]),
        ([1.5, 12.25, None], ["1.500", "12.250", "–"]),
        ([1.0819, math.nan, 0.622], ["1.0819", "–", "0.6220"]),
        ([3, 26], ["3", "26"]),
        ([1e-9], ["0.0000000"]),
        ([], []),
    ],
)
def test_the_numbers_of_a_column_line_up(values: list[object], shown: list[str]) -> None:
    assert column(values) == shown


def test_a_clock_counts_minutes() -> None:
    assert [clock(second) for second in (0, 59.6, 125)] == ["0:00", "1:00", "2:05"]

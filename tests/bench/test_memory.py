"""Long videos: memory that does not grow with them, and time that grows no faster."""

import pytest

from tests.bench.memory import measure

GB = 10**9


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_hours_take_under_2_gb_and_twice_the_time_of_one() -> None:
    one_s, one_bytes = measure("hour")
    two_s, two_bytes = measure("two-hours")
    assert two_bytes < 2 * GB
    assert two_bytes - one_bytes < 0.1 * GB  # the second hour's features are 22 MB
    assert two_s < 2.4 * one_s

"""When a night trains, when it does not, and what it says."""

import pytest

from flows.nightly import decide


@pytest.mark.parametrize(
    ("videos", "before", "force", "train"),
    [
        (3, None, False, True),  # never trained on
        (100, 100, False, False),
        (100, 100, True, True),
        (104, 100, False, False),
        (105, 100, False, True),  # 5 %
        (1009, 1000, False, False),
        (1010, 1000, False, True),  # 10 videos
        (4, 3, False, True),
        (90, 100, False, False),  # it shrank
        (0, 0, False, False),
    ],
)
def test_it_trains_when_the_dataset_grew_enough(videos: int, before: int | None, force: bool, train: bool) -> None:
    decision = decide(videos, before, force=force)
    assert decision.train is train
    assert str(videos) in decision.reason


def test_it_says_what_it_waits_for() -> None:
    assert "trains again with 5% or 10 more" in decide(101, 100, force=False).reason

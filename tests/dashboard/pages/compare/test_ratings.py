import json
import math

import pytest

from dashboard.pages.compare import ratings
from vmt.catalog.records import dumps
from vmt.catalog.records.soundtracks import Rating
from vmt.store import ObjectStore

PREFIXES = [f"outputs/run/epoch_{epoch:04d}/015/take/" for epoch in (3, 7, 9)]


def scores(value: int) -> dict[str, int]:
    return dict.fromkeys(ratings.QUESTIONS, value)


def rating(first: int, second: int, number: int = 0) -> Rating:
    return Rating(
        id=str(number),
        at="2025-12-04T03:30:00+00:00",
        rater="r",
        video="015",
        outputs=tuple(PREFIXES[:2]),
        scores=(scores(first), scores(second)),
    )


def test_a_pair_stays_until_it_is_rated() -> None:
    session: dict[object, object] = {}
    pair = ratings.pair_for(session, "015", PREFIXES)
    assert ratings.pair_for(session, "015", PREFIXES) == pair
    assert len(set(pair.prefixes)) == 2
    ratings.next_pair(session, "015")
    assert ratings.pair_for(session, "015", PREFIXES).id != pair.id


def test_both_orders_are_heard() -> None:
    heard = {ratings.pair_for({}, "015", PREFIXES[:2]).prefixes for _ in range(64)}
    assert len(heard) == 2


def test_a_pair_whose_soundtrack_is_gone_is_drawn_anew() -> None:
    session: dict[object, object] = {}
    ratings.pair_for(session, "015", PREFIXES[:2])
    assert PREFIXES[2] in ratings.pair_for(session, "015", PREFIXES[1:]).prefixes


def test_the_same_answers_sent_twice_are_kept_once(store: ObjectStore) -> None:
    pair = ratings.pair_for({}, "015", PREFIXES)
    for _ in range(2):
        ratings.save(store, pair, "015", [scores(4), scores(2)], "fine", ratings.rater({}))
    assert [info.key for info in store.list("ratings/")] == [f"ratings/{pair.id}.json"]
    assert json.loads(store.get("index/ratings.json"))["ratings"] == [
        json.loads(store.get(f"ratings/{pair.id}.json"))
    ]


def test_the_first_note_takes_in_the_ratings_from_before(store: ObjectStore) -> None:
    store.put("ratings/0.json", dumps(rating(5, 1)))
    ratings.save(
        store, ratings.pair_for({}, "015", PREFIXES), "015", [scores(4), scores(2)], "", "x"
    )
    assert [each["rater"] for each in json.loads(store.get("index/ratings.json"))["ratings"]] == [
        rating(5, 1).rater,
        "x",
    ]


def test_means_and_intervals() -> None:
    table = ratings.means([rating(5, 1, 0), rating(3, 1, 1)])
    first = table[(table["model"] == "run, 3") & (table["question"] == "harmony")].iloc[0]
    assert (first["n"], first["mean"]) == (2, 4.0)
    assert first["high"] - first["mean"] == pytest.approx(1.96 * math.sqrt(2) / math.sqrt(2))
    second = table[table["model"] == "run, 7"]
    assert list(second["question"]) == list(ratings.QUESTIONS)
    assert (second["high"] == second["low"]).all()


def test_a_single_score_has_no_interval() -> None:
    assert math.isnan(ratings.means([rating(5, 1)])["low"].iloc[0])


def test_rows_name_what_was_heard() -> None:
    first, second = ratings.rows([rating(5, 1)])
    assert (first["run"], first["epoch"], first["take"], first["heard"], first["overall"]) == (
        "run",
        3,
        "take",
        "A",
        5,
    )
    assert (second["epoch"], second["heard"], second["overall"]) == (7, "B", 1)

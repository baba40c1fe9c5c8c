"""Records: what is damaged, newer, older or unknown, each in one clear line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmt.catalog.records import Record, decode, dumps, encode, loads
from vmt.catalog.records.codec import Json
from vmt.errors import RecordError


@dataclass(frozen=True)
class Part:
    size: float
    note: str | None = field(default=None, metadata={"sparse": True})


@dataclass(frozen=True)
class Whole(Record):
    SCHEMA = 2

    name: str
    count: int
    state: Literal["on", "off"] = "on"
    parts: tuple[Part, ...] = ()
    pair: tuple[int, str] | None = None
    by_name: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    consent: str | bool | None = None
    source: str = field(default="", metadata={"json": "from"})
    anything: object = None

    @classmethod
    def upgrade(cls, content: Json, schema: int) -> Json:
        """Schema 1 called the count `number`, and the oldest had none."""
        return {**content, "count": content.get("number", 0)}


WHOLE: dict[str, Any] = {"schema": 2, "name": "a", "count": 1}


def test_a_record_reads_back_as_it_was() -> None:
    record = Whole(
        "ä",
        3,
        "off",
        (Part(1.5), Part(2.0, "b")),
        (1, "x"),
        {"y": (0.1, 0.2)},
        True,
        "there",
        {"free": [1, None]},
    )
    content = json.loads(dumps(record))
    assert content["schema"] == 2
    assert next(iter(content)) == "schema"
    assert content["from"] == "there"
    assert content["parts"] == [{"size": 1.5}, {"size": 2.0, "note": "b"}]
    assert loads(Whole, dumps(record), "key") == record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": "1"}, "runs/a/x.json: count is '1' and must be a whole number"),
        ({"count": True}, "count is True and must be a whole number"),
        ({"count": 1.0}, "count is 1.0 and must be a whole number"),
        ({"name": None}, "name is None and must be text"),
        ({"state": "broken"}, "state is 'broken' and must be one of on, off"),
        ({"parts": [{"size": 1}, {"size": "2"}]}, "parts.1.size is '2' and must be a number"),
        ({"parts": {}}, "parts is {} and must be a list"),
        ({"parts": [{}]}, "parts.0 has no 'size'"),
        ({"pair": [1]}, "pair has 1 values and must have 2"),
        ({"by_name": {"k": [None]}}, "by_name.k.0 is None and must be a number"),
        ({"by_name": []}, r"by_name is \[\] and must be an object"),
        ({"consent": 3}, "consent is 3 and must be true or false"),
    ],
)
def test_a_damaged_value_is_named_with_its_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=f"{message}; restore it, or delete it") as raised:
        decode(Whole, WHOLE | change, "runs/a/x.json")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "runs/a/x.json: is not JSON"),
        (b"\xff\xfe", "runs/a/x.json: is not JSON"),
        (b'{"name": "a"', "runs/a/x.json: is not JSON"),
        (b"[1]", r"runs/a/x.json: is \[1\] and must be an object"),
        (b'{"schema": 2, "count": 1}', "runs/a/x.json: has no 'name'"),
    ],
)
def test_what_is_no_record_is_named_with_its_key(data: bytes, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        loads(Whole, data, "runs/a/x.json")


def test_a_newer_schema_says_to_upgrade() -> None:
    with pytest.raises(
        RecordError,
        match=r"runs/a/x.json: has schema 3 of Whole, and this version knows up to 2; upgrade VMT",
    ):
        decode(Whole, {"schema": 3, "other": 1}, "runs/a/x.json")


def test_an_older_schema_is_upgraded() -> None:
    assert decode(Whole, {"schema": 1, "name": "a", "number": 4}, "x").count == 4
    assert decode(Whole, {"name": "a"}, "x").count == 0, "without a schema it is the oldest"


def test_unknown_fields_of_a_known_schema_are_ignored() -> None:
    assert decode(Whole, WHOLE | {"later": [1]}, "x") == Whole("a", 1)


def test_settings_of_another_room_have_a_schema_too() -> None:
    content = json.loads(dumps(Part(1.0)))
    assert content == {"schema": 1, "size": 1.0}
    with pytest.raises(RecordError, match=r"x: has schema 9 of Part, .* upgrade VMT"):
        decode(Part, {"schema": 9, "size": 1}, "x")


texts = st.text('a\n"', max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*WHOLE, "parts", "pair", "by_name"]), json_values))
def test_nothing_but_a_record_error_comes_of_any_json(content: dict[str, Any]) -> None:
    try:
        record = decode(Whole, content, "x")
    except RecordError:
        return
    assert decode(Whole, json.loads(json.dumps(encode(record))), "x") == record

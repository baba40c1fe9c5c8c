"""Records to JSON and back: one reader and one writer for every object that the bucket stores.

A record is a frozen dataclass. Its annotations are the schema: the reader checks every value
against them, so that a damaged object is named at once and not by a KeyError somewhere else. The
rules of compatibility:

- `schema` is a whole number in every stored record; an object without it is of VMT 0.1.0 (schema
  0).
- An older schema is read: `Record.upgrade` turns its content into today's.
- A newer schema is refused with one line that says to upgrade VMT.
- Unknown fields of a known schema are ignored: a later VMT may add fields and keep the schema. A
  field that is added needs a default, for the objects that lack it.

The reader knows these annotations: `str`, `int`, `float` (a whole number will do), `bool`, `object`
(any JSON), `Literal`, `X | None`, `tuple[X, ...]`, `tuple[X, Y]`, `Mapping[str, X]`, and
dataclasses of these.
"""

import dataclasses
import json
import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import (
    Any,
    ClassVar,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from vmt.errors import RecordError, VmtError

Json = dict[str, object]
PLAIN_SCHEMA = 1
"""Of stored dataclasses that are no `Record`: settings that belong to a lower room."""
Decode = Callable[[object], object]
R = TypeVar("R")


@dataclass(frozen=True)
class Record:
    """What one stored JSON object holds."""

    SCHEMA: ClassVar[int] = 1
    """The number that this version writes, and the newest that it reads."""
    COMPACT: ClassVar[bool] = False
    """Written without line breaks: for objects that only programs read, and large ones."""

    @classmethod
    def upgrade(cls, content: Json, schema: int) -> Json:
        """The content of an older schema as one of today's."""
        return content


class _Mismatch(Exception):
    """A value does not fit its annotation; `path` leads to it from the outermost object."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path: list[str] = []


class _TooNew(Exception):
    """A record of a schema that this version does not know."""

    def __init__(self, schema: int, newest: int) -> None:
        super().__init__()
        self.schema, self.newest = schema, newest


def loads(kind: type[R], data: bytes, name: str) -> R:
    """The record of an object's bytes.

    Args:
        kind: the record's class.
        data: the JSON.
        name: the object's key, or a file, for messages.

    Raises:
        RecordError: if the JSON is damaged, a value is not of its type, or the schema is newer than
            this version knows.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"{name}: is not JSON ({error}); restore it, or delete it and run the job that writes "
            "it again"
        ) from error
    return decode(kind, content, name)


def decode(kind: type[R], content: object, name: str) -> R:
    """The record of parsed JSON.

    Args:
        kind: the record's class.
        content: what `json.loads` gave.
        name: the object's key, or a file, for messages.

    Raises:
        RecordError: if a value is not of its type, or the schema is newer than this version knows.
    """
    try:
        if isinstance(content, dict) and not issubclass(kind, Record):
            _check_schema(content, PLAIN_SCHEMA)
        return cast(R, _decoder(cast(Hashable, kind))(content))
    except _TooNew as error:
        raise RecordError(
            f"{name}: has schema {error.schema} of {kind.__name__}, and this version knows up to "
            f"{error.newest}; upgrade VMT"
        ) from error
    except _Mismatch as error:
        place = f"{'.'.join(error.path)} " if error.path else ""
        raise RecordError(
            f"{name}: {place}{error.problem}; restore it, or delete it and run the job that "
            "writes it again"
        ) from error


def dumps(record: object) -> bytes:
    """The JSON of a record, in UTF-8."""
    content = encode(record)
    if not isinstance(record, Record):
        return json.dumps({"schema": PLAIN_SCHEMA, **content}, indent=1).encode()
    if record.COMPACT:
        return json.dumps(content, separators=(",", ":")).encode()
    return json.dumps(content, indent=1).encode()


def encode(record: object) -> Json:
    """The JSON object of a record: `schema` first, then its fields in their order."""
    return cast(Json, _plain(record))


def _plain(value: object) -> object:
    """Dataclasses and tuples as JSON has them."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [_plain(inner) for inner in value]
    content: Json = {"schema": type(value).SCHEMA} if isinstance(value, Record) else {}
    for name, json_name, sparse in _layout(cast(Hashable, type(value))):
        inner = getattr(value, name)
        if not (sparse and inner is None):
            content[json_name] = _plain(inner)
    return content


@cache
def _layout(kind: Hashable) -> tuple[tuple[str, str, bool], ...]:
    """Each field's name, its name in JSON, and whether it is left out where it is None."""
    return tuple(
        (field.name, field.metadata.get("json", field.name), field.metadata.get("sparse", False))
        for field in dataclasses.fields(cast(Any, kind))
    )


# Whatever makes a `Decode` from an annotation runs once for each annotation: an index of 100,000
# videos is decoded entry by entry.


@cache
def _decoder(kind: Hashable) -> Decode:
    """Checks and converts values of an annotation."""
    if kind is object:
        return lambda value: value
    if kind is float:
        return _float
    if kind in (str, int, bool):
        return _scalar(cast(type, kind))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _object(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _literal(inner)
    if origin in (Union, types.UnionType):
        return _union(inner)
    if origin is tuple:
        return _tuple(inner)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(inner)
    raise TypeError(f"{kind}: an annotation that stored records do not have; see this module")


_NAMES = {str: "text", int: "a whole number", bool: "true or false"}


def _said(value: object) -> str:
    return repr(value)[:60]


def _scalar(kind: type) -> Decode:
    def decode(value: object) -> object:
        if type(value) is not kind:
            raise _Mismatch(f"is {_said(value)} and must be {_NAMES[kind]}")
        return value

    return decode


def _float(value: object) -> object:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise _Mismatch(f"is {_said(value)} and must be a number")


def _literal(values: tuple[object, ...]) -> Decode:
    def decode(value: object) -> object:
        if value not in values:
            raise _Mismatch(f"is {_said(value)} and must be one of {', '.join(map(str, values))}")
        return value

    return decode


def _union(kinds: tuple[object, ...]) -> Decode:
    optional = type(None) in kinds
    decoders = [_decoder(kind) for kind in kinds if kind is not type(None)]

    def decode(value: object) -> object:
        if optional and value is None:
            return None
        for decoder in decoders[:-1]:
            try:
                return decoder(value)
            except _Mismatch:
                continue
        return decoders[-1](value)

    return decode


def _tuple(kinds: tuple[object, ...]) -> Decode:
    repeated = len(kinds) == 2 and kinds[1] is Ellipsis
    decoders = [_decoder(kind) for kind in (kinds[:1] if repeated else kinds)]

    def decode(value: object) -> object:
        if not isinstance(value, list):
            raise _Mismatch(f"is {_said(value)} and must be a list")
        if not repeated and len(value) != len(decoders):
            raise _Mismatch(f"has {len(value)} values and must have {len(decoders)}")
        pairs = zip(value, decoders * len(value) if repeated else decoders, strict=True)
        return tuple(_within(decoder, item, str(n)) for n, (item, decoder) in enumerate(pairs))

    return decode


def _mapping(kinds: tuple[object, ...]) -> Decode:
    decoder = _decoder(kinds[1])

    def decode(value: object) -> object:
        if not isinstance(value, dict):
            raise _Mismatch(f"is {_said(value)} and must be an object")
        return {name: _within(decoder, inner, name) for name, inner in value.items()}

    return decode


def _within(decoder: Decode, value: object, place: str) -> object:
    try:
        return decoder(value)
    except _Mismatch as error:
        error.path.insert(0, place)
        raise


def _object(kind: type) -> Decode:
    hints = get_type_hints(kind)
    fields = [
        (
            field.name,
            field.metadata.get("json", field.name),
            _decoder(hints[field.name]),
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    ]

    def decode(value: object) -> object:
        if not isinstance(value, dict):
            raise _Mismatch(f"is {_said(value)} and must be an object")
        if issubclass(kind, Record):
            value = _upgraded(kind, value)
        values = {}
        for name, json_name, decoder, required in fields:
            if json_name in value:
                values[name] = _within(decoder, value[json_name], json_name)
            elif required:
                raise _Mismatch(f"has no {json_name!r}")
        try:
            return kind(**values)
        except VmtError as error:  # a rule of the class itself
            raise _Mismatch(f"breaks a rule: {error}") from error

    return decode


def _upgraded(kind: type[Record], content: Json) -> Json:
    """The content as today's schema has it. A field `schema` that is no number is another field."""
    schema = _check_schema(content, kind.SCHEMA)
    return kind.upgrade(content, schema) if schema < kind.SCHEMA else content


def _check_schema(content: Json, newest: int) -> int:
    schema = content.get("schema", 0)
    if type(schema) is not int:
        return 0
    if schema > newest:
        raise _TooNew(schema, newest)
    return schema

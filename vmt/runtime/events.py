"""Events and maps: how a job reports its progress and distributes its work."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")

OnEvent = Callable[[str, Mapping[str, Any]], None]
"""Called with the name of an event (`vmt.epoch.finished`, ...) and its payload of JSON values."""

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""A function like the built-in `map`; a face passes threads, processes or Ray."""


def ignore(name: str, payload: Mapping[str, Any]) -> None:
    """An `OnEvent` that does nothing."""


def thread_map(function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """`map` over two threads; the decoders and encoders release the interpreter's lock."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(function, items)

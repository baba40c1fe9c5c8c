"""What every job shares: how it reports and how it spreads its work."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")

OnEvent = Callable[[str, Mapping[str, Any]], None]
"""Called with an event's name (`vmt.epoch.finished`, ...) and its payload, plain JSON values."""

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Like the built-in `map`; the flows bring processes or Ray."""


def ignore(name: str, payload: Mapping[str, Any]) -> None:
    """An `OnEvent` for those who do not listen."""


def thread_map(function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """`map` over two threads: the tools below release the interpreter's lock."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(function, items)

"""The tree of expected failures."""

import pickle

import pytest

from vmt import errors
from vmt.errors import MediaError, StoreUnavailable, VmtError


def tree() -> list[type[VmtError]]:
    found = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, VmtError)
    ]
    assert len(found) > 8
    return found


@pytest.mark.parametrize("kind", tree())
def test_drawn_in_the_docstring(kind: type[VmtError]) -> None:
    assert kind.__name__ in str(errors.__doc__)
    assert kind.__doc__


def test_only_an_unavailable_store_is_transient() -> None:
    assert [kind for kind in tree() if kind.transient] == [StoreUnavailable]


@pytest.mark.parametrize("code", MediaError.CODES)
def test_media_errors_carry_a_known_code(code: str) -> None:
    error = MediaError("video a.mp4: no", code)
    assert (str(error), error.code) == ("video a.mp4: no", code)
    with pytest.raises(AssertionError):
        MediaError("video a.mp4: no", "novel")


@pytest.mark.parametrize("kind", [kind for kind in tree() if not issubclass(kind, MediaError)])
def test_errors_come_home_from_processes(kind: type[VmtError]) -> None:
    again = pickle.loads(pickle.dumps(kind("what it says")))
    assert (type(again), str(again)) == (kind, "what it says")


def test_media_errors_come_home_from_processes() -> None:
    again = pickle.loads(pickle.dumps(MediaError("video a.mp4: no", "truncated")))
    assert (str(again), again.code) == ("video a.mp4: no", "truncated")

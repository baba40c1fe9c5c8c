"""Finding the synthesizer's library and its SoundFont.

FluidSynth comes inside pygame-ce's wheel, so that no system package is needed; a system's own
library serves where the wheel has none. pyfluidsynth looks for the library when it is first
imported, so `fluidsynth_module` must be what imports it.
"""

import contextlib
import ctypes.util
import importlib
import importlib.metadata
import importlib.resources
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from vmt.errors import GenerationError

_LOADING = threading.Lock()


@cache
def fluidsynth_module() -> ModuleType:
    """pyfluidsynth, bound to the library in pygame-ce's wheel or else to the system's.

    Raises:
        GenerationError: if there is no FluidSynth library.
    """
    try:
        # pyfluidsynth prints to stdout where the variable CI is set; threads that turn it aside at
        # once would lose it
        with _LOADING, _library_first(_bundled_library()), contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module("fluidsynth")
    except (ImportError, OSError) as error:
        raise GenerationError(
            f"the FluidSynth library cannot be loaded ({error}); reinstall pygame-ce or "
            "install libfluidsynth"
        ) from error


@contextlib.contextmanager
def _library_first(library: Path | None) -> Iterator[None]:
    """Let `ctypes.util.find_library` find `library` for fluidsynth: pyfluidsynth offers no other
    way to name it.
    """
    system = ctypes.util.find_library

    def find(name: str) -> str | None:
        return str(library) if library is not None and name == "fluidsynth" else system(name)

    ctypes.util.find_library = find
    try:
        yield
    finally:
        ctypes.util.find_library = system


def _bundled_library() -> Path | None:
    try:
        files = importlib.metadata.files("pygame-ce") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = sorted(
        Path(str(file.locate())) for file in files if file.name.lower().startswith("libfluidsynth")
    )
    return found[0] if found else None


def default_soundfont() -> Path:
    """TimGM6mb, the General MIDI SoundFont that pretty_midi brings (GPL-2, 6 MB)."""
    return Path(str(importlib.resources.files("pretty_midi").joinpath("TimGM6mb.sf2")))


def check_soundfont(path: Path) -> Path:
    """`path`, if a SoundFont stands there.

    Raises:
        GenerationError: if there is no file, or it is not a SoundFont.
    """
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise GenerationError(
            f"soundfont {path}: {error.strerror}; set VMT_SOUNDFONT to a .sf2 or .sf3 "
            "file, or leave it empty"
        ) from error
    if head[:4] != b"RIFF" or head[8:12] != b"sfbk":
        raise GenerationError(
            f"soundfont {path}: not a SoundFont; set VMT_SOUNDFONT to a .sf2 or .sf3 file, "
            "or leave it empty"
        )
    return path

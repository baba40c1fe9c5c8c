"""VMT writes soundtracks for videos.

The public API is a ladder from a video to a soundtrack, documented in `vmt.api`:

```python
import vmt

model = vmt.load_model("demo")
features = vmt.extract_features("film.mp4", model)
chords = vmt.sample_chords(model, features)
score = vmt.arrange_chords(chords, features, "piano")
audio = vmt.render(score)
audio.write("film.flac")
```

`vmt.soundtrack("film.mp4")` takes all of these steps and writes the files. The names are loaded at
their first use.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmt.api import (
        Audio,
        Chords,
        Features,
        Model,
        Score,
        SoundtrackFiles,
        arrange_chords,
        extract_features,
        load_model,
        render,
        sample_chords,
        soundtrack,
    )

__version__ = "0.2.0"

__all__ = [
    "Audio",
    "Chords",
    "Features",
    "Model",
    "Score",
    "SoundtrackFiles",
    "__version__",
    "arrange_chords",
    "extract_features",
    "load_model",
    "render",
    "sample_chords",
    "soundtrack",
]


def __getattr__(name: str) -> Any:
    """Load a name of the API at its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'vmt' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module("vmt.api"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names of the API too, before they are loaded."""
    return sorted({*globals(), *__all__})

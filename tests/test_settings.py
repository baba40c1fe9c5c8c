"""The environment as one frozen value."""

from pathlib import Path

import pydantic
import pytest

from vmt.errors import SettingsError
from vmt.settings import Settings, load_settings

EXAMPLES = {
    "store": ("s3://b/p", "s3://b/p"),
    "cache": ("/somewhere/else", Path("/somewhere/else")),
    "soundfont": ("a.sf2", Path("a.sf2")),
    "s3_endpoint_url": ("http://127.0.0.1:8333", "http://127.0.0.1:8333"),
    "s3_public_endpoint_url": ("https://s3.example.com", "https://s3.example.com"),
    "styles": ("my/styles", Path("my/styles")),
    "presets": ("my/presets", Path("my/presets")),
    "device": ("cuda", "cuda"),
    "workers": ("3", 3),
    "stack": ("elsewhere", Path("elsewhere")),
    "clip_fallback_untrained": ("true", True),
    "language": ("zh", "zh"),
}


def test_defaults_need_no_environment() -> None:
    settings = load_settings()
    assert settings.store == "vmt-data"
    assert settings.s3_endpoint_url is None
    assert settings.device == "auto"
    assert (settings.clip_model, settings.clip_weights) == ("ViT-L-14-336", "openai")
    assert not settings.clip_fallback_untrained


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_acts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = EXAMPLES.get(name, ("some-text", "some-text"))
    monkeypatch.setenv(f"VMT_{name.upper()}", text)
    found = getattr(load_settings(), name)
    if isinstance(found, pydantic.SecretStr):
        found = found.get_secret_value()
    assert found == value


@pytest.mark.parametrize("name", ["VMT_STROE", "VMT_", "VMT_store2"])
def test_unknown_names_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(
        SettingsError,
        match=rf"^environment variable {name} is not a setting of VMT; known: .*VMT_STORE",
    ):
        load_settings()


def test_the_tests_own_variable_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMT_TEST_DATA", "somewhere")
    monkeypatch.setenv("VMTX", "somebody else's")
    load_settings()


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMT_DEVICE", "tpu")
    with pytest.raises(
        SettingsError,
        match=r"^environment variable VMT_DEVICE: .*'auto', 'cpu' or 'cuda'.*\(found 'tpu'\)$",
    ):
        load_settings()


def test_frozen() -> None:
    with pytest.raises(pydantic.ValidationError):
        Settings().store = "other"


def test_the_secret_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMT_S3_SECRET_ACCESS_KEY", "hush-hush")
    assert (
        "hush-hush"
        not in repr(load_settings()) + str(load_settings()) + load_settings().model_dump_json()
    )

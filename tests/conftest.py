"""Fixtures that several files of tests share."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import open_clip
import pytest

from tests.clips import Clips
from tests.data_marks import (
    pytest_collection_modifyitems,  # noqa: F401
    pytest_configure,  # noqa: F401
    pytest_sessionfinish,  # noqa: F401
    pytest_terminal_summary,  # noqa: F401
    pytest_testnodedown,  # noqa: F401
)
from tests.servers import S3Server, s3_server
from tests.studio import made_studio, muvi_layout, settings, studio  # noqa: F401
from vmt.features.recognisers.numba_warmup import compile_librosa

# A shell that starts tests with `&` has them ignore Ctrl-C, and with them every program that they
# start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# A loaded machine is slow, not wrong. CI tries the same examples in every run, so that what fails
# there can be repeated.
hypothesis.settings.register_profile("vmt", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("vmt")


def pytest_xdist_setupnodes() -> None:
    """Tests use librosa by itself too, in processes that start together."""
    compile_librosa()


TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a CLIP of a few thousand weights: open_clip's own classes, quick to build."""
    path: Path = tmp_path_factory.mktemp("clip") / "vmt-tiny.json"
    path.write_text(json.dumps(TINY))
    open_clip.add_model_config(path)
    return "vmt-tiny"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's settings and the machine's S3 credentials stay out of tests; each sets what it
    needs.
    """
    for name in list(os.environ):
        if (name.startswith("VMT_") and name != "VMT_TEST_DATA") or name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Small odd media files, each made when it is first asked for."""
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server for the session; tests keep apart by prefixes. Mark tests that use it
    `server`.
    """
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server

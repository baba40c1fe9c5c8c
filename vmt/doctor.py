"""`vmt doctor`: checks the needs of VMT on this machine, with a remedy for each problem.

A check does the real thing if that is cheap: it encodes a picture, writes and reads an object, asks
Prefect for its deployments. Nothing is downloaded, and nothing that is written stays. A check that
cannot be made is a failing line, and the other checks continue.
The module is a list of such checks; each is short and independent of the others.
"""

import base64
import contextlib
import http.client
import json
import platform
import secrets
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from packaging.requirements import Requirement

from vmt import media
from vmt.audio.soundfont import check_soundfont, default_soundfont, fluidsynth_module
from vmt.errors import GenerationError, SettingsError, VmtError, WeightsError
from vmt.features import clip_weights
from vmt.hardware import choose_precision
from vmt.settings import Settings
from vmt.store import LocalStore, ObjectStore, open_store
from vmt.store.minimum import lacking
from vmt.store.protocol import MINIMUM

PYTHON = (3, 11)
# Packages whose versions are printed.
NAMED = ("torch", "prefect", "fastapi", "sqlalchemy", "streamlit")
FULL_BYTES, TIGHT_BYTES = 1 << 30, 10 << 30
SKEW_WARN_S, SKEW_FAIL_S = 5.0, 300.0  # S3 refuses signatures that are 900 s off
TIMEOUT_S = 5.0
PROBES = "health/doctor-"
PROBE_FOR_LIFE = timedelta(hours=1)  # an older probe is left over from a killed doctor

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was checked.
        state: `ok`, `warn` (works with a limitation) or `fail`.
        found: the result of the check.
        remedy: what to do, unless `found` says it already.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def examine(
    settings: Settings, prefect_api: str | None, prefect_login: str | None = None
) -> Iterator[Finding]:
    """Yield each finding as soon as its check is done.

    Args:
        settings: of the environment.
        prefect_api: the value of PREFECT_API_URL.
        prefect_login: the value of PREFECT_API_AUTH_STRING, `user:password`.
    """
    checks: dict[str, Callable[[], Finding]] = {
        "python": _python,
        "packages": _packages,
        "ffmpeg": _ffmpeg,
        "synthesizer": _synthesizer,
        "soundfont": lambda: _soundfont(settings),
        "CLIP": lambda: _clip(settings),
        "GPU": lambda: _gpu(settings),
        "disk": lambda: _disk(settings),
        "store": lambda: _store(settings),
        "clock": lambda: _clock(settings, prefect_api),
        "Prefect": lambda: _prefect(prefect_api, prefect_login),
    }
    for name, check in checks.items():
        try:
            yield check()
        except VmtError as error:  # its message has the remedy
            yield Finding(name, "fail", str(error))
        except OSError as error:
            yield Finding(
                name,
                "fail",
                str(error),
                "fix that, or set another place; the other lines are valid",
            )


def _python() -> Finding:
    result = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    wanted = ".".join(map(str, PYTHON))
    if tuple(map(int, platform.python_version_tuple()[:2])) != PYTHON:
        return Finding("python", "fail", result, f"install Python {wanted} and run `make setup`")
    return Finding("python", "ok", result)


def _packages(wanted: list[str] | None = None) -> Finding:
    """Whether the packages of pyproject.toml are installed in versions that fit."""
    requirements = [
        Requirement(text) for text in (metadata.requires("vmt") if wanted is None else wanted) or ()
    ]
    unmet = []
    for requirement in requirements:
        name, specifier = requirement.name, requirement.specifier
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            unmet.append(f"{name} is missing")
            continue
        if not specifier.contains(version, prereleases=True):
            unmet.append(f"{name} is {version}, and must be {specifier}")
    if unmet:
        return Finding(
            "packages",
            "fail",
            "; ".join(unmet),
            "run `make setup`, which installs what the locks say",
        )
    shown = ", ".join(f"{name} {metadata.version(name)}" for name in NAMED)
    return Finding("packages", "ok", f"{len(requirements)} as they must be; {shown}")


def _ffmpeg() -> Finding:
    frames = (np.full((64, 64, 3), shade, np.uint8) for shade in (0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "doctor.mp4"
        try:
            media.encode_video(frames, 2, (64, 64), path, None)
            info = media.probe(path)
        except VmtError as error:
            return Finding(
                "ffmpeg", "fail", str(error), "reinstall imageio-ffmpeg, which carries ffmpeg"
            )
    return Finding("ffmpeg", "ok", f"encodes and decodes ({info.video_codec})")


def _synthesizer() -> Finding:
    try:
        module = fluidsynth_module()
    except GenerationError as error:
        return Finding("synthesizer", "fail", str(error))
    return Finding("synthesizer", "ok", f"FluidSynth, {Path(str(module.lib)).name}")


def _soundfont(settings: Settings) -> Finding:
    path = settings.soundfont or default_soundfont()
    try:
        check_soundfont(path)
    except GenerationError as error:
        return Finding("soundfont", "fail", str(error))
    size = f"{path.stat().st_size / 1e6:.0f} MB"
    if settings.soundfont is None:
        return Finding(
            "soundfont", "ok", f"{path.name}, {size}, the default; a larger one sounds better"
        )
    return Finding("soundfont", "ok", f"{path}, {size}")


def _clip(settings: Settings) -> Finding:
    name, cache = f"{settings.clip_model} {settings.clip_weights}", settings.cache
    try:
        if clip_weights.untrained_seed(settings.clip_weights) is not None:
            return Finding(
                "CLIP",
                "warn",
                f"{name}: says little about a picture",
                "set VMT_CLIP_WEIGHTS=openai",
            )
        if clip_weights.is_here(settings.clip_model, settings.clip_weights, cache):
            return Finding("CLIP", "ok", f"{name}: on this machine")
    except WeightsError as error:
        return Finding("CLIP", "fail", str(error))
    why = clip_weights.hub_unreachable(TIMEOUT_S)
    if why is None:
        return Finding(
            "CLIP", "warn", f"{name}: not in {cache}", "none: the first ingest downloads them"
        )
    result = f"{name}: not in {cache}, and the hub does not answer ({why})"
    if settings.clip_fallback_untrained:
        return Finding(
            "CLIP",
            "warn",
            f"{result}; untrained ones take their place",
            "connect to the network once",
        )
    return Finding(
        "CLIP",
        "fail",
        result,
        "connect to the network once, or download them elsewhere and set VMT_CLIP_WEIGHTS=FILE",
    )


def _gpu(settings: Settings) -> Finding:
    if torch.cuda.is_available():
        count, first = torch.cuda.device_count(), torch.cuda.get_device_properties(0)
        result = f"{count} x {first.name}, {first.total_memory / 2**30:.0f} GiB"
        if settings.device == "cpu":
            return Finding(
                "GPU", "warn", f"{result}, unused: VMT_DEVICE=cpu", "set VMT_DEVICE=auto"
            )
        return Finding("GPU", "ok", f"{result}, {choose_precision('auto', torch.device('cuda'))}")
    if settings.device == "cuda":
        return Finding(
            "GPU",
            "fail",
            "none that PyTorch sees, and VMT_DEVICE=cuda",
            "set VMT_DEVICE=auto, or mend it",
        )
    if shutil.which("nvidia-smi"):
        return Finding(
            "GPU",
            "warn",
            "PyTorch sees none, though there is a driver",
            "install a PyTorch for its CUDA",
        )
    return Finding(
        "GPU", "ok", f"none; the CPU computes, in {choose_precision('auto', torch.device('cpu'))}"
    )


def _disk(settings: Settings) -> Finding:
    places = {
        "cache": settings.cache,
        "temporary files": Path(tempfile.gettempdir()),
        "stack": settings.stack,
    }
    with contextlib.suppress(SettingsError):  # the line of the store reports it
        store = open_store(settings.store, settings)
        folder = store.capabilities.folder
        if folder is not None:
            places["store"] = folder
    free = {name: shutil.disk_usage(_existing(path)).free for name, path in places.items()}
    name = min(free, key=lambda place: free[place])
    result = f"{free[name] / 1e9:.1f} GB free at least, for {name} ({_existing(places[name])})"
    if free[name] < FULL_BYTES:
        return Finding(
            "disk",
            "fail",
            result,
            "free some space, or set VMT_CACHE, VMT_STACK or TMPDIR elsewhere",
        )
    if free[name] < TIGHT_BYTES:
        return Finding(
            "disk", "warn", result, "an `amt` run writes about 4 GB of weights, CLIP's are 1.7 GB"
        )
    return Finding("disk", "ok", result)


def _existing(path: Path) -> Path:
    return next(place for place in (path.resolve(), *path.resolve().parents) if place.exists())


def _store(settings: Settings) -> Finding:
    try:
        store = open_store(settings.store, settings)
        folder = store.capabilities.folder
        if folder is not None and not folder.exists():
            # The folder is made at the first write; until then its parent is probed.
            with tempfile.TemporaryDirectory(dir=_existing(folder)) as probe:
                return _probe_store(
                    LocalStore(Path(probe)), f"{folder}, which is made at the first write"
                )
        return _probe_store(store, store.url)
    except VmtError as error:
        return Finding("store", "fail", str(error))
    except OSError as error:
        return Finding(
            "store",
            "fail",
            f"{settings.store}: {error.strerror}",
            "set VMT_STORE to a place of your own",
        )


def _probe_store(store: ObjectStore, name: str) -> Finding:
    for probe in store.list(PROBES):
        if probe.modified < datetime.now(UTC) - PROBE_FOR_LIFE:
            store.delete(probe.key)
    key, content = PROBES + secrets.token_hex(8), b"doctor"
    try:
        store.put(key, content)
        if store.get(key) != content:
            return Finding(
                "store",
                "fail",
                f"{name}: returns other bytes than were written",
                "use another store",
            )
        if missing := lacking(store):
            return Finding(
                "store",
                "fail",
                f"{name}: {'; '.join(missing)}",
                f"VMT needs {MINIMUM}: use a store that has them, such as AWS S3 or SeaweedFS",
            )
    finally:
        store.delete(key)
    return Finding("store", "ok", f"{name}: writes, reads, refuses a second writer")


def _clock(settings: Settings, prefect_api: str | None) -> Finding:
    asked = prefect_api
    with contextlib.suppress(SettingsError):  # the line of the store reports it
        asked = open_store(settings.store, settings).capabilities.endpoint or prefect_api
    if asked is None:
        return Finding("clock", "ok", "nothing on another machine to compare it with")
    before = time.time()
    date = _headers(asked).get("date")
    if date is None:
        return Finding(
            "clock",
            "warn",
            f"{asked} does not say what time it is",
            "compare it by hand, or run NTP",
        )
    skew_s = (
        parsedate_to_datetime(date).timestamp() + 0.5 - (before + time.time()) / 2
    )  # whole seconds
    result = f"{abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} {asked}"
    if abs(skew_s) > SKEW_FAIL_S:
        return Finding(
            "clock",
            "fail",
            result,
            "set this machine's clock: S3 refuses what is signed at another time",
        )
    if abs(skew_s) > SKEW_WARN_S:
        return Finding("clock", "warn", result, "set this machine's clock, or run NTP")
    return Finding("clock", "ok", f"agrees with {asked}")


def _prefect(api: str | None, login: str | None) -> Finding:
    if not api:
        return Finding(
            "Prefect",
            "ok",
            "PREFECT_API_URL names no server; flows run by themselves, and `vmt up` starts one",
        )
    base = api.rstrip("/")
    try:
        healthy = json.loads(_answer(f"{base}/health", login)) is True
        deployments = json.loads(_answer(f"{base}/deployments/filter", login, b'{"limit": 100}'))
    except urllib.error.HTTPError as error:
        return Finding(
            "Prefect", "fail", f"{api}: {error.code} for {error.url}", _remedy(error.code)
        )
    except (UnicodeDecodeError, json.JSONDecodeError):
        return Finding(
            "Prefect", "fail", f"{api} answers, but not as Prefect's API does", _remedy(404)
        )
    except (OSError, ValueError, http.client.HTTPException) as error:
        result = f"{api} does not answer ({_reason(error)})"
        return Finding(
            "Prefect",
            "fail",
            result,
            "start it (`vmt up`, or prefect server start), or correct PREFECT_API_URL",
        )
    if not healthy:
        return Finding("Prefect", "fail", f"{api} says that it is not healthy", "see its log")
    if not deployments:
        return Finding(
            "Prefect", "fail", f"{api} knows no deployment", "`vmt up`, or prefect deploy --all"
        )
    count = len(deployments)
    if all(deployment["status"] == "NOT_READY" for deployment in deployments):
        return Finding(
            "Prefect",
            "warn",
            f"{api}: no worker runs its {count} deployments",
            "start a worker, or `vmt up`",
        )
    return Finding("Prefect", "ok", f"{api}: {count} deployments")


def _remedy(status: int) -> str:
    """The remedy for a refusal of Prefect's server, by its HTTP status."""
    if status in (401, 403):
        return (
            "set PREFECT_API_AUTH_STRING to the server's user:password, here and for all its "
            "clients"
        )
    if status in (404, 405):
        return "correct PREFECT_API_URL: it names Prefect's API, as in http://127.0.0.1:4200/api"
    if status >= 500:
        return "see the server's log, and that of its database"
    return "install the versions of the locks here and on the server: `make setup`"


def _answer(url: str, login: str | None, body: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/json"}
    if login:
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    with urllib.request.urlopen(
        urllib.request.Request(url, body, headers), timeout=TIMEOUT_S
    ) as answer:
        return bytes(answer.read())


def _headers(url: str) -> Mapping[str, str]:
    """The headers of any answer, including an error; names in lower case."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error))

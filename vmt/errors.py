"""Expected failures, as one small tree.

```
VmtError                 a person can fix the cause: one line, exit code 1
├── SettingsError        the environment is wrong
├── StoreError           the object store refused a request
│   ├── ObjectNotFound       no object has that key
│   ├── PreconditionFailed   a conditional write lost to another writer
│   ├── StoreDenied          wrong credentials or no permission
│   ├── StoreFull            no space left
│   ├── RecordError          a stored JSON is damaged, or of a newer version of VMT
│   └── StoreUnavailable     refused, timed out, 5xx: transient
├── MediaError           a file cannot be used; carries a `code` that a program can count
├── AnnotationError      a .lab or .mid beside a video is malformed
├── WeightsError         weights are missing, of the wrong shape, or unsafe to read
├── DatasetError         a dataset version cannot be made or does not fit
├── TrainingError        training cannot start or resume
│   └── RunTaken             another process trains the run now
├── GenerationError      a soundtrack cannot be made with the given settings
└── StackError           the local stack cannot start, stop or be reached
```

Only errors whose class says `transient` are retried. A message names the item, the rule, the actual
value and the remedy.
"""

from typing import ClassVar


class VmtError(Exception):
    """A failure whose cause a person can fix; `str(error)` is one line that says how."""

    transient: ClassVar[bool] = False


class SettingsError(VmtError):
    """The environment is wrong."""


class StoreError(VmtError):
    """The object store refused a request."""


class ObjectNotFound(StoreError):
    """No object has that key."""


class PreconditionFailed(StoreError):
    """A conditional write lost to another writer."""


class StoreDenied(StoreError):
    """The credentials are wrong or lack a permission."""


class StoreFull(StoreError):
    """There is no space left."""


class RecordError(StoreError):
    """A stored JSON object is damaged, or a newer version of VMT wrote it."""


class StoreUnavailable(StoreError):
    """The store refused the connection, timed out or answered 5xx."""

    transient = True


class MediaError(VmtError):
    """A media file cannot be used.

    Attributes:
        code: one of `CODES`, for programs that count failures by reason.
    """

    CODES: ClassVar[tuple[str, ...]] = (
        "not-media",
        "truncated",
        "no-picture",
        "no-sound",
        "too-short",
        "decode-failed",
        "unsafe",
        "bad-name",
        "forgotten",
        "crashed",
        "timeout",
        "encode-failed",
    )

    def __init__(self, message: str, code: str) -> None:
        assert code in self.CODES, code
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["MediaError"], tuple[str, str]]:
        return type(self), (str(self), self.code)


class AnnotationError(VmtError):
    """A `.lab` or `.mid` beside a video is malformed."""

    code = "bad-annotation"


class WeightsError(VmtError):
    """Weights are missing, of the wrong shape, or unsafe to read."""


class DatasetError(VmtError):
    """A dataset version cannot be made, read, or does not fit."""


class TrainingError(VmtError):
    """Training cannot start or resume."""


class RunTaken(TrainingError):
    """Another process trains the run now."""


class GenerationError(VmtError):
    """A soundtrack cannot be made with the given settings."""


class StackError(VmtError):
    """The local stack cannot start, stop or be reached."""

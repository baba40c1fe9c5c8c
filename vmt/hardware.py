"""What this machine computes on: device and precision. Importing this module does not load
PyTorch.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vmt.errors import SettingsError

if TYPE_CHECKING:
    import torch

Precision = Literal["float32", "bfloat16"]


def choose_device(wanted: str) -> "torch.device":
    """The device of a setting `auto`, `cpu` or `cuda`.

    Raises:
        SettingsError: if CUDA is asked for and there is none.
    """
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device cuda: PyTorch sees no GPU here; set VMT_DEVICE=auto or cpu")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def automatic_precision(device: str) -> Precision:
    """The precision that `auto` chooses on the device of a setting `auto`, `cpu` or `cuda`.

    PyTorch is loaded only if a GPU is possible, so that a dry run on a machine without one stays
    quick.

    Raises:
        SettingsError: if CUDA is asked for and there is none.
    """
    if device == "cpu" or (device == "auto" and not _has_cuda_driver()):
        return "bfloat16" if cpu_has_amx() else "float32"
    return choose_precision("auto", choose_device(device))


def _has_cuda_driver() -> bool:
    """Whether the library of NVIDIA's driver can be loaded; without it PyTorch sees no GPU."""
    import ctypes

    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


@cache
def cpu_has_amx() -> bool:
    """Whether the CPU multiplies bfloat16 in AMX tiles, read from its flags, since PyTorch's
    capability does not say.

    AVX512-BF16 alone does not count: there a product in bfloat16 took twice as long as in float32
    (88 against 170 GFLOP/s on one core of a Xeon, 600 x 512 by 512 x 1024).
    """
    try:
        flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    except OSError:
        return False
    return "amx_bf16" in flags


def choose_precision(wanted: str, device: "torch.device") -> Precision:
    """The precision of a setting `auto`, `float32` or `bfloat16`: bfloat16 where the device is fast
    at it.

    Raises:
        SettingsError: if `wanted` is none of these.
    """
    import torch

    if wanted == "auto":
        # PyTorch calls bfloat16 supported where it is emulated (compute capability under 8: V100,
        # T4), which is slower than float32.
        on_gpu = device.type == "cuda"
        fast = torch.cuda.get_device_capability(device)[0] >= 8 if on_gpu else cpu_has_amx()
        return "bfloat16" if fast else "float32"
    if wanted not in ("float32", "bfloat16"):
        raise SettingsError(f"precision {wanted!r} is not one of auto, float32, bfloat16")
    return "float32" if wanted == "float32" else "bfloat16"


_SMALL_MODEL = 4_000_000
"""Parameters under which one thread is the fastest."""


@contextmanager
def fitting_threads(parameters: int, device: "torch.device") -> Iterator[None]:
    """Run the body on the number of CPU threads that is fastest for a model of so many parameters.

    A small model's operations take microseconds, and a second thread spends more on waiting at
    barriers than it saves; where other processes are busy it spins for the time slices of its
    partner. Large models keep the threads that PyTorch has.
    """
    import torch

    before = torch.get_num_threads()
    if device.type == "cpu" and parameters < _SMALL_MODEL and before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)

"""What this machine computes on: device and precision. Importing this module does not load
PyTorch.
"""

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
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_amx()
        return "bfloat16" if fast else "float32"
    if wanted not in ("float32", "bfloat16"):
        raise SettingsError(f"precision {wanted!r} is not one of auto, float32, bfloat16")
    return "float32" if wanted == "float32" else "bfloat16"

"""CLIP over single frames: one pass of the image tower gives the embedding and how well each of a
few words fits.

Conventions: a frame is prepared by the model's own validation transform; embeddings are not
normalised; the emotion row is the softmax of the scaled cosine between the picture and each prompt.
The text tower is used once, for the prompts, and then dropped.

Sources: Radford et al. 2021, arXiv 2103.00020 (CLIP); open_clip (models, weights, transforms).
"""

import hashlib
import logging
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from safetensors import SafetensorError

from vmt.errors import WeightsError
from vmt.hardware import Precision, choose_precision

logger = logging.getLogger(__name__)
_BUILDING = threading.Lock()
_UNREADABLE = (
    RuntimeError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    UnpicklingError,
    SafetensorError,
)


def untrained_seed(weights: str) -> int | None:
    """The seed of `untrained:SEED`; None for trained weights.

    Raises:
        WeightsError: if the seed is not a number.
    """
    kind, _, seed = weights.partition(":")
    if kind != "untrained":
        return None
    if not seed.isdecimal():
        raise WeightsError(
            f"CLIP weights {weights!r}: write untrained:SEED with a whole number, for instance "
            "untrained:0"
        )
    return int(seed)


def weights_identity(weights: str) -> str:
    """What names `weights` on every machine: an open_clip tag, `untrained-seedN`, or `file-` and
    part of its sha256.

    Raises:
        WeightsError: if `weights` looks like a file and is none, or is a malformed `untrained:`.
    """
    seed = untrained_seed(weights)
    if seed is not None:
        return f"untrained-seed{seed}"
    path = Path(weights)
    if path.is_file():
        stat = path.stat()
        return f"file-{_sha256(path.resolve(), stat.st_mtime_ns, stat.st_size)[:12]}"
    if path.suffix in (".safetensors", ".pt", ".pth", ".bin") or len(path.parts) > 1:
        raise WeightsError(
            f"CLIP weights {weights}: no such file; give an open_clip tag, a local file, or "
            "untrained:SEED"
        )
    return weights


@cache
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(model: str, weights: str, cache_dir: Path | None) -> None:
    """Make sure that `weights` can be used here; a tag's file is downloaded if it is not in the
    cache yet.

    Raises:
        WeightsError: naming what is missing and what to do.
    """
    import open_clip.pretrained

    config = _published(model, weights)
    if config is None:
        return
    try:
        open_clip.pretrained.download_pretrained(config, cache_dir=_folder(cache_dir))
    except (
        OSError,
        RuntimeError,
    ) as error:  # open_clip turns every failure of the hub into one of these
        raise WeightsError(
            f"CLIP weights {model} {weights}: not in the cache and cannot be downloaded "
            f"({_first_line(error)}); "
            "connect to the network once, or download them elsewhere and set VMT_CLIP_WEIGHTS "
            "to the file"
        ) from error


def _published(model: str, weights: str) -> dict[str, Any] | None:
    """What open_clip knows of a tag's file; None where there is nothing to fetch.

    Raises:
        WeightsError: if there is no such model, or it has no such weights.
    """
    import open_clip.pretrained

    weights_identity(weights)
    if model not in open_clip.list_models():
        raise WeightsError(
            f"CLIP model {model!r} is not one of open_clip's; the product's default is ViT-L-14-336"
        )
    if untrained_seed(weights) is not None or Path(weights).is_file():
        return None
    tags = open_clip.list_pretrained_tags_by_model(model)
    config: dict[str, Any] = open_clip.pretrained.get_pretrained_cfg(model, weights)
    if not config:
        raise WeightsError(
            f"CLIP model {model} has no weights {weights!r}; it has {', '.join(tags) or 'none'}"
        )
    return config


def is_here(model: str, weights: str, cache_dir: Path | None) -> bool:
    """Whether `weights` can be used without a download.

    Raises:
        WeightsError: if there are no such weights anywhere.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    config = _published(model, weights)
    if config is None:
        return True
    hub = str(config.get("hf_hub", "")).strip("/")
    folder = cache_dir or Path(constants.HF_HUB_CACHE)
    snapshots = folder / repo_folder_name(repo_id=hub, repo_type="model") / "snapshots"
    files = [*snapshots.glob("*/*.safetensors"), *snapshots.glob("*/*.bin")] if hub else []
    url = str(config.get("url", ""))
    return any(file.is_file() for file in files) or bool(
        url and (folder / Path(url).name).is_file()
    )


def hub_unreachable(timeout_s: float) -> str | None:
    """Why the hub from which weights are downloaded does not answer; None if it does."""
    from huggingface_hub import constants

    try:
        urllib.request.urlopen(constants.ENDPOINT, timeout=timeout_s).close()
    except urllib.error.HTTPError:
        return None  # an answer all the same
    except (urllib.error.URLError, OSError) as error:
        return str(getattr(error, "reason", error))
    return None


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:200]


def _folder(cache_dir: Path | None) -> str | None:
    return str(cache_dir) if cache_dir else None


class Clip:
    """CLIP's image tower, ready to embed frames.

    Attributes:
        dimension: D of the embedding.
    """

    def __init__(
        self,
        model: str,
        weights: str,
        prompts: Sequence[str],
        *,
        device: str = "cpu",
        precision: Precision | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        """Load the model.

        Args:
            model: an open_clip model name.
            weights: an open_clip tag, a local file, or `untrained:SEED`.
            prompts: what pictures are compared with, as it is written.
            device: `cpu` or `cuda`.
            precision: of the image tower; the fastest here that is exact enough when None.
            cache_dir: where downloads are kept; the hub's own folder when None.

        Raises:
            WeightsError: if the weights are missing or do not fit the model.
        """
        import open_clip
        from open_clip.transform import PreprocessCfg, image_transform_v2

        fetch(model, weights, cache_dir)
        full = _build(model, weights, cache_dir).eval()
        visual: Any = full.visual
        with torch.inference_mode():
            text = full.encode_text(open_clip.get_tokenizer(model)(list(prompts)), normalize=True)
        self._transform = image_transform_v2(PreprocessCfg(**visual.preprocess_cfg), is_train=False)
        self._device = torch.device(device)
        self._dtype = getattr(torch, precision or choose_precision("auto", self._device))
        self._text = text.to(self._device)
        self._scale = full.logit_scale.detach().exp().to(self._device)
        self._visual = visual.to(device=self._device, dtype=self._dtype).requires_grad_(False)
        self.dimension = int(text.shape[1])

    def prepare(self, rgb: UInt8[np.ndarray, "h w 3"]) -> Float32[torch.Tensor, "3 height width"]:
        """The model's input for one frame."""
        prepared: torch.Tensor = self._transform(Image.fromarray(rgb))
        return prepared

    def embed(
        self, batch: Sequence[Float32[torch.Tensor, "3 height width"]]
    ) -> tuple[Float32[np.ndarray, "batch d"], Float32[np.ndarray, "batch prompts"]]:
        """Embeddings of prepared frames and, for each, the softmax over the prompts; one pass for
        both.

        Returns:
            the embeddings, not normalised, and rows that add up to 1.
        """
        with torch.inference_mode():
            pixels = torch.stack(list(batch)).to(device=self._device, dtype=self._dtype)
            embedding: torch.Tensor = self._visual(pixels).float()  # (batch, d)
            logits = self.logits(embedding)
            return embedding.cpu().numpy(), logits.softmax(dim=-1).cpu().numpy()

    def logits(
        self, embedding: Float[torch.Tensor, "batch d"]
    ) -> Float[torch.Tensor, "batch prompts"]:
        """Scaled cosines between embeddings and the prompts."""
        scaled: torch.Tensor = (
            self._scale * torch.nn.functional.normalize(embedding, dim=-1) @ self._text.T
        )
        return scaled


def _build(model: str, weights: str, cache_dir: Path | None) -> Any:
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg

    seed = untrained_seed(weights)
    # The lock keeps two threads' random states apart, and their copies of the weights out of
    # memory.
    with _BUILDING, quiet_root_logger("open_clip"), torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
            return open_clip.create_model(model, precision="fp32")
        tag = get_pretrained_cfg(model, weights)
        try:
            return open_clip.create_model(
                model,
                pretrained=weights,
                precision="fp32",
                # Tags trained with QuickGELU also load without it, and then compute something else.
                force_quick_gelu=bool(tag.get("quick_gelu")),
                cache_dir=_folder(cache_dir),
                weights_only=True,
            )
        except _UNREADABLE as error:
            raise WeightsError(
                f"CLIP weights {weights} do not load into {model} ({_first_line(error)}); give "
                "weights of that model"
            ) from error


@contextmanager
def quiet_root_logger(package: str) -> Iterator[None]:
    """Keep `package`, which logs on the root logger, from speaking and from configuring logging for
    all.
    """
    folder = f"{os.sep}{package}{os.sep}"

    def others(record: logging.LogRecord) -> bool:
        return folder not in record.pathname

    root, silence = logging.getLogger(), logging.NullHandler()
    root.addHandler(silence)
    root.addFilter(others)
    try:
        yield
    finally:
        root.removeFilter(others)
        root.removeHandler(silence)


def resolve_weights(
    model: str, weights: str, cache_dir: Path | None, *, fallback_untrained: bool
) -> str:
    """`weights`, or `untrained:0` with one warning where they cannot be had and
    `fallback_untrained` allows it.

    Raises:
        WeightsError: where they cannot be had and no fallback was asked for.
    """
    try:
        fetch(model, weights, cache_dir)
    except WeightsError as error:
        if not fallback_untrained or model not in _models():
            raise
        logger.warning(
            "%s. Going on with UNTRAINED weights (seed 0): the picture then says little about "
            "mood, and all "
            "that is made from it is marked 'untrained'.",
            error,
        )
        return "untrained:0"
    return weights


def _models() -> list[str]:
    import open_clip

    return list(open_clip.list_models())

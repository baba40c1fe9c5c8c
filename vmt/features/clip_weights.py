"""CLIP's weights: their name on every machine, and whether they are available.

Importing this module loads neither PyTorch nor open_clip; `fetch` and `is_here` load open_clip
where they need its table of published weights.
"""

import hashlib
import importlib.util
import logging
import sys
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

from vmt.errors import WeightsError

logger = logging.getLogger(__name__)


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
    """Make sure that `weights` are on this machine; a tag's file is downloaded where the cache
    lacks it.

    Args:
        model: an open_clip model name.
        weights: an open_clip tag, a local file, or `untrained:SEED`.
        cache_dir: where downloads are kept; the hub's own folder when None.

    Raises:
        WeightsError: naming what is missing and what to do.
    """
    config = _published(model, weights)
    if config is None:
        return

    import open_clip.pretrained

    try:
        open_clip.pretrained.download_pretrained(config, cache_dir=cache_folder(cache_dir))
    except (
        OSError,
        RuntimeError,
    ) as error:  # open_clip turns every failure of the hub into one of these
        raise WeightsError(
            f"CLIP weights {model} {weights}: not in the cache and cannot be downloaded "
            f"({first_line(error)}); "
            "connect to the network once, or download them elsewhere and set VMT_CLIP_WEIGHTS "
            "to the file"
        ) from error


def _published(model: str, weights: str) -> dict[str, Any] | None:
    """open_clip's entry of a tag's file; None where there is nothing to fetch.

    Raises:
        WeightsError: if there is no such model, or it has no such weights.
    """
    weights_identity(weights)
    if model not in _models():
        raise WeightsError(
            f"CLIP model {model!r} is not one of open_clip's; the product's default is ViT-L-14-336"
        )
    if untrained_seed(weights) is not None or Path(weights).is_file():
        return None

    import open_clip.pretrained

    tags = open_clip.list_pretrained_tags_by_model(model)
    config: dict[str, Any] = open_clip.pretrained.get_pretrained_cfg(model, weights)
    if not config:
        raise WeightsError(
            f"CLIP model {model} has no weights {weights!r}; it has {', '.join(tags) or 'none'}"
        )
    return config


def is_here(model: str, weights: str, cache_dir: Path | None) -> bool:
    """Whether `weights` can be used without a download.

    Args:
        model: an open_clip model name.
        weights: an open_clip tag, a local file, or `untrained:SEED`.
        cache_dir: where downloads are kept; the hub's own folder when None.

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
        return None  # an error status is an answer
    except (urllib.error.URLError, OSError) as error:
        return str(getattr(error, "reason", error))
    return None


def first_line(error: BaseException) -> str:
    """The first line of an error's text, at most 200 characters."""
    return str(error).strip().split("\n")[0][:200]


def cache_folder(cache_dir: Path | None) -> str | None:
    """`cache_dir` as open_clip takes it."""
    return str(cache_dir) if cache_dir else None


def resolve_weights(
    model: str, weights: str, cache_dir: Path | None, *, fallback_untrained: bool
) -> str:
    """`weights`, or `untrained:0` with one warning where they are not available and
    `fallback_untrained` allows it.

    Args:
        model: an open_clip model name.
        weights: an open_clip tag, a local file, or `untrained:SEED`.
        cache_dir: where downloads are kept; the hub's own folder when None.
        fallback_untrained: whether missing weights are replaced.

    Raises:
        WeightsError: where they are not available and there is no fallback.
    """
    try:
        fetch(model, weights, cache_dir)
    except WeightsError as error:
        if not fallback_untrained or model not in _models():
            raise
        logger.warning(
            "%s. Using UNTRAINED weights (seed 0) instead: they say little about the mood of a "
            "picture, and everything made with them is marked 'untrained'.",
            error,
        )
        return "untrained:0"
    return weights


def _models() -> list[str]:
    """Names of open_clip's models, read from its folder where it is not loaded: loading it takes
    seconds.
    """
    if "open_clip" in sys.modules:
        import open_clip

        return list(open_clip.list_models())
    spec = importlib.util.find_spec("open_clip")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations))) / "model_configs"
    return [file.stem for file in folder.glob("*.json")]

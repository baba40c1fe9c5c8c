"""CLIP over single frames: one pass of the image tower gives the embedding and the similarity to a
few prompts.

Conventions: a frame is prepared by the model's own validation transform; embeddings are not
normalised; the emotion row is the softmax of the scaled cosine between the picture and each prompt.
The text tower is used once, for the prompts, and then dropped.

Sources: Radford et al. 2021, arXiv 2103.00020 (CLIP); open_clip (models, weights, transforms).
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from safetensors import SafetensorError

from vmt.errors import WeightsError
from vmt.features.clip_weights import cache_folder, fetch, first_line, untrained_seed
from vmt.features.logging_filter import quiet_root_logger
from vmt.hardware import Precision, choose_precision

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
            prompts: texts that pictures are compared with, used verbatim.
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
        """Embeddings of prepared frames, and the softmax over the prompts, in one pass.

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
                cache_dir=cache_folder(cache_dir),
                weights_only=True,
            )
        except _UNREADABLE as error:
            raise WeightsError(
                f"CLIP weights {weights} do not load into {model} ({first_line(error)}); give "
                "weights of that model"
            ) from error

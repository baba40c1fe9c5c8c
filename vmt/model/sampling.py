"""Chords for videos, sampled from the transformer: many videos of different lengths as one batch.

A video longer than the model sees slides a window: each window keeps the second half of the one
before it as given chords, so the time is linear in the length and the memory does not grow with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from vmt import chords
from vmt.hardware import Precision
from vmt.model.chord_model import ChordModel, begin
from vmt.model.loss import untilted

BATCH = 64
_TINY = 1e-12


@dataclass(frozen=True)
class Request:
    """Chords wanted for one video of T seconds.

    Attributes:
        video: the model's inputs for each second.
        primer: the first chords, normalised to C major or A minor; at least one.
        seed: of this video's own stream of chance.
        top_p: of what may follow a chord, the likeliest that hold this share.
        change_weight: of the model's training, taken out again: chords change as often as in the
            songs.
    """

    video: Float32[np.ndarray, "time f"]
    minor: bool
    primer: tuple[int, ...]
    seed: tuple[int, ...]
    temperature: float = 1.0
    top_p: float = 0.96
    change_weight: float = 1.0

    @property
    def seconds(self) -> int:
        """T."""
        return len(self.video)


@torch.inference_mode()
def sample_chords(
    model: ChordModel,
    requests: Sequence[Request],
    device: torch.device,
    precision: Precision = "float32",
) -> list[Int64[np.ndarray, " _"]]:
    """One chord a second for each video, in the order asked; a video gets the same chords alone as
    in any batch (float32).

    Args:
        model: in eval mode; taken to `device` and, for bfloat16, converted.

    Returns:
        AMT's numbers 0 to 156, normalised to C major or A minor; never END or PAD, for the music is
        as long as the video.
    """
    model = model.to(device, torch.bfloat16 if precision == "bfloat16" else torch.float32)
    order = sorted(range(len(requests)), key=lambda index: requests[index].seconds)
    sampled: dict[int, Int64[np.ndarray, " time"]] = {}
    for start in range(0, len(order), BATCH):
        indices = order[start : start + BATCH]
        written = _write(model, [requests[index] for index in indices], device)
        sampled |= {
            index: written[row, : requests[index].seconds] for row, index in enumerate(indices)
        }
    return [sampled[index] for index in range(len(requests))]


def _write(
    model: ChordModel, requests: Sequence[Request], device: torch.device
) -> Int64[np.ndarray, "batch longest"]:
    """Chords of one batch, up to its longest video."""
    longest = max(request.seconds for request in requests)
    written = np.zeros((len(requests), longest), dtype=np.int64)
    given = np.zeros((len(requests), longest), dtype=bool)
    chance = np.zeros((len(requests), longest))
    for row, request in enumerate(requests):
        primer = request.primer[:longest]
        written[row, : len(primer)], given[row, : len(primer)] = primer, True
        chance[row, : request.seconds] = np.random.default_rng(request.seed).random(request.seconds)
    window = model.config.max_seconds
    first = 0
    while True:
        last = min(first + window, longest)
        known = 1 if first == 0 else window // 2
        _write_window(model, requests, written, given, chance, range(first, last), known, device)
        if last == longest:
            return written
        first = last - window // 2


def _write_window(
    model: ChordModel,
    requests: Sequence[Request],
    written: Int64[np.ndarray, "batch longest"],
    given: np.ndarray,
    chance: Float64[np.ndarray, "batch longest"],
    seconds: range,
    known: int,
    device: torch.device,
) -> None:
    """Fill `written` from second `seconds[known]` to the window's end; videos that ended before it
    are left out.
    """
    rows = [
        row
        for row, request in enumerate(requests)
        if request.seconds > seconds[0] + (known if seconds[0] else 0)
    ]
    active = [requests[row] for row in rows]
    wide = len(seconds) if model.config.mask_padding else model.config.max_seconds
    video = np.zeros((len(rows), wide, model.config.d_video), dtype=np.float32)
    lengths = [request.seconds - seconds[0] for request in active]
    for row, request in enumerate(active):
        part = request.video[seconds[0] : seconds[-1] + 1]
        video[row, : len(part)] = part
    dtype = next(model.parameters()).dtype
    minor = torch.tensor([float(request.minor) for request in active], device=device, dtype=dtype)
    writing = begin(
        model,
        torch.from_numpy(video).to(device, dtype),
        minor,
        torch.tensor(lengths, device=device),
        len(seconds),
    )
    heat = torch.tensor(
        [request.temperature for request in active], device=device, dtype=torch.float32
    )
    top_p = torch.tensor([request.top_p for request in active], device=device, dtype=torch.float32)
    weight = torch.tensor([request.change_weight for request in active], device=device)
    draws = torch.from_numpy(chance[rows]).to(device)
    start = torch.from_numpy(written[rows, seconds[0] : seconds[0] + known]).to(device)
    logits = writing.prefill(start)
    held = start[:, -1]
    fixed = given[rows]
    is_fixed, primer = (torch.from_numpy(part).to(device) for part in (fixed, written[rows]))
    sampled = []  # on the device: nothing waits for it before the window's end
    for second in range(seconds[0] + known, seconds[-1] + 1):
        token = choose(untilted(logits, held, weight), held, heat, top_p, draws[:, second])
        if fixed[:, second].any():
            token = torch.where(is_fixed[:, second], primer[:, second], token)
        sampled.append(token)
        held = token
        if second < seconds[-1]:
            logits = writing.step(token)
    if sampled:
        last = seconds[-1] + 1
        written[rows, seconds[0] + known : last] = torch.stack(sampled, dim=1).cpu().numpy()


def choose(
    logits: Float[Tensor, "batch vocabulary"],
    held: Int64[Tensor, " batch"],
    temperature: Float[Tensor, " batch"],
    top_p: Float[Tensor, " batch"],
    draw: Float[Tensor, " batch"],
) -> Int64[Tensor, " batch"]:
    """The chord that a draw from 0 to 1 falls on; END and PAD are never drawn.

    Whether the chord that is `held` goes on is left as likely as it is, and the others share the
    rest: the likeliest of them that together hold `top_p`. Cut as one, a chord that goes on nine
    times in ten would never end.
    """
    likely = (logits[:, : chords.END].float() / temperature[:, None]).softmax(-1).double()
    stays = likely.gather(1, held[:, None])
    share, order = likely.scatter(1, held[:, None], 0.0).sort(dim=-1, descending=True, stable=True)
    rest = share.sum(-1, keepdim=True)
    before = share.cumsum(-1) - share
    share = share.masked_fill(before >= top_p.double()[:, None] * rest, 0.0)
    share = share * (rest / share.sum(-1, keepdim=True).clamp(min=_TINY))
    order, share = torch.cat([held[:, None], order], dim=1), torch.cat([stays, share], dim=1)
    point = draw[:, None].double() * share.sum(-1, keepdim=True)
    place = (share.cumsum(-1) <= point).sum(-1, keepdim=True).clamp(max=chords.END - 1)
    return order.gather(1, place)[:, 0]

"""Learning rates by step."""

import math

from vmt.training.config import TrainConfig


def learn_rate(config: TrainConfig, step: int, d_model: int, total_steps: int) -> float:
    """The rate of step `step`, counted from 1; 0 before the first.

    Source: Vaswani et al. 2017 for `amt`: d_model^-0.5 x min(step^-0.5, step x warmup^-1.5).
    """
    if step <= 0:
        return 0.0
    if config.schedule == "amt":
        return float(
            config.learn_rate * d_model**-0.5 * min(step**-0.5, step * config.warmup_steps**-1.5)
        )
    if step <= config.warmup_steps:
        return config.learn_rate * step / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    return config.learn_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

"""Groove: how a player's notes lie around the beat.

Each instrument has a lag of its own (a bass behind the kick, a snare behind the beat, hats a little
ahead) and a sway: a timing for each place of the bar that comes again in every bar. A small scatter
is added that runs smoothly from note to note, as a player drifts, from the seed. Notes on hits,
section starts and the last stroke are left where they are.
"""

from collections.abc import Sequence

import numpy as np

from vmt.arrange.plan import Event, Plan
from vmt.arrange.styles import DRUMS, Kit, Track

SWAY = {
    4: (0.2, 1.3, -1.1, 0.9),
    6: (0.2, 1.1, -0.7, 1.2, -1.1, 0.8),
}
"""Of a beat's sixteenths: how far each moves, as a share of the track's sway."""
BAR_SWAY = (0.5, 1.3, 0.35, 1.5)  # later beats of a bar lean back, the second and fourth most
SCATTER_MS = 1.6
DRIFT = 0.6  # of the scatter, carried from one onset to the next
LIMIT_S = 0.028
_BACK = {DRUMS[name] for name in ("snare", "clap", "rim")}
_AHEAD = {DRUMS[name] for name in ("closed_hat", "pedal_hat", "ride", "shaker", "tambourine")}


def late_seconds(
    track: Track | Kit, events: Sequence[Event], plan: Plan, seed: Sequence[int]
) -> list[float]:
    """How much later than its step each event starts, its own lateness included.

    Args:
        track: whose events they are.
        events: in the order of their steps.
        plan: of the piece.
        seed: of the scatter.
    """
    if track.sway_ms == 0 and track.lag_ms == 0:
        return [event.late_s for event in events]
    rng = np.random.default_rng(list(seed))
    scatter: dict[int, float] = {}
    drift = 0.0
    for step in sorted({event.step for event in events}):
        drift = DRIFT * drift + (1 - DRIFT) * float(rng.normal(0, 2.2 * SCATTER_MS))
        scatter[step] = drift
    late: list[float] = []
    for event in events:
        if event.exact:
            late.append(event.late_s)
            continue
        milliseconds = _template(track, event, plan) + scatter[event.step]
        late.append(event.late_s + float(np.clip(milliseconds / 1000, -LIMIT_S, LIMIT_S)))
    return late


def _template(track: Track | Kit, event: Event, plan: Plan) -> float:
    """Milliseconds by instrument and place of the bar."""
    metre = plan.grid.metre
    place = plan.grid.places[event.step]
    beat = place // metre.beat
    inside = SWAY[metre.beat][place % metre.beat]
    lag = track.lag_ms
    if isinstance(track, Kit):
        if event.pitch in _BACK:
            lag += track.back_ms
        elif event.pitch in _AHEAD:
            lag -= 0.5 * track.back_ms
    lean = BAR_SWAY[beat % 4] * 0.6
    return lag + track.sway_ms * (inside + lean)

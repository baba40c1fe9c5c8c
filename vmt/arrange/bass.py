"""Bass: roots where chords change, and between them roots, fifths and steps that lead on; with the
kick drum where the style locks them.
"""

import itertools
from collections.abc import Sequence

from vmt import chords
from vmt.arrange.plan import Event, Plan, local_scale
from vmt.arrange.styles import Track
from vmt.arrange.texture import ends, expand_pattern, stress

_WEIGHTS = {"R": 1.0, "O": 0.92, "5": 0.9, "3": 0.86, "7": 0.84, "a": 0.8, "r": 0.55}
LEAD_STEPS = 4  # a leading step stands this close to the chord that it leads to


def play_bass(
    track: Track, plan: Plan, plays: Sequence[bool], kicks: frozenset[int] = frozenset()
) -> list[Event]:
    """Roots where chords change, and between them roots, fifths and steps that lead on.

    Args:
        track: the instrument.
        plan: of the piece.
        plays: for each phrase, whether it plays.
        kicks: steps of the kick drum; a locked bass plays on them.
    """
    cells = expand_pattern(
        track.levels, plan, plays, stroke="R", forced="-.O537ar", marked=track.hit
    )
    if track.lock and kicks:
        _lock(cells, plan, plays, kicks)
    stop = ends(cells, plan)
    spans = plan.form.spans
    following = {one.start: after for one, after in itertools.pairwise(spans)}
    events: list[Event] = []
    root_pitch = track.lowest + (track.highest - track.lowest) // 3
    for step, character in enumerate(cells):
        if character in "-.":
            continue
        span = plan.span_at[step]
        tones = chords.pitch_classes(chords.token(span.label))
        if step == span.start or not events:
            root_pitch = _near(tones[0], root_pitch, track)
        after = following.get(span.start)
        if character == "a" and (after is None or after.start - step > LEAD_STEPS):
            character = "5"
        if character == "a" and after is not None:
            target_tones = chords.pitch_classes(chords.token(after.label))
            target = _near(target_tones[0], root_pitch, track)
            pitch = _leading(target, root_pitch, local_scale(plan.key, target_tones), track)
        else:
            pitch = _bass_tone(character, root_pitch, tones, track)
        exact = step in plan.accents or step == plan.form.final or step in plan.section_starts
        events.append(
            Event(step, stop[step], pitch, _WEIGHTS[character] * stress(plan, step), exact=exact)
        )
    return events


def _lock(cells: list[str], plan: Plan, plays: Sequence[bool], kicks: frozenset[int]) -> None:
    """Roots with the kick; what the pattern plays between kicks stays only as a lighter note, and
    not right before or after one.
    """
    for step in range(plan.form.final):
        if not plays[plan.phrase_at[step]]:
            continue
        bar = plan.grid.bar_of(step)
        start, end = plan.grid.bars[bar], plan.grid.bars[bar + 1]
        if not any(kick in kicks for kick in range(start, end)):
            continue
        if step in kicks and cells[step] in "-.r":
            cells[step] = "R"
        near = {step - 1, step + 1} & kicks
        strong = step == plan.span_at[step].start or plan.grid.place(step) == 0
        if near and step not in kicks and not strong and cells[step] not in "-.":
            cells[step] = "-"


def _near(pitch_class: int, pitch: int, track: Track) -> int:
    """The pitch of a class in the lower octave and a half of the track's range that is nearest to
    another pitch.
    """
    top = max(track.lowest + 11, track.highest - 7)
    fitting = [one for one in range(track.lowest, top + 1) if one % 12 == pitch_class]
    return min(fitting, key=lambda one: (abs(one - pitch), one))


def _bass_tone(character: str, root_pitch: int, tones: tuple[int, ...], track: Track) -> int:
    if character in "Rr":
        return root_pitch
    upper = tones[3] if len(tones) > 3 else tones[0] + 12
    wanted = {
        "O": 12,
        "5": (tones[2] - tones[0]) % 12,
        "3": (tones[1] - tones[0]) % 12,
        "7": (upper - tones[0] - 1) % 12 + 1,
    }[character]
    pitch = root_pitch + wanted
    while pitch > track.highest:
        pitch -= 12
    return pitch if pitch >= track.lowest else pitch + 12


def _leading(target: int, root_pitch: int, scale: set[int], track: Track) -> int:
    """A step of the scale below or above the target, on the side that one comes from."""
    side = -1 if root_pitch <= target else 1
    steps = (target + side * size for size in (2, 1, 3))
    pitch = next((step for step in steps if step % 12 in scale), target + side)
    return pitch if pitch >= track.lowest else target + 2

"""Texture: who plays in each phrase, and how patterns become one character for each step.

Density and energy choose players and patterns by the half phrase. A pattern starts with its bar, so
that what it repeats is heard as a pattern; a chord that changes inside a pattern is struck where it
changes.
"""

from collections.abc import Mapping, Sequence

from vmt.arrange.form import BREAKDOWN, CLIMAX, INTRO, OUTRO
from vmt.arrange.plan import Plan
from vmt.arrange.styles import Kit, Style, Track

HYSTERESIS = 0.06  # a part that plays stays on a little below its threshold
LEAD_MARGIN = 0.22
Plays = dict[str, list[bool]]


def players(style: Style, plan: Plan) -> Plays:
    """For each phrase, whether each player plays; at least two do, wherever there are two.

    Args:
        style: its tracks and drums.
        plan: of the piece.
    """
    plays: Plays = {player.name: [] for player in style.players}
    ranked = sorted(style.tracks, key=lambda track: (track.enters, track.role == "lead"))
    for index, phrase in enumerate(plan.form.phrases):
        section = plan.section_of(phrase)
        opening = section.kind == INTRO and len(plan.form.sections) > 2
        for player in style.players:
            before = plays[player.name][-1] if plays[player.name] else False
            margin = HYSTERESIS if before else 0.0
            if isinstance(player, Track) and player.role == "lead":
                # A theme is remembered where little else goes on.
                margin += LEAD_MARGIN if section.kind in (BREAKDOWN, OUTRO) else 0.0
            wanted = plan.drive[index] >= player.enters - margin
            if opening and not player.intro:
                wanted = False
            if isinstance(player, Kit):
                wanted = wanted and not (section.kind == OUTRO and phrase.number > 0)
            elif phrase.open and player.role == "pad" and section.kind != CLIMAX:
                wanted = False
            plays[player.name].append(wanted)
        if index + 1 == len(plan.form.phrases):
            for track in style.tracks:
                plays[track.name][index] |= track.role == "bass"
        # A bare drum kit or a tune alone is no accompaniment.
        carried = [
            track.name
            for track in style.tracks
            if track.role != "lead" and plays[track.name][index]
        ]
        for track in ranked:
            if len(carried) >= min(2, sum(track.role != "lead" for track in style.tracks)):
                break
            if track.role != "lead" and track.name not in carried:
                plays[track.name][index] = True
                carried.append(track.name)
    return plays


def level_of(count: int, plan: Plan, step: int, *, kind: str) -> int:
    """Which of so many pattern levels is played at a step."""
    busyness = plan.busyness_at(step)
    if kind in (BREAKDOWN, INTRO, OUTRO):
        busyness = min(busyness, 0.65)
    return min(int(busyness * count), count - 1)


def expand_pattern(
    levels: Sequence[Sequence[str]],
    plan: Plan,
    plays: Sequence[bool],
    *,
    stroke: str,
    forced: str = "-",
    marked: bool = True,
) -> list[str]:
    """One pattern character for each step of the piece.

    Args:
        levels: from sparse to busy, each with its variants.
        plan: of the piece.
        plays: for each phrase, whether the part plays.
        stroke: what marks a plain stroke.
        forced: characters that give way to `stroke` where a chord changes or the part enters.
        marked: whether it marks hits.
    """
    steps = plan.grid.steps
    cells = ["."] * steps
    places, final = plan.grid.places, plan.form.final
    for start, end, index in plan.halves:
        if plays[index]:
            phrase = plan.form.phrases[index]
            section = plan.section_of(phrase)
            variants = levels[level_of(len(levels), plan, start, kind=section.kind)]
            half = int(start > phrase.start)
            pattern = variants[(phrase.number + section.turn + half) % len(variants)]
            for step in range(start, min(end, final)):
                cells[step] = pattern[places[step] % len(pattern)]
    entered = False
    for step, span in enumerate(plan.span_at[:final]):
        playing = plays[plan.phrase_at[step]]
        if playing and (step == span.start or not entered) and cells[step] in forced:
            cells[step] = stroke
        entered = playing
    if marked:
        _mark(cells, plan, plays, stroke)
    _last_stroke(cells, plan, plays, stroke)
    return cells


def _mark(cells: list[str], plan: Plan, plays: Sequence[bool], stroke: str) -> None:
    """Strokes on hits and strong cuts."""
    for step, accent in plan.accents.items():
        if not plays[plan.phrase_at[step]]:
            continue
        if (
            accent.point.asked
            or (accent.point.strong and accent.strength >= 0.25)
            or (accent.strength > 0.4 and cells[step] == "-")
        ):
            cells[step] = stroke


def _last_stroke(cells: list[str], plan: Plan, plays: Sequence[bool], stroke: str) -> None:
    """The last chord rings to the end; only hits that a person asked for are struck into it."""
    final = plan.form.final
    held = "-" if plays[-1] else "."
    for step in range(final, len(cells)):
        accent = plan.accents.get(step)
        if step > final and not (accent is not None and accent.point.asked and plays[-1]):
            cells[step] = held
    if plays[-1]:
        cells[final] = stroke


def ends(cells: Sequence[str], plan: Plan) -> list[int]:
    """For each step, where a note that starts there stops: at the next character that is not `-`,
    or with the chord.
    """
    stop = [0] * len(cells)
    after = len(cells)
    for step in range(len(cells) - 1, -1, -1):
        stop[step] = min(after, plan.span_at[step].end)
        if cells[step] != "-":
            after = step
    return stop


def stress(plan: Plan, step: int) -> float:
    """How heavy a note on this step is: by its place in the bar, the phrase's arch, and a hit."""
    metre = (0.86, 0.96, 1.0, 1.07)[plan.grid.weights[step]]
    phrase = plan.form.phrases[plan.phrase_at[step]]
    share = min(max((step - phrase.start) / max(1, phrase.end - phrase.start), 0.0), 1.0)
    arch = 0.97 + 0.06 * (1 - abs(share - 0.65) / 0.65)
    accent = plan.accents.get(step)
    return metre * arch * (1 + (0.35 * accent.strength if accent else 0.0))


def struck_drums(
    levels: Sequence[Sequence[Mapping[str, str]]],
    plan: Plan,
    step: int,
    drive: float,
    enters: float,
) -> Mapping[str, str]:
    """The kit's pattern at a step.

    Args:
        levels: from sparse to busy, each with its variants.
        plan: of the piece.
        step: where.
        drive: of the phrase.
        enters: drive from which the kit plays.
    """
    above = (0.55 * drive + 0.45 * plan.busyness_at(step) - enters) / max(1e-6, 1 - enters)
    index = min(max(int(above * len(levels)), 0), len(levels) - 1)
    phrase = plan.phrase(step)
    variants = levels[index]
    half = int(2 * (step - phrase.start) >= phrase.end - phrase.start)
    return variants[(phrase.number + half) % len(variants)]

"""Bass: roots where chords change, and between them roots, fifths and steps that lead on."""

from vmt import chords
from vmt.arrange.form import REST
from vmt.arrange.plan import Event, Plan, cells, ends, phrases_played, scale_of, stress
from vmt.arrange.styles import Track

_WEIGHTS = {"R": 1.0, "O": 0.92, "5": 0.88, "3": 0.85, "a": 0.72}
LEAD_STEPS = 2  # a leading step stands this close to the chord that it leads to


def play_bass(track: Track, plan: Plan) -> list[Event]:
    """Roots where chords change, and between them roots, fifths and steps that lead on."""
    plays = phrases_played(plan, track.enters, track.intro)
    found = cells(track.levels, plan, plays, stroke="R", forced="-.O53a", accented=True)
    stop = ends(found, plan)
    following = {
        one.start: after for one, after in zip(plan.form.spans, plan.form.spans[1:], strict=False)
    }
    events: list[Event] = []
    root_pitch = (track.lowest + track.highest) // 2
    for step, character in enumerate(found):
        if character in "-.":
            continue
        span = plan.span_at[step]
        tones = chords.pitch_classes(chords.token(span.label))
        if step == span.start or not events:
            root_pitch = _near(tones[0], root_pitch, track)
        after = following.get(span.start)
        if character == "a" and (
            after is None or after.label == REST or after.start - step > LEAD_STEPS
        ):
            character = "R"
        if character == "a" and after is not None:
            target = _near(chords.pitch_classes(chords.token(after.label))[0], root_pitch, track)
            pitch = _leading(target, root_pitch, plan.key, track)
        else:
            pitch = _bass_tone(character, root_pitch, tones, track)
        weight = _WEIGHTS[character] * stress(plan, step)
        events.append(Event(step, stop[step], pitch, weight))
    return events


def _near(pitch_class: int, pitch: int, track: Track) -> int:
    """The pitch of a class in the lower octave and a half of the track's range that is nearest to
    another pitch.
    """
    top = max(track.lowest + 11, track.highest - 7)
    fitting = [each for each in range(track.lowest, top + 1) if each % 12 == pitch_class]
    return min(fitting, key=lambda each: (abs(each - pitch), each))


def _bass_tone(character: str, root_pitch: int, tones: tuple[int, ...], track: Track) -> int:
    if character == "R":
        return root_pitch
    wanted = {"O": 12, "5": (tones[2] - tones[0]) % 12, "3": (tones[1] - tones[0]) % 12}[character]
    pitch = root_pitch + wanted
    return pitch if pitch <= track.highest else pitch - 12


def _leading(target: int, root_pitch: int, key: chords.Key, track: Track) -> int:
    """A step of the scale below or above the target, on the side that one comes from."""
    side = -1 if root_pitch <= target else 1
    scale = scale_of(key)
    pitch = next(target + side * size for size in (2, 1, 3) if (target + side * size) % 12 in scale)
    return pitch if pitch >= track.lowest else target + 2

"""The beat grid: a tempo that never changes, 4/4, sixteenth steps.

Every place in an arrangement is a whole number of steps from the start of the video: 4 steps to a
beat, 16 to a bar.
"""

from dataclasses import dataclass

STEPS_PER_BEAT = 4
STEPS_PER_BAR = 16
TEMPO_RANGE_BPM = (40.0, 240.0)


@dataclass(frozen=True)
class Grid:
    """Steps and seconds.

    Attributes:
        tempo_bpm: quarter notes a minute; a whole number of microseconds a beat, as MIDI wants it.
        swing: where the second of two sixteenths falls, as a share of both: 0.5 is straight, 0.66 a
            triplet.
    """

    tempo_bpm: float
    swing: float = 0.5

    @property
    def step_s(self) -> float:
        """Length of a sixteenth."""
        return 60 / self.tempo_bpm / STEPS_PER_BEAT

    def seconds(self, step: int) -> float:
        """Where a step falls."""
        pair, odd = divmod(step, 2)
        return (2 * pair + (2 * self.swing if odd else 0)) * self.step_s

    def beat(self, time_s: float) -> int:
        """The step of the beat nearest to a time."""
        return STEPS_PER_BEAT * round(time_s / (STEPS_PER_BEAT * self.step_s))

    def steps_within(self, time_s: float) -> int:
        """How many whole steps fit before a time."""
        return int(time_s / self.step_s + 1e-9)


def exact_tempo(tempo_bpm: float) -> float:
    """The nearest tempo that a MIDI file can say: a whole number of microseconds for each beat."""
    return 6e7 / round(6e7 / tempo_bpm)

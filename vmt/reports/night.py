"""A night's report as Markdown: what came, whether it trained and why, which model is the champion
and why, what was made.

A report is stored as data; it reads in the language of whoever reads it. Reasons that the data
hold as numbers are told from the numbers. What other parts of VMT wrote as a sentence, such as why
a video was refused, stays as it was written.
"""

from collections.abc import Callable, Sequence

from vmt import i18n
from vmt.catalog.records.nights import CheckedSoundtrack, DatasetGrowth, NightReport, Refusal
from vmt.catalog.records.soundtracks import Failure


def title(
    night: NightReport, language: str = i18n.REFERENCE, when: Callable[[str], str] = str
) -> str:
    """The heading: which night it was.

    Args:
        night: the report.
        language: the code of one of `vmt.i18n.languages()`.
        when: how a moment of the report, ISO 8601 in UTC, is shown.
    """
    return i18n.say(language, "night", "title", when=when(night.started_at))


def markdown(
    night: NightReport, language: str = i18n.REFERENCE, when: Callable[[str], str] = str
) -> str:
    """The report for people.

    Args:
        night: the report.
        language: the code of one of `vmt.i18n.languages()`.
        when: how a moment of the report, ISO 8601 in UTC, is shown.

    Raises:
        UnknownLanguage: if there are no texts in the language.
    """
    writer = _Writer(language)
    lines = [f"# {title(night, language, when)}", ""]
    if night.state == "failed":
        lines += [writer.say("failed", error=night.error or writer.say("see_log")), ""]
    parts = (writer.came(night), writer.trained(night), writer.champion(night), writer.made(night))
    for part in parts:
        lines += [*part, ""]
    return "\n".join(lines)


class _Writer:
    """The parts of a report in one language, each as lines."""

    def __init__(self, language: str) -> None:
        self.language = language

    def say(self, name: str, /, **values: object) -> str:
        return i18n.say(self.language, "night", name, **values)

    def head(self, name: str, *said: str) -> str:
        """`**Training**: said; said`."""
        return f"{self.say(name)}{self.say('colon')}{self.say('semicolon').join(said)}"

    def items(self, failures: Sequence[Refusal | Failure]) -> list[str]:
        return [
            f"- {self.say('item', key=failure.key, reason=failure.reason)}" for failure in failures
        ]

    def came(self, night: NightReport) -> list[str]:
        ingest, dataset = night.ingest, night.dataset
        if ingest is None:
            return [self.head("videos", self.say("not_looked_at"))]
        unusable = [*ingest.refused, *ingest.failed]
        counts = {"new": ingest.new, "known": ingest.known, "unusable": len(unusable)}
        lines = [self.head("videos", self.say("counts", **counts)), *self.items(unusable)]

        return lines if dataset is None else [*lines, "", *self.growth(dataset)]

    def growth(self, dataset: DatasetGrowth) -> list[str]:
        """The dataset's size, and what changed since the version of the last training."""
        size = {"version": dataset.version, "videos": dataset.videos}
        before = {"before": dataset.before, "before_videos": dataset.videos_before}
        name = "size_since" if dataset.before else "size"
        changes = (
            ("added", dataset.added),
            ("removed", dataset.removed),
            ("replaced", dataset.replaced),
        )
        lines = [self.head("dataset", self.say(name, **size, **before))]
        lines += [
            f"- {self.say(change, videos=', '.join(videos))}"
            for change, videos in changes
            if videos
        ]
        return lines

    def trained(self, night: NightReport) -> list[str]:
        decision, training = night.decision, night.training
        if decision is None:
            return [self.head("training", self.say("not_decided"))]
        lines = [self.head("training", night.run or self.say("no_run"), *self.reasons(night))]
        if decision.start:
            lines.append(f"- {self.say('started_from', start=decision.start)}")

        if training is not None and training.best is not None:
            losses = ", ".join(
                f"{self.say(name)} {value:.4f}"
                for name, value in training.best.items()
                if value is not None
            )
            best = {"best": training.best_epoch, "epochs": training.epochs, "losses": losses}
            lines.append(f"- {self.say('best', **best)}")
        if night.evaluation is not None:
            key = night.evaluation.key or night.evaluation.error
            lines.append(f"- {self.say('evaluation', key=key)}")
        return lines

    def reasons(self, night: NightReport) -> list[str]:
        """Why it trained or did not, from the sizes and limits that decided."""
        dataset, asked = night.dataset, night.asked
        trains = night.decision is not None and night.decision.train
        if dataset is None:
            return [self.say("no_videos")]
        if dataset.videos_before is None:
            return [self.say("first_training", videos=dataset.videos)]

        new = len(dataset.added) + len(dataset.replaced)
        grown = {"videos": dataset.videos, "added": new, "before": dataset.before}
        said = [self.say("growth", **grown)]
        if trains and asked.get("force"):
            said.insert(0, self.say("forced"))
        elif trains and dataset.changed:
            said.insert(0, dataset.changed)
        elif not trains:
            limits = {"share": asked["grow_share"], "number": asked["grow_videos"]}
            said.append(self.say("too_little", **limits))
        return said

    def champion(self, night: NightReport) -> list[str]:
        lines = [self.head("champion", *self.verdict(night))]
        if night.showcase is not None:
            said = [*night.showcase.problems, *map(self.heard, night.showcase.soundtracks)]
            lines += [f"- {self.say('showcase', what=what)}" for what in said]
        return lines

    def verdict(self, night: NightReport) -> list[str]:
        """Who is champion, and the scores that decided; without scores the gate's own sentence."""
        gate, serving = night.gate, night.champion
        if gate is None:
            return [self.say("no_challenger")]
        if night.promoted:
            said = [self.say("promoted", run=night.run)]
        elif serving is not None:
            said = [self.say("kept", run=serving.run)]
        else:
            said = [self.say("no_champion")]

        if gate.new is None:
            return [*said, gate.reason]
        scores = {"new": gate.new, "old": gate.old, "songs": gate.songs, "margin": gate.margin}
        return [*said, self.say("scored", run=night.run, **scores)]

    def heard(self, checked: CheckedSoundtrack) -> str:
        scores = checked.scores
        numbers = {
            "heard": self.number(scores.get("chords_heard")),
            "lufs": self.number(scores.get("lufs")),
            "peak": self.number(scores.get("true_peak_dbtp")),
        }
        return self.say("heard", video=checked.video, **numbers)

    def number(self, value: float | None) -> str:
        return self.say("unknown") if value is None else f"{value:.2f}"

    def made(self, night: NightReport) -> list[str]:
        made = night.soundtracks
        if made is None:
            return [self.head("soundtracks", self.say("none"))]
        counts = {
            "made": len(made.made),
            "known": len(made.known),
            "failed": len(made.failed),
        }
        return [self.head("soundtracks", self.say("made", **counts)), *self.items(made.failed)]

"""A run's report, in Markdown and HTML: tables of its numbers, and the findings that follow from
them.

`findings` decides what is said, and the table `report` of `vmt.i18n` how it reads in each language;
here the parts are put together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from vmt import i18n
from vmt.reports import findings
from vmt.reports.charts import curves
from vmt.reports.findings import Facts, Finding
from vmt.training.results import LOSSES, EpochResult

Rows = Sequence[Sequence[str]]

_NAMED = (
    "run",
    "preset",
    "dataset",
    "chord_labels",
    "extractor",
    "state",
    "started_at",
    "finished_at",
    "epochs",
)
_SHOWN = (
    "n_layers",
    "n_heads",
    "d_model",
    "d_feedforward",
    "dropout",
    "max_seconds",
    "relative_positions",
)
_TRAINED = (
    "batch_size",
    "schedule",
    "learn_rate",
    "warmup_steps",
    "weight_decay",
    "patience",
    "seed",
)


@dataclass(frozen=True)
class Section:
    """A heading with a table (its first row the heads), sentences, or names of pictures; any may be
    empty.
    """

    title: str
    table: Rows = ()
    sentences: Sequence[str] = ()
    pictures: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """A report in one language; `pictures` by name, which Markdown refers to and HTML holds."""

    title: str
    language: str
    sections: Sequence[Section]
    pictures: Mapping[str, str]

    def markdown(self, picture_file: Callable[[str], str]) -> str:
        """As Markdown; `picture_file` says where a picture stands."""
        lines = [f"# {self.title}"]
        for section in self.sections:
            lines += ["", f"## {section.title}", ""]
            for number, row in enumerate(section.table):
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
                if number == 0:
                    lines.append("|" + "---|" * len(row))
            lines += [f"- {sentence}" for sentence in section.sentences]
            lines += [f"![{name}]({picture_file(name)})" for name in section.pictures]
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """As one page that needs nothing else."""
        parts = []
        for section in self.sections:
            parts.append(f"<h2>{escape(section.title)}</h2>")
            if section.table:
                head, *body = section.table
                parts.append(f"<table><tr>{_cells('th', head)}</tr>")
                parts += [f"<tr>{_cells('td', row)}</tr>" for row in body]
                parts.append("</table>")
            if section.sentences:
                items = [f"<li>{escape(sentence)}</li>" for sentence in section.sentences]
                parts.append(f"<ul>{''.join(items)}</ul>")
            parts += [f"<figure>{self.pictures[name]}</figure>" for name in section.pictures]
        title = escape(self.title)
        style = (
            "body{font-family:sans-serif;max-width:56rem;margin:2rem auto;padding:0 "
            "1rem;line-height:1.5}"
            "table{border-collapse:collapse}th,td{border:1px solid #ccc;padding:.2rem "
            ".6rem;text-align:left}"
            "figure{margin:1rem 0}svg{max-width:100%}"
        )
        return (
            f'<!doctype html>\n<html lang="{self.language}"><head><meta charset="utf-8">'
            f"<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1>\n"
            + "\n".join(parts)
            + "\n</body></html>\n"
        )


def say(language: str, name: str, /, **values: object) -> str:
    """A text of run reports, filled in."""
    return i18n.say(language, "report", name, **values)


def sentence(finding: Finding, language: str) -> str:
    """What a finding says."""
    names = {field: say(language, name) for field, name in finding.names.items()}
    return say(language, finding.name, **finding.values, **names)


def _cells(tag: str, row: Sequence[str]) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)


def report(facts: Facts, language: str = "en") -> Report:
    """The report of a run, with the sections that teams write by hand.

    Args:
        facts: what is known of the run.
        language: the code of one of `vmt.i18n.languages()`.

    Raises:
        UnknownLanguage: if there are no texts in the language.
    """

    def text(name: str) -> str:
        return say(language, name)

    last, selected = facts.rows[-1], facts.selected
    pictures = _pictures(facts, language)
    sections = [
        Section(text("overview"), _named(facts, text)),
        Section(text("configuration"), _settings(facts, text)),
        Section(say(language, "final", epoch=last.epoch), _losses(last, text)),
        Section(say(language, "best", epoch=selected.epoch), _losses(selected, text)),
        Section(text("last_five"), _last_rows(facts, text)),
        Section(text("curves"), pictures=tuple(pictures)),
        _said(
            text("analysis"), [*findings.trend(facts), *findings.generalisation(facts)], language
        ),
        Section(text("weights"), _files(facts.weights, text)),
        _outputs(facts, language),
        _said(text("strengths"), findings.strengths(facts), language),
        _said(text("improve"), findings.improvements(facts), language),
        _said(text("advice"), findings.advice(facts), language),
        _said(text("next"), findings.next_steps(facts), language),
    ]
    return Report(say(language, "title", run=facts.parameters.run), language, sections, pictures)


def _said(title: str, said: Sequence[Finding], language: str) -> Section:
    sentences = [sentence(finding, language) for finding in said]
    return Section(title, sentences=sentences or [say(language, "none")])


def _named(facts: Facts, text: Callable[[str], str]) -> Rows:
    known = {name: getattr(facts.summary, name) for name in _NAMED}
    known["state"] = text(f"state.{facts.summary.state}")
    rows = [(text(f"field.{name}"), str(value)) for name, value in known.items() if value]
    if facts.videos is not None:
        rows.append((text("field.videos"), str(facts.videos)))
    if facts.parameters.parameters is not None:
        rows.append((text("field.parameters"), f"{facts.parameters.parameters:,}"))
    return [(text("item"), text("value")), *rows]


def _settings(facts: Facts, text: Callable[[str], str]) -> Rows:
    model, train = facts.parameters.model, facts.parameters.train
    known = [(name, model[name]) for name in _SHOWN if name in model]
    known += [(name, getattr(train, name)) for name in _TRAINED]
    rows = [(text(f"field.{name}"), _setting(value, text)) for name, value in known]
    return [(text("item"), text("value")), *rows]


def _setting(value: object, text: Callable[[str], str]) -> str:
    return text("yes" if value else "no") if isinstance(value, bool) else str(value)


def _number(value: float) -> str:
    return "" if value != value else f"{value:.4f}"


def _losses(row: EpochResult, text: Callable[[str], str]) -> Rows:
    body = [
        (text(name), _number(row.train[k]), _number(row.validation[k]))
        for k, name in enumerate(LOSSES)
    ]
    return [
        (text("metric"), text("train"), text("validation")),
        *body,
        (text("rate"), f"{row.learn_rate:.6f}", ""),
    ]


def _last_rows(facts: Facts, text: Callable[[str], str]) -> Rows:
    heads = ("epoch", "train_total", "validation_total", "train_chord", "validation_chord")
    body = []
    for row in facts.rows[-findings.LAST :]:
        values = (row.train[0], row.validation[0], row.train[1], row.validation[1])
        mark = " ★" if row.epoch == facts.selected.epoch else ""
        body.append((f"{row.epoch}{mark}", *map(_number, values)))
    return [tuple(map(text, heads)), *body]


def _size(size_bytes: int) -> str:
    for unit, power in (("MiB", 2**20), ("KiB", 2**10)):
        if size_bytes >= power:
            return f"{size_bytes / power:.1f} {unit}"
    return f"{size_bytes} B"


def _files(files: Sequence[tuple[str, int]], text: Callable[[str], str]) -> Rows:
    return [(text("file"), text("size")), *((name, _size(size)) for name, size in files)]


def _outputs(facts: Facts, language: str) -> Section:
    if not facts.outputs:
        return Section(say(language, "outputs"), sentences=[say(language, "no_outputs")])
    rows = [
        (video, name, _size(size))
        for video in sorted(facts.outputs)
        for name, size in sorted(facts.outputs[video])
    ]
    return Section(
        say(language, "outputs"),
        [tuple(say(language, head) for head in ("video", "file", "size")), *rows],
    )


def _pictures(facts: Facts, language: str) -> dict[str, str]:
    epochs = [row.epoch for row in facts.rows]
    pictures = {}
    for column, name in enumerate(LOSSES):
        lines = {say(language, "train"): [row.train[column] for row in facts.rows]}
        if facts.validated:
            lines[say(language, "validation")] = [row.validation[column] for row in facts.rows]
        pictures[name] = curves(say(language, name), epochs, lines, facts.selected.epoch)
    return pictures

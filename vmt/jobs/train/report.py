"""Write a run's report, Markdown and HTML, and keep it with the run."""

from dataclasses import dataclass

from vmt.catalog import datasets, keys
from vmt.catalog.runs import Run
from vmt.errors import DatasetError, TrainingError
from vmt.i18n import check_language, languages
from vmt.reports.findings import Facts
from vmt.reports.run_report import report as written
from vmt.store import ObjectStore


@dataclass(frozen=True)
class ReportKeys:
    """Where a report stands: Markdown, HTML, and the pictures that the Markdown shows."""

    markdown: str
    html: str
    pictures: tuple[str, ...]


def report(store: ObjectStore, run: str, *, language: str = "en") -> ReportKeys:
    """Write `runs/<run>/report.<lang>.md` and `.html` from what the store holds of the run now.

    Args:
        store: the store.
        run: its name.
        language: one of `vmt.i18n.languages()`.

    Raises:
        UnknownLanguage: if there are no texts in the language.
        TrainingError: if the run is not in the store, or no epoch is finished.
    """
    check_language(language)
    page = written(gather(Run(store, run)), language)
    pictures = {name: keys.run_report_picture(run, language, name) for name in page.pictures}
    for name, picture in page.pictures.items():
        store.put(pictures[name], picture.encode())
    report_keys = ReportKeys(
        keys.run_report(run, language, "md"),
        keys.run_report(run, language, "html"),
        tuple(pictures.values()),
    )
    # The Markdown names its pictures without their folder, which is its own.
    text = page.markdown(lambda name: pictures[name].rpartition("/")[2])
    store.put(report_keys.markdown, text.encode())
    store.put(report_keys.html, page.html().encode())
    return report_keys


def report_missing(store: ObjectStore, run: str) -> None:
    """Write a finished run's report in each language in which there is none yet.

    Raises:
        TrainingError: as `report`.
    """
    for language in languages():
        if store.head(keys.run_report(run, language, "html")) is None:
            report(store, run, language=language)


def gather(run: Run) -> Facts:
    """What the store holds of a run.

    Raises:
        TrainingError: if the run is not in the store, or no epoch is finished.
    """
    parameters, summary, rows = run.parameters(), run.summary(), run.results()
    if summary is None or not rows:
        raise TrainingError(
            f"run {run.name}: no epoch is finished yet; start `vmt train` again to resume"
        )
    return Facts(
        parameters,
        summary,
        rows,
        _videos(run, parameters.dataset),
        _weights(run),
        _outputs(run),
        _evaluations(run),
    )


def _weights(run: Run) -> list[tuple[str, int]]:
    """Names and sizes of the run's files of weights."""
    folder = keys.run_folder(run.name)
    return [
        (info.key.removeprefix(folder), info.size)
        for info in run.store.list(folder)
        if "weights" in info.key
    ]


def _outputs(run: Run) -> dict[str, list[tuple[str, int]]]:
    """Keys and sizes of the files of the run's soundtracks, by video."""
    outputs: dict[str, list[tuple[str, int]]] = {}
    for info in run.store.list(keys.run_outputs(run.name)):
        output = keys.parse_output(info.key)
        if output is not None:
            outputs.setdefault(output.video, []).append((info.key, info.size))
    return outputs


def _evaluations(run: Run) -> int:
    tables = run.store.list(keys.evaluation_prefix(run.name))
    return sum(info.key.endswith(".json") for info in tables)


def _videos(run: Run, dataset: str | None) -> int | None:
    """Training videos of the run's dataset, where it is still in the store."""
    if dataset is None:
        return None
    try:
        version = datasets.read(run.store, datasets.resolve(run.store, dataset))
    except DatasetError:
        return None
    return int((version.manifest["split"] == "train").sum())

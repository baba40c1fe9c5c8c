"""Write a run's report, Markdown and HTML, and keep it with the run."""

from dataclasses import dataclass

from vmt.catalog import datasets
from vmt.catalog.runs import Run
from vmt.errors import DatasetError, TrainingError
from vmt.i18n import check_language, languages
from vmt.jobs.soundtrack.composer import SUFFIX
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

    Raises:
        UnknownLanguage: if there are no texts in the language.
        TrainingError: if the run is not in the store, or no epoch is finished.
    """
    check_language(language)
    chosen = Run(store, run)
    page = written(gather(chosen), language)
    files = {name: f"report.{language}.{name}.svg" for name in page.pictures}
    for name, picture in page.pictures.items():
        store.put(chosen.key(files[name]), picture.encode())
    keys = ReportKeys(
        chosen.key(f"report.{language}.md"),
        chosen.key(f"report.{language}.html"),
        tuple(chosen.key(file) for file in files.values()),
    )
    store.put(keys.markdown, page.markdown(lambda name: files[name]).encode())
    store.put(keys.html, page.html().encode())
    return keys


def report_missing(store: ObjectStore, run: str) -> None:
    """Write a finished run's report in each language in which there is none yet.

    Raises:
        TrainingError: as `report`.
    """
    for language in languages():
        if store.head(Run(store, run).key(f"report.{language}.html")) is None:
            report(store, run, language=language)


def gather(run: Run) -> Facts:
    """What the store holds of a run.

    Raises:
        TrainingError: if the run is not in the store, or no epoch is finished.
    """
    parameters, summary, rows = run.parameters(), run.read_json("summary.json"), run.results()
    if summary is None or not rows:
        raise TrainingError(
            f"run {run.name}: no epoch is finished yet; start `vmt train` again to go on"
        )
    store, own = run.store, run.key("")
    weights = [
        (each.key.removeprefix(own), each.size) for each in store.list(own) if "weights" in each.key
    ]
    outputs: dict[str, list[tuple[str, int]]] = {}
    for each in store.list(f"outputs/{run.name}/"):
        video, mark, _ = each.key.rpartition("/")[2].partition(SUFFIX)
        if mark:
            outputs.setdefault(video, []).append((each.key, each.size))
    tables = [
        each for each in store.list(f"evaluations/{run.name}/epoch_") if each.key.endswith(".json")
    ]
    return Facts(
        parameters,
        summary,
        rows,
        _videos(run, parameters["dataset"]),
        weights,
        outputs,
        len(tables),
    )


def _videos(run: Run, dataset: str | None) -> int | None:
    """Training videos of the run's dataset, where it is still in the store."""
    if dataset is None:
        return None
    try:
        version = datasets.read(run.store, datasets.resolve(run.store, dataset))
    except DatasetError:
        return None
    return int((version.manifest["split"] == "train").sum())

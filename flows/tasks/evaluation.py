"""Tasks that evaluate: scores of runs and soundtracks, the promotion gate, the showcase, and the
nightly report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from prefect import task

from flows.engine.events import reporter
from flows.engine.gpu import gpu_slot
from flows.tasks.pipeline import (
    GENERATE_TIMEOUT_S,
    HOUR_S,
    RETRY,
    device,
    generate_config,
    store,
)
from vmt.catalog import datasets
from vmt.catalog.records.nights import (
    ChampionNow,
    DatasetGrowth,
    GateVerdict,
    GenerateReport,
    NightEvaluation,
    NightReport,
    Showcase,
)
from vmt.catalog.records.runs import RunSummary, RunVerdict
from vmt.catalog.records.soundtracks import GeneratedScores
from vmt.catalog.runs import Run, now, read_champion
from vmt.errors import TrainingError
from vmt.jobs.release.nightly import (
    HalfTrained,
    Origin,
    growth,
    half_trained,
    last_judged,
    origin,
    write_report,
)
from vmt.jobs.release.promote import judge
from vmt.jobs.release.showcase import check_showcase
from vmt.jobs.soundtrack.compare import ComparisonReport, compare
from vmt.jobs.soundtrack.generate import resolve_run
from vmt.jobs.soundtrack.score import evaluate_generated, listener
from vmt.jobs.train.evaluate import evaluate
from vmt.settings import load_settings

JUDGE_TIMEOUT_S = 6 * HOUR_S


@task(name="growth", **RETRY)
def dataset_growth(dataset: str, preset: str) -> DatasetGrowth:
    """The size of a version, and its growth since the last run of `preset` that was trained on the
    dataset and judged by the gate.
    """
    where = store()
    return growth(where, dataset, last_judged(where, dataset.partition("@")[0], preset))


@task(name="origin", **RETRY)
def training_origin(dataset: str, preset: str, go_on: bool) -> Origin:
    """The weights that the nightly training starts from.

    Args:
        dataset: version to train on.
        preset: of model and training.
        go_on: whether to start from the champion's weights where they fit.
    """
    return origin(store(), dataset, preset, go_on=go_on)


@task(name="unfinished run", **RETRY)
def unfinished_run(
    dataset: str, preset: str, grow_share: float, grow_videos: int
) -> HalfTrained | None:
    """The unfinished run of an earlier night, if resuming it is better than a new run on a version
    that is hardly larger.

    Args:
        dataset: newest version.
        preset: of model and training.
        grow_share: new videos that justify a new run, as a share, 0.05 for 5 %.
        grow_videos: new videos that justify a new run, as a number.
    """
    return half_trained(store(), dataset, preset, grow_share=grow_share, grow_videos=grow_videos)


@task(name="champion", **RETRY)
def champion_now() -> ChampionNow | None:
    """The champion: its run, epoch and date; None before the first promotion."""
    champion = read_champion(store())
    if champion is None:
        return None
    return ChampionNow(champion.run, champion.epoch, champion.since)


@task(name="resolve run", **RETRY)
def resolve_epoch(run: str | None, epoch: int | None) -> tuple[str, int]:
    """The named run and epoch; the champion if no run is named."""
    resolved, number = resolve_run(store(), run, epoch)
    return resolved.name, number


@task(name="training summary", **RETRY)
def training_summary(run: str) -> RunSummary:
    """The summary.json of a run.

    Raises:
        TrainingError: if the run has none.
    """
    summary = Run(store(), run).summary()
    if summary is None:
        raise TrainingError(f"run {run}: has no summary.json; run `vmt train` again to finish it")
    return summary


@task(name="evaluate", timeout_seconds=JUDGE_TIMEOUT_S, **RETRY)
def evaluate_run(run: str, epoch: int | None, dataset: str | None, split: str) -> NightEvaluation:
    """Scores of an epoch beside the baselines: the key of all scores, and the rows.

    Args:
        run: to score.
        epoch: of that run; its best if None.
        dataset: to score on; the run's own if None.
        split: `validation` or `test`.
    """
    with gpu_slot(device()):
        evaluation = evaluate(
            store(), run, epoch, dataset=dataset, split=split, device=load_settings().device
        )
    record = evaluation.record
    return NightEvaluation(
        key=evaluation.key,
        run=record.run,
        epoch=record.epoch,
        dataset=record.dataset,
        split=record.split,
        songs=record.songs,
        seen_in_training=record.seen_in_training,
        rows=record.rows,
        video_gain=record.video_gain,
        rhythm=record.rhythm,
    )


@task(name="score soundtracks", timeout_seconds=JUDGE_TIMEOUT_S, **RETRY)
def score_generated(prefix: str) -> GeneratedScores:
    """Scores of the soundtracks under `prefix`."""
    with gpu_slot(device()):
        return evaluate_generated(store(), load_settings(), prefix, on_event=reporter())


@task(name="compare", timeout_seconds=GENERATE_TIMEOUT_S, **RETRY)
def compare_runs(
    contenders: Sequence[str], videos: Sequence[str], settings: Mapping[str, object]
) -> ComparisonReport:
    """Soundtracks and scores of several runs or epochs for the same videos.

    Args:
        contenders: RUN or RUN@EPOCH, two or more.
        videos: keys of the videos.
        settings: of the generation, where they differ from the defaults.
    """
    with gpu_slot(device()):
        return compare(
            store(),
            load_settings(),
            [run_and_epoch(contender) for contender in contenders],
            videos,
            config=generate_config(settings),
            on_event=reporter(),
        )


def run_and_epoch(text: str) -> tuple[str, int | None]:
    """The parts of RUN or RUN@EPOCH.

    Raises:
        TrainingError: if the epoch is not a number.
    """
    name, at, epoch = text.partition("@")
    if at and not epoch.isdigit():
        raise TrainingError(f"{text!r} is not RUN or RUN@EPOCH; write the epoch as a number")
    return name, int(epoch) if at else None


@task(name="former champions", **RETRY)
def newest_contenders() -> list[str]:
    """The champion and the previous champion as RUN@EPOCH; fewer if there are fewer."""
    champion = read_champion(store())
    if champion is None:
        return []
    return [f"{run}@{epoch}" for run, epoch in champion.epochs][:2]


@task(name="champion's held-out videos", **RETRY)
def champions_videos() -> list[str]:
    """Keys of the held-out videos in the newest version of the champion's dataset."""
    where = store()
    champion = read_champion(where)
    dataset = champion and Run(where, champion.run).parameters().dataset
    if not dataset:
        return []
    manifest = datasets.read(where, datasets.resolve(where, dataset.partition("@")[0])).manifest
    return sorted(str(key) for key in manifest.loc[manifest["split"] == "test", "key"] if key)


@task(name="judge", timeout_seconds=JUDGE_TIMEOUT_S, **RETRY)
def judge_run(run: str, margin: float) -> GateVerdict:
    """The verdict of the promotion gate on a run; nothing is promoted."""
    with gpu_slot(device()):
        verdict = judge(store(), run, margin=margin, device=load_settings().device)
    return replace(verdict, margin=margin)


@task(name="check showcase", timeout_seconds=JUDGE_TIMEOUT_S, **RETRY)
def checked_showcase(generated: GenerateReport) -> Showcase:
    """Whether the soundtracks of a challenger are valid, by the report of their generation."""
    made = (*generated.made, *generated.known)
    records = sorted(soundtrack.files["json"] for soundtrack in made)
    failed = [f"{failure.key}: {failure.reason}" for failure in generated.failed]
    with gpu_slot(device()):
        return check_showcase(
            store(), records, listener(load_settings().device), failed=failed, on_event=reporter()
        )


@task(name="write verdict", **RETRY)
def write_verdict(run: str, verdict: str, promoted: bool) -> None:
    """Store the verdict on a run; from then on the run counts as judged.

    Args:
        run: the challenger.
        verdict: one line for people.
        promoted: whether it became the champion.
    """
    Run(store(), run).write_verdict(RunVerdict(verdict, promoted, now()))


@task(name="write report", **RETRY)
def write_nightly_report(night: NightReport) -> tuple[str, str]:
    """Write the nightly report to the store; the keys of its JSON and its text."""
    return write_report(store(), night, language=load_settings().language)

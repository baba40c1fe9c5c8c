"""What the tasks retry, what their settings accept, and the threshold that fails a flow."""

from collections.abc import Callable

import httpx
import pytest
from prefect import Task, flow

from flows import housekeep, inbox
from flows.engine.artifacts import TooManyFailed, require_share
from flows.tasks import evaluation, pipeline
from flows.tasks.pipeline import RETRY, generate_config, is_transient, retry_transient_failures
from vmt.arrange.config import GenerateConfig
from vmt.errors import GenerationError, MediaError, StoreDenied, StoreUnavailable
from vmt.jobs.soundtrack.composer import Failure


def test_settings_of_a_flow_are_those_of_the_job() -> None:
    settings = {"seed": 7, "primer": ["C", "F"], "tempo_bpm": 96.0}
    assert generate_config(settings) == GenerateConfig(seed=7, primer=("C", "F"), tempo_bpm=96.0)


def test_a_whole_number_names_the_same_take_as_its_float() -> None:
    written = [
        repr(generate_config({"tempo_bpm": tempo, "lufs": lufs}))
        for tempo, lufs in ((96, -16), (96.0, -16.0))
    ]
    assert written[0] == written[1]


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(GenerationError, match=r"no setting 'tempo'; known: seed, key"):
        generate_config({"tempo": 96})


def test_a_value_out_of_range_is_refused() -> None:
    with pytest.raises(GenerationError, match="temperature"):
        generate_config({"temperature": -1})


FAILED = [
    Failure("videos/a.mp4", "it is truncated"),
    Failure("videos/b.mp4", "no picture"),
]


def test_a_few_failures_do_not_fail_a_flow() -> None:
    require_share(FAILED, 4, 0.5, "videos are not usable")
    require_share([], 0, 0.5, "videos are not usable")
    require_share(FAILED, 2, 0.5, "videos are not usable", at_least=3)


@pytest.mark.parametrize(("of", "fail_above"), [(3, 0.5), (2, 0.5), (100, 0.0)])
def test_too_many_failures_do_and_the_first_is_named(of: int, fail_above: float) -> None:
    with pytest.raises(
        TooManyFailed,
        match=rf"2 of {of} videos are not usable, more than .*a\.mp4: it is truncated",
    ):
        require_share(FAILED, of, fail_above, "videos are not usable")


def test_every_task_retries_transient_errors_alone_and_caches_nothing() -> None:
    modules = (pipeline, evaluation, inbox, housekeep)
    found = [each for module in modules for each in vars(module).values() if isinstance(each, Task)]
    assert len(found) >= 25
    for each in found:
        assert each.retries == RETRY["retries"], each.name
        assert each.retry_condition_fn is is_transient, each.name
        assert not each.persist_result, each.name


def test_long_tasks_have_a_time_limit() -> None:
    modules = (pipeline, evaluation, inbox)
    every = [each for module in modules for each in vars(module).values() if isinstance(each, Task)]
    limits = {each.name: each.timeout_seconds for each in every}
    assert all(
        limits[name]
        for name in ("ingest", "train", "generate", "evaluate", "judge", "compare", "serve inbox")
    )


@flow(name="retries")
def in_flow(work: Callable[[], str]) -> str:
    return work()


@pytest.mark.server
@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (StoreUnavailable("store s3://a: connection refused"), 1 + RETRY["retries"]),
        (httpx.ConnectError("Prefect's server is away"), 1 + RETRY["retries"]),
        (StoreDenied("store s3://a: wrong key"), 1),
        (MediaError("video a: truncated", "truncated"), 1),
        (ValueError("a bug"), 1),
    ],
)
def test_only_what_may_pass_is_tried_again(
    prefect_api: None, error: Exception, attempts: int
) -> None:
    made = []

    @pipeline.task(**{**RETRY, "retry_delay_seconds": 0, "retry_jitter_factor": None})
    def work() -> str:
        made.append(1)
        raise error

    with pytest.raises(type(error)):
        in_flow(work)
    assert len(made) == attempts


@pytest.mark.server
def test_what_passes_meanwhile_succeeds(prefect_api: None) -> None:
    outcomes = iter([StoreUnavailable("store: 503"), StoreUnavailable("store: timed out"), None])

    @pipeline.task(**{**RETRY, "retry_delay_seconds": 0, "retry_jitter_factor": None})
    def work() -> str:
        error = next(outcomes)
        if error:
            raise error
        return "done"

    assert in_flow(work) == "done"


@pytest.mark.server
@pytest.mark.parametrize(("transient", "attempts"), [(True, 1 + RETRY["retries"]), (False, 1)])
def test_items_that_a_passing_error_spoilt_are_tried_again_and_reported_at_last(
    prefect_api: None, transient: bool, attempts: int
) -> None:
    made = []

    @pipeline.task(**{**RETRY, "retry_delay_seconds": 0, "retry_jitter_factor": None})
    def work() -> str:
        made.append(1)
        retry_transient_failures(
            [Failure("videos/a.mp4", "no picture"), Failure("videos/b.mp4", "503", transient)]
        )
        return "report"

    assert in_flow(work) == "report"
    assert len(made) == attempts

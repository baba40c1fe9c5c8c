"""Start a job once, however often a person clicks, and say so where no Prefect server answers."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import streamlit as st

from dashboard.i18n.text import t
from dashboard.sources import prefect

SAME_CLICK_S = 10


@contextmanager
def needs_prefect() -> Iterator[None]:
    """Say what to start where no Prefect server answers."""
    try:
        yield
    except prefect.PrefectUnavailable as error:
        st.warning(t("jobs.no_server", error=error))
        st.caption(t("jobs.start_server"))
        st.code(
            "vmt up\nPREFECT_API_URL=http://127.0.0.1:4200/api python -m dashboard", language="bash"
        )


def key_of(job: str, parameters: Mapping[str, object]) -> str:
    """An idempotency key: the same for the same request within some seconds, as after a double
    click.
    """
    digest = hashlib.sha256(json.dumps([job, parameters], sort_keys=True).encode()).hexdigest()
    last = st.session_state.get("last-start")
    if last is None or last["digest"] != digest or time.monotonic() - last["at"] > SAME_CLICK_S:
        last = {"digest": digest, "at": time.monotonic(), "key": str(uuid4())}
        st.session_state["last-start"] = last
    return str(last["key"])


def start(job: str, parameters: Mapping[str, object]) -> prefect.JobRun:
    """Ask Prefect for one run.

    Raises:
        PrefectUnavailable: if no server answers.
        JobRefused: if there is no such deployment, or its parameters do not fit.
    """
    return prefect.start(job, parameters, key_of(job, parameters))

"""Notifications of failures and nightly reports, sent to the Apprise URL in VMT_NOTIFY_URL, such as
`mailto://...` or `slack://...`; off if it is empty.

Source of the URLs: https://github.com/caronc/apprise/wiki
"""

import logging
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State

from vmt.settings import load_settings

log = logging.getLogger("vmt.notify")


def notify(title: str, body: str) -> bool:
    """Send a message in Markdown; whether it was sent. An unsent message fails no flow."""
    url = load_settings().notify_url
    if url is None or not url.get_secret_value():  # compose.yaml may pass an empty value
        return False
    import apprise  # half a second, which most runs can save

    sender = apprise.Apprise()
    if not sender.add(url.get_secret_value()):
        log.warning("VMT_NOTIFY_URL is not an Apprise URL; the message was not sent: %s", title)
        return False
    sent = bool(sender.notify(title=title, body=body, body_format=apprise.NotifyFormat.MARKDOWN))
    if not sent:
        log.warning("the receiver of VMT_NOTIFY_URL refused the message: %s", title)
    return sent


def alert(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """The hook of a flow that failed or crashed."""
    notify(
        f"VMT: {flow.name} {state.name.lower() if state.name else 'failed'}",
        f"Run {flow_run.name}: {state.message}",
    )

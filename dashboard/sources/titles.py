"""What videos are called: their titles as they were given, in place of the ids that keys have."""

import re
from collections import Counter

import streamlit as st

from dashboard.sources import store
from vmt.catalog.identity import identities, title_of
from vmt.catalog.records.videos import Identity

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$])")


@st.cache_data(ttl=store.LISTED_S, show_spinner=False)
def _known() -> tuple[dict[str, str], dict[str, str]]:
    """What to show by id and by key; where two videos have one title, their ids tell them apart."""
    known = identities(store.store())
    times = Counter(identity.title for identity in set(known.values()))

    def shown(identity: Identity) -> str:
        if identity.title in ("", identity.id):
            return identity.id
        alone = times[identity.title] == 1
        return identity.title if alone else f"{identity.title} ({identity.id})"

    by_key = {key: shown(identity) for key, identity in known.items()}
    return {identity.id: by_key[key] for key, identity in known.items()}, by_key


def title(video: str) -> str:
    """The title of the video with this id; the id where no title is known."""
    return _known()[0].get(video, video)


def title_of_key(key: str) -> str:
    """The title of the video under a key; its name where it was never given an id."""
    return _known()[1].get(key) or title_of(key)


def title_markdown(video: str) -> str:
    """The title as Markdown that shows each sign as it is: `Hey *Ya*!` is no emphasis."""
    return _MARKDOWN.sub(r"\\\1", title(video))

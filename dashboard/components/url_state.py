"""What is selected lives in the URL, so that a link shows the same thing to everyone: run, video,
epoch, take.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.i18n.text import t


def selected(name: str) -> str | None:
    """The URL's value of `name`."""
    return st.query_params.get(name)


def select(**values: str | None) -> None:
    """Write values into the URL; None takes one out."""
    for name, value in values.items():
        if value is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = value


def choose(
    name: str,
    options: Sequence[str],
    label: str,
    *,
    default: str | None = None,
    shown: Callable[[str], str] = str,
    optional: bool = False,
    placeholder: str | None = None,
    drops: Sequence[str] = (),
) -> str | None:
    """A select box whose value is the URL's `name`.

    Args:
        name: of the query parameter.
        options: what can be chosen.
        label: over the box.
        default: taken where the URL says nothing; the first option where it is not given.
        shown: how an option reads.
        optional: whether nothing may be chosen; then nothing is the default.
        placeholder: reads in an empty box.
        drops: what the URL forgets when this changes.
    """
    wanted = selected(name)
    if wanted is not None and wanted not in options:
        st.caption(t("selection.gone", name=label, value=wanted))
        wanted = None
    if wanted is None and not optional:
        wanted = default if default in options else next(iter(options), None)
    widget = f"choose-{name}"
    st.session_state[widget] = (
        wanted  # the URL decides, also after "back" or a link from another page
    )
    st.selectbox(
        label,
        options,
        key=widget,
        format_func=shown,
        index=None if optional or not options else 0,
        placeholder=placeholder or "",
        on_change=lambda: select(**{name: st.session_state[widget], **dict.fromkeys(drops)}),
    )
    return wanted

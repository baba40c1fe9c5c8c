"""The visitor's language, and the texts of pages in it.

The texts stand in `vmt/i18n/<language>.toml`, beside those of reports: reports are written by
`vmt`, which may not import the dashboard, so the one home of all texts is there.
"""

import streamlit as st

from vmt import i18n

LANGUAGES = i18n.languages()


def _preferred() -> str:
    """The language that the browser asks for, or the reference language."""
    code = (st.context.locale or "").lower().partition("-")[0]
    return code if code in LANGUAGES else i18n.REFERENCE


def language() -> str:
    """The URL's language, else the one that was chosen before, else the browser's."""
    for code in (st.query_params.get("lang"), st.session_state.get("chosen_language")):
        if code in LANGUAGES:
            return str(code)
    return _preferred()


def set_language(code: str) -> None:
    """Remember a choice, also in the URL where it differs from what the browser prefers."""
    st.session_state["chosen_language"] = code
    if code != _preferred() or "lang" in st.query_params:
        st.query_params["lang"] = code


def t(name: str, /, **values: object) -> str:
    """The text `name` in the visitor's language, with its fields filled in."""
    text = i18n.texts(language(), "page")[name]
    return i18n.fill(text, values) if values else text

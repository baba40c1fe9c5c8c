"""The visitor's language, and the words of `dashboard.i18n.words` in it."""

import streamlit as st

from dashboard.i18n.words import WORDS

LANGUAGES = {"en": "English", "zh": "中文"}


def language() -> str:
    """`en` or `zh`: what the URL says, else what was chosen before, else what the browser
    prefers.
    """
    for code in (st.query_params.get("lang"), st.session_state.get("chosen_language")):
        if code in LANGUAGES:
            return str(code)
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def set_language(code: str) -> None:
    """Remember a choice, also in the URL where it differs from what the browser prefers."""
    st.session_state["chosen_language"] = code
    if code == "zh" or "lang" in st.query_params:
        st.query_params["lang"] = code


def t(name: str, /, **values: object) -> str:
    """The words of `name` in the visitor's language, with `{}` filled in."""
    text = WORDS[name][list(LANGUAGES).index(language())]
    return text.format(**values) if values else text

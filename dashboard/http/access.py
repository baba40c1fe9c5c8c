"""Who looks and what they may do: a proxy names user and role in headers; without one, any visitor
operates.
"""

import json

import streamlit as st

OPERATOR = "operator"
UPLOAD_MIB = 200
"""An upload passes through the memory of the server; a longer film is put into the bucket."""


def behind_proxy() -> bool:
    """Whether the server was started to take user and role from a proxy."""
    headers = st.get_option("server.trustedUserHeaders")
    return bool(json.loads(headers) if isinstance(headers, str) else headers)


def may_operate() -> bool:
    """Whether this visitor may start, cancel, schedule and upload."""
    return not behind_proxy() or st.user.get("role") == OPERATOR


def user() -> str | None:
    """The visitor's name as the proxy gives it."""
    name = st.user.get("user") if behind_proxy() else None
    return str(name) if name else None

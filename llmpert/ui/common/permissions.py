"""Permissions: who may change shared data."""

import os

import streamlit as st

from llmpert.runtime import LOCAL

DISABLED = "disabled on shared servers. Ask your administrator."


def is_shared() -> bool:
    """Return whether visitors of this server are others than its operator.

    `LLMPERT_SHARED` decides where it is set: "0" trusts every visitor, all else none. Otherwise a
    server is shared if other machines can reach it: it listens on more than this machine's own
    address, answers to further names, or stands below a proxy's path.
    """
    chosen = os.environ.get("LLMPERT_SHARED")
    if chosen:
        return chosen != "0"
    names = {st.get_option("server.address"), *st.get_option("server.allowedHosts")}
    return not names <= set(LOCAL) or bool(st.get_option("server.baseUrlPath"))


def is_operator() -> bool:
    """Return whether the visitor may download, save, remove and name the server's files.

    So it is on one's own computer. On a server for others nobody may.
    """
    return not is_shared()

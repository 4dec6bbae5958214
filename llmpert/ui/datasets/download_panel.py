"""Public files and presets: what they are, what fetching them takes, and the job that does it."""

import shutil
from collections.abc import Sequence
from functools import partial

import streamlit as st

from llmpert import downloads
from llmpert.datasets import DatasetStore, presets
from llmpert.downloads import BytesProgress, Notify, PublicFile, format_bytes
from llmpert.errors import InputError
from llmpert.ui.common import components as show
from llmpert.ui.common.permissions import DISABLED, is_operator
from llmpert.ui.datasets.job_panel import await_dataset
from llmpert.ui.datasets.jobs import Work, jobs

WAYS = {"bulk": "bulk files (minutes)", "cells": "single cells, the paper's way (hours)"}


def offer_real_screens() -> None:
    """Offer to download real screens, unless they exist or are being downloaded.

    Nothing is offered where a mirror (`LLMPERT_SOURCES`) lacks the files.
    """
    try:
        preset, way = presets.choose(presets.REAL_SCREENS)
        files = preset.files(way)
    except InputError:
        return
    name, job = preset.dataset(way), jobs().latest
    begun = job is not None and job.name == name and job.state != "finished"
    if begun or DatasetStore().exists(name):
        return
    size = format_bytes(downloads.missing_bytes(files, downloads.downloads()))
    licence = ", ".join({one.licence: "" for one in files})
    if not is_operator():
        st.caption(
            f"{preset.what}. The administrator of this server can prepare them for all visitors:"
        )
        st.code(f"python -m llmpert prepare {preset.name}", language="bash")
        return
    st.button(
        f"Get real screens ({size})",
        key="real-screens",
        type="primary",
        icon=":material/download:",
        on_click=await_dataset,
        args=(name, partial(_prepare, preset, way, name)),
        disabled=jobs().busy,
        help="Another download is running."
        if jobs().busy
        else "The progress is shown. You can stop and resume later.",
    )
    st.caption(f"{preset.what}. {licence}. {preset.citation}")


def show_downloads() -> None:
    """Show what can be downloaded; for the operator, the way to do it."""
    registry = downloads.read_registry()
    files = list(registry.sources.values())
    if not is_operator():
        st.info(f"Downloading is {DISABLED}", icon=":material/lock:")
        st.code("python -m llmpert download", language="bash")
        _list(files)
        return
    st.markdown("Review source, licence and size before anything is downloaded.")
    for preset in presets.presets().values():
        with st.container(border=True):
            st.subheader(preset.name)
            st.markdown(f"{preset.what}.")
            st.caption(preset.citation)
            way = st.segmented_control(
                "Made from",
                list(preset.ways),
                default=None,
                key=f"way-{preset.name}",
                format_func=lambda way: WAYS.get(way, way),
                help="Choose files to see their source, licence and size.",
            )
            if way is None:
                continue
            if preset.cost:
                st.markdown(preset.cost)
            try:
                preset.check_memory()
            except InputError as refusal:
                st.warning(str(refusal), icon=":material/memory:")
                continue
            name = st.text_input(
                "Name of the data set", preset.dataset(way), key=f"name-{preset.name}"
            )
            work = partial(_prepare, preset, way, name)
            _offer(f"Prepare {preset.name}", preset.files(way), work, " and prepare it")
    st.subheader("Single files")
    _list(files)
    keys = st.multiselect(
        "Files to download",
        list(registry.sources),
        key="files",
        help="After the download, choose them under *Use your own*.",
    )
    if keys:
        _offer(f"Download {', '.join(keys)}", registry.choose(keys))


def _list(files: Sequence[PublicFile]) -> None:
    folder = downloads.downloads()
    show.rows(
        {
            "File": one.key,
            "What": one.what,
            "Size": _size(one),
            "Here": downloads.presence(one, folder),
            "Licence": one.licence,
            "Citation": one.citation,
        }
        for one in files
    )


def _offer(
    name: str, chosen: Sequence[PublicFile], work: Work | None = None, then: str = ""
) -> None:
    """Show origin, licence and size of files, and offer to download them.

    `work` is done after it; `then` says what that is.
    """
    folder = downloads.downloads()
    for one in chosen:
        part = f", an archive of which only {one.member} is kept" if one.member else ""
        here = downloads.presence(one, folder)
        st.markdown(
            f"- **{one.what}**  \n{_size(one)}{part}; {one.licence}; here: {here}  \n"
            f"from `{one.url}`  \n{one.citation}"
        )
    missing = downloads.missing_bytes(chosen, folder)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    st.markdown(
        f"To download: at most **{format_bytes(missing)}**. It goes to `{folder}`, where"
        f" {format_bytes(shutil.disk_usage(there).free)} are free."
    )
    st.button(
        (f"Download {format_bytes(missing)}" if missing else "Check the files") + then,
        key=f"start-{name}",
        type="primary",
        icon=":material/download:",
        on_click=jobs().start,
        args=(name, work or partial(_download, chosen)),
        disabled=jobs().busy,
        help="Another download is running." if jobs().busy else None,
    )


def _download(chosen: Sequence[PublicFile], progress: BytesProgress, notify: Notify) -> str:
    downloads.download(chosen, downloads.downloads(), progress, notify)
    return ""


def _prepare(
    preset: presets.Preset, way: str, name: str, progress: BytesProgress, notify: Notify
) -> str:
    _download(preset.files(way), progress, notify)
    presets.prepare(preset, way, name, downloads.downloads(), progress, notify)
    return name


def _size(one: PublicFile) -> str:
    return ("" if one.md5 else "about ") + format_bytes(one.size)

"""Public files and presets: what they are, what fetching them takes, and the job that does it."""

import shutil
from collections.abc import Sequence
from functools import partial

import streamlit as st

from llmpert import downloads
from llmpert.datasets import presets
from llmpert.downloads import BytesProgress, Notify, PublicFile, format_bytes
from llmpert.ui.common import components as show
from llmpert.ui.common.permissions import ON_THE_COMMAND_LINE, is_operator
from llmpert.ui.common.selection import open_dataset
from llmpert.ui.datasets.jobs import Job, Work, jobs

WAYS = {"bulk": "bulk files (minutes)", "cells": "single cells, the paper's way (hours)"}


def show_downloads() -> None:
    """Show what can be downloaded; for the operator, the way to do it."""
    registry = downloads.read_registry()
    files = list(registry.sources.values())
    if not is_operator():
        st.info(ON_THE_COMMAND_LINE, icon=":material/lock:")
        st.code("python -m llmpert download", language="bash")
        _list(files)
        return
    _show_job()
    st.markdown(
        "Nothing is fetched before you have seen what it is, where it comes from and how much space"
        " it takes."
    )
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
                help="Choose to see what would be fetched.",
            )
            if way is None:
                continue
            name = st.text_input("Name of the data set", preset.name, key=f"name-{preset.name}")
            work = partial(_prepare, preset, way, name)
            _offer(f"Prepare {preset.name}", preset.files(way), work, " and prepare it")
    st.subheader("Single files")
    _list(files)
    keys = st.multiselect(
        "Files to download",
        list(registry.sources),
        key="files",
        help="Once here, they can be chosen under *Use your own*.",
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
    """Say what is fetched from where, under which licence, and the space it takes; offer to do it.

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

    def fetch(progress: BytesProgress, notify: Notify) -> str:
        downloads.download(chosen, folder, progress, notify)
        return work(progress, notify) if work is not None else ""

    st.button(
        (f"Download {format_bytes(missing)}" if missing else "Check the files") + then,
        key=f"start-{name}",
        type="primary",
        icon=":material/download:",
        on_click=jobs().start,
        args=(name, fetch),
        disabled=jobs().busy,
        help="Another download is running." if jobs().busy else None,
    )


def _prepare(
    preset: presets.Preset, way: str, name: str, progress: BytesProgress, notify: Notify
) -> str:
    presets.prepare(preset, way, name, downloads.downloads(), progress, notify)
    return name


def _show_job() -> None:
    """The job of this server; while it runs, it redraws itself."""
    job = jobs().latest
    if job is None:
        return
    if job.state == "running":
        st.fragment(_watch, run_every=1.0)(job)
    else:
        _panel(job)


def _watch(job: Job) -> None:
    if job.state != "running":
        st.rerun()  # the rest of the page says what is here
    _panel(job)


def _panel(job: Job) -> None:
    with st.container(border=True):
        st.markdown(f"**{show.verbatim(job.name)}**")
        if job.state == "running":
            progress = job.progress()
            if progress is None:
                st.progress(0.0, text="Starting …")
            else:
                share, words = progress
                st.progress(share, text=show.verbatim(words))
            for sentence in list(job.sentences)[-3:]:
                st.caption(show.verbatim(sentence))
            st.button(
                "Stopping …" if job.stopping else "Stop",
                on_click=job.stop,
                disabled=job.stopping,
                icon=":material/stop:",
                help="Keeps what has come; you can continue later. Leaving the page does not stop"
                " it.",
            )
        elif job.state == "finished":
            st.success("Done.", icon=":material/check:")
            if job.result:
                st.button(
                    f"Open {job.result}",
                    type="primary",
                    on_click=open_dataset,
                    args=(job.result,),
                )
            else:
                st.markdown("Choose the files under *Use your own*.")
        else:
            if job.state == "failed":
                st.error(show.verbatim(job.sentences[-1]), icon=":material/error:")
            else:
                st.info("Stopped. What has come is kept.", icon=":material/pause:")
            st.button("Continue", on_click=jobs().again, icon=":material/play_arrow:")


def _size(one: PublicFile) -> str:
    return ("" if one.md5 else "about ") + format_bytes(one.size)

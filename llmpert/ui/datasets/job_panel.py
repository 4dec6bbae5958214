"""How far the job of this server is, with the way to stop it, and on to what it made."""

from urllib.parse import urlencode

import streamlit as st

from llmpert.ui.common import components as show
from llmpert.ui.common.collection import carried
from llmpert.ui.common.permissions import is_operator
from llmpert.ui.common.selection import open_dataset
from llmpert.ui.datasets.jobs import Job, Work, jobs
from llmpert.ui.streamlit_internals import follow_link

AWAITED = "awaited data set"
"""In a visitor's session: the data set of which the gene page is shown once it is made."""


def await_dataset(name: str, work: Work) -> None:
    """Start a job that makes a data set; this visitor's page goes to its genes when it is done."""
    st.session_state[AWAITED] = name
    jobs().start(name, work)


def show_job(ended: bool = True) -> None:
    """Show the job of this server to the operator; while it runs, it redraws itself.

    `ended` is whether one is shown that ended well and that this visitor does not wait for.
    """
    job = jobs().latest
    if job is None or not is_operator():
        return
    if job.state == "finished" and not ended and st.session_state.get(AWAITED) != job.result:
        return
    if job.state == "running":
        st.fragment(_watch, run_every=1.0)(job)
    else:
        _panel(job)


def _watch(job: Job) -> None:
    if job.state != "running":
        st.rerun()  # the rest of the page lists data sets
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
                help="Keeps partial downloads; you can resume later. Leaving the page does not"
                " stop the download.",
            )
        elif job.state == "finished":
            st.success("Done.", icon=":material/check:")
            if job.result:
                if st.session_state.get(AWAITED) == job.result:
                    del st.session_state[AWAITED]
                    query = urlencode({"data": job.result, **carried()})
                    follow_link(f"gene?{query}", f"Go to {job.result}")
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
                st.info("Stopped. Partial downloads are kept.", icon=":material/pause:")
            st.button("Continue", on_click=jobs().again, icon=":material/play_arrow:")

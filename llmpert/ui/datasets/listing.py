"""List the data sets, to open and to remove."""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from llmpert.datasets import BUILT_IN_DATA, DatasetStore, Summary, is_upload, store_of
from llmpert.datasets.store import PartSummary
from llmpert.downloads import format_bytes
from llmpert.errors import InputError
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.permissions import DISABLED, is_operator
from llmpert.ui.common.selection import called, open_dataset, opened_uploads


def list_all(shown: str) -> None:
    """Show every data set, the visitor's own first; `shown` is the one that is open."""
    for name in [*opened_uploads(), *DatasetStore().names()]:
        with st.container(border=True):
            _one(name, shown)
    if not is_operator():
        st.caption(f"Removing data sets is {DISABLED}")


def _one(name: str, shown: str) -> None:
    found = cache.holdings(name)
    st.subheader(called(name))
    st.markdown("\n".join(f"- {line}" for line in _lines(found)))
    for sentence in found.problems:
        st.error(show.verbatim(sentence), icon=":material/error:")
    if found.changed is not None:
        others = f" Also: {show.verbatim(', '.join(found.others))}." if found.others else ""
        st.caption(f"Added {found.changed:%Y-%m-%d}, {format_bytes(found.size)} on disk.{others}")
    with st.container(horizontal=True):
        if name == shown:
            st.markdown(":material/check: Shown on all pages now")
        elif not found.problems:
            st.button(
                "Open",
                key=f"open-{name}",
                on_click=open_dataset,
                args=(name,),
                help="Show it on all pages.",
            )
        if name not in BUILT_IN_DATA and (is_upload(name) or is_operator()):
            with st.popover("Remove", icon=":material/delete:"):
                whom = "your upload" if is_upload(name) else "it for all visitors"
                st.markdown(f"This removes {whom} from the disk. It cannot be undone.")
                st.button(
                    f"Remove {called(name)}",
                    key=f"remove-{name}",
                    on_click=_removed,
                    args=(name,),
                )
    with st.expander("Sources, licences and steps"):
        show.rows(_facts(part) for part in (*found.screens, *found.trained, *found.embeddings))
        if found.record is not None:
            st.markdown("How it was prepared:")
            st.table([{"What": name, "": value} for name, value in _entries(found.record)])


def _lines(found: Summary) -> Iterable[str]:
    for screen in found.screens:
        yield (
            f"**{show.verbatim(screen.name)}**: {screen.rows:,} knockdowns × {screen.columns:,}"
            f" measured genes ({show.verbatim(screen.unit)}){_origin(screen)}"
        )
    for model in found.trained:
        yield (
            f"**{show.verbatim(model.name)}**: a model trained on {model.rows:,} knockdowns, which"
            f" predicts {model.columns:,} genes ({show.verbatim(model.unit)}){_origin(model)}"
        )
    for embedding in found.embeddings:
        yield (
            f"embedding **{show.verbatim(embedding.name)}**: {embedding.rows:,} genes ×"
            f" {embedding.columns:,} numbers{_origin(embedding)}"
        )


def _origin(part: PartSummary) -> str:
    """Return source, licence and day of download, as far as they are known."""
    facts = _facts(part)
    day = facts["Downloaded"]
    parts = [facts["Source"], facts["Licence"], day and f"downloaded {day}"]
    return "".join(f"; {show.verbatim(words)}" for words in parts if words)


def _facts(part: PartSummary) -> dict[str, str]:
    known: Mapping[str, Any] = part.provenance
    download = known.get("download") or {}
    return {
        "What": part.name,
        "Source": str(known.get("source", "")),
        "Licence": str(download.get("licence") or known.get("licence") or ""),
        "Downloaded": str(download.get("date", ""))[:10],
        "From": str(download.get("url", "")),
        "MD5": str(download.get("md5", "")),
        "Steps and notes": " ".join(map(str, [*known.get("steps", []), *known.get("notes", [])])),
    }


def _entries(record: Mapping[str, Any], within: str = "") -> Iterable[tuple[str, str]]:
    """Return the entries of a record and of the records in it, each with the way to it."""
    for key, value in record.items():
        name = f"{within}{show.verbatim(str(key))}"
        if isinstance(value, Mapping):
            yield from _entries(value, f"{name}, ")
        else:
            values = value if isinstance(value, list) else [value]
            yield name, show.verbatim("; ".join(map(str, values)))


def _removed(name: str) -> None:
    try:
        store_of(name).remove(name)
    except InputError as problem:
        st.toast(show.verbatim(str(problem)))

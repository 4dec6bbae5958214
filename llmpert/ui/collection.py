"""The collection page: pinned figures in order, drawn anew as their pages draw them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from urllib.parse import urljoin

import streamlit as st

from llmpert.datasets import GONE, DatasetStore, UploadStore
from llmpert.errors import InputError
from llmpert.figures.slides import Slide, slides
from llmpert.insight.ranking import strong_perturbation
from llmpert.io.paths import app_folder
from llmpert.ui.common import cache
from llmpert.ui.common import collection as pins
from llmpert.ui.common import components as show
from llmpert.ui.common import presentation as present
from llmpert.ui.common.collection import Pin
from llmpert.ui.common.figure import CATCH, Shown, provenance
from llmpert.ui.common.more import read_more
from llmpert.ui.common.selection import Selection, choose_dataset
from llmpert.ui.streamlit_internals import draw_unseen


def show_collection() -> None:
    """Show what was pinned, to be put in order, shared, presented and exported."""
    data = choose_dataset("Collection")
    held = pins.pinned()
    if present.in_meeting() and held:
        for pin in held:
            _show(pin)
        return
    if not held:
        show.info(
            "Nothing is pinned yet. Press **Pin** below a figure to add it. Then reorder your"
            f" figures, present them one at a time, or export them as slides. {read_more()}"
        )
        gene = strong_perturbation(Selection.first(data).screen)
        view = {"data": [data.name], "gene": [gene]}
        examples = [Pin.of("gene", view), Pin.of("effects", {"data": [data.name]})]
        st.button("Start with two examples", on_click=pins.keep, args=(examples,), key="examples")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        update = st.session_state.update
        icon = ":material/slideshow:"
        st.button("Present", on_click=update, args=({"meeting": True},), icon=icon, type="primary")
        st.download_button(
            "Export slides (HTML)",
            partial(_export, held, st.context.url or ""),
            file_name=f"llmpert-collection-{date.today().isoformat()}.html",
            mime="text/html",
            on_click="ignore",
            icon=":material/download:",
            key="export",
            help="One file that opens without a network. Printed, it gives one figure a page.",
        )
        share = st.popover("Link", icon=":material/link:", on_change="rerun", key="link")
        if share.open:
            with share:
                _show_link(held)
        st.button("Remove all", on_click=pins.keep, args=([],), type="tertiary", key="remove-all")
    if secret := sum(pin.secret for pin in held):
        st.caption(
            f"{secret} of these show your upload. They are lost when this page is reloaded: no"
            " address holds them, as anyone with it could see the upload."
        )
    chosen = st.session_state["on_stage"] = min(st.session_state["on_stage"], len(held) - 1)
    # On a narrow screen the list is below.
    figure, listing = st.columns([3, 2], gap="large")
    with figure:
        _show(held[chosen])
    with listing:
        for at in range(len(held)):
            _show_row(held, at, at == chosen)


def _show_row(held: list[Pin], at: int, chosen: bool) -> None:
    """Show a pinned figure's sentence and its buttons."""
    pin = held[at]
    with st.container(border=True, gap="xxsmall"):
        try:
            words = show.verbatim(_drawn(pin).sentence)
        except InputError as error:
            words = f":material/error: {show.verbatim(str(error))}"
        st.markdown(f"**{at + 1}** · {words}" if chosen else f"{at + 1} · {words}")
        if chosen:
            _edit_caption(held, at)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            for label, icon, click, args, off in (
                ("Show", "visibility", st.session_state.update, ({"on_stage": at},), chosen),
                ("Up", "arrow_upward", _move, (held, at, -1), at == 0),
                ("Down", "arrow_downward", _move, (held, at, 1), at == len(held) - 1),
                ("Remove", "close", pins.keep, (held[:at] + held[at + 1 :],), False),
            ):
                st.button(
                    label,
                    on_click=click,
                    args=args,
                    disabled=off,
                    key=f"{label.lower()}-{at}",
                    icon=f":material/{icon}:",
                    type="tertiary",
                )
            page, icon = f"pages/{pin.page}.py", ":material/open_in_full:"
            st.page_link(page, label="Open", icon=icon, query_params={**pin.view, **pins.carried()})


def _edit_caption(held: list[Pin], at: int) -> None:
    """Let a pinned figure's sentence be changed; an empty one is the page's own again."""
    pin = held[at]
    key = f"caption-{pins.digest(str(pin.uncaptioned))}"

    def change() -> None:
        new = replace(pin, caption=st.session_state[key].strip())
        changed = [*held[:at], new, *held[at + 1 :]]
        if pins.fits(changed):
            pins.keep(changed)
        else:
            st.toast("The collection is full: shorten its captions.")

    st.text_input(
        "Your caption",
        pin.caption,
        max_chars=pins.LONGEST_CAPTION,
        key=key,
        on_change=change,
        placeholder="Replace this sentence, for slides too",
        label_visibility="collapsed",
    )


def _move(held: list[Pin], at: int, step: int) -> None:
    """Move a figure, which is shown from then on."""
    moved = held.copy()
    moved[at], moved[at + step] = held[at + step], held[at]
    pins.keep(moved)
    st.session_state["on_stage"] = at + step


def _show(pin: Pin) -> None:
    """Show a pinned figure as its page does; in a meeting, in its turn, say why it cannot be."""
    try:
        shown = _drawn(pin)
    except InputError as error:
        if present.in_meeting() and present.in_turn(str(pin)):
            with present.stage(str(error)):
                pass
        return
    present.say(shown.sentence)
    show.figure(**shown.figure._asdict(), data=cache.load(pin.data), about=shown.about)


def _show_link(held: Sequence[Pin]) -> None:
    """Show the link that holds the collection; figures of uploads only if that is wanted."""
    secret = sum(pin.secret for pin in held)
    shared = list(held)
    if secret and not st.toggle(
        f"With {secret} of your upload",
        key="with-uploads",
        help="Anyone with the link can then see the upload.",
    ):
        shared = [pin for pin in held if not pin.secret]
    if shared:
        st.caption("Link to this collection")
        present.show_link({"pins": [pins.encode(shared)]})
    else:
        st.caption("All figures show your upload. Anyone with a link could see it.")


def _export(held: Sequence[Pin], address: str) -> bytes:
    """Return the figures that can be drawn as slides, with links back to their pages.

    Args:
        address: Of this page.
    """
    found = []
    for pin in held:
        try:
            figure, sentence, about = _drawn(pin)
        except InputError:
            continue
        data = cache.load(pin.data)
        facts = [f"{what}: {words}." for what, words in provenance(data, about).items()]
        link = "" if pin.secret else urljoin(address, f"{pin.page}?{pin.query}")
        words = " ".join([figure.note, *facts])
        found.append(Slide(figure.chart, sentence, figure.alt, words, link, data.simulated))
    return slides("llmpert: collection", found).encode()


def _drawn(pin: Pin) -> Shown:
    """Return a pinned figure as its page draws it.

    Raises:
        InputError: The data set is not here, or the page has no such figure.
    """
    names = DatasetStore().names()
    if not (UploadStore().exists(pin.data) if pin.secret else pin.data in names):
        raise InputError(GONE if pin.secret else f"The data set {pin.data} is not here.")
    if pin.data not in cache.usable([*names, pin.data], pin.data):
        raise InputError(f"The data set {pin.data} cannot be used.")
    try:
        shown = _draw(str(pin.uncaptioned), cache.load(pin.data).fingerprint)
        return shown._replace(sentence=pin.caption or shown.sentence)
    except InputError:
        raise
    except Exception:
        raise InputError(show.log_unforeseen("page failed")) from None


@cache.cached(32, "Drawing …")
def _draw(text: str, fingerprint: str) -> Shown:
    pin, caught = Pin.read(text), list[Shown]()
    draw_unseen(
        app_folder() / "pages" / f"{pin.page}.py", pin.query, {CATCH: caught, "page": pin.page}
    )
    for shown in caught:
        if pin.is_of(shown.figure.name):
            return shown
    raise InputError("Its page no longer has this figure. Open the page to see why.")

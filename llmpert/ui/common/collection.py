"""The collection: figures that a visitor pinned, each as the address of its page and its name.

Nothing of it is stored here: it lives in the visitor's session and, as a short code, in addresses
and in the browser's tab, from where a session takes it when it begins.
"""

import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, quote, unquote, urlencode

import streamlit as st

from llmpert.datasets import is_upload
from llmpert.errors import InputError
from llmpert.io.hashing import fingerprint
from llmpert.ui.common.opened import KEY as OPENED

PAGES = (
    "gene", "effects", "compare", "describe", "head_to_head", "learning_curves", "model_classes",
    "explorer", "intervals", "which_model", "across_lines", "find", "gene_list", "design",
)  # fmt: skip
"""Those whose figures can be pinned."""

MOST, LONGEST = 24, 4_000
"""Figures in a collection, and characters of its code: links of 8,000 reach every server."""
LONGEST_TEXT = 40_000
LONGEST_CAPTION = 200
MOST_PARAMETERS = 60

SELECTION = ("data", "line", "embedding", "size")
"""Controls that a link names even where they stand at their first value."""

_ASIDE: dict[str, list[str]] = {"tab": [], "part": [], OPENED: []}
_CODE = re.compile(r"[A-Za-z0-9_-]+")
_KEPT = "llmpert-pins"
_PIN = re.compile(r"([a-z_]+)\?([\x21\x22\x24-\x7e]*)#((?:[0-9a-f]{8})?)(?:~([A-Za-z0-9%._~-]*))?")


@dataclass(frozen=True)
class Pin:
    """A figure of a page at an address.

    Attributes:
        page: One of `PAGES`.
        query: The page's parameters.
        figure: Eight hex digits that stand for its name; "" for the first figure of the page.
        caption: The visitor's sentence about it; "" for the page's own.
    """

    page: str
    query: str
    figure: str = ""
    caption: str = ""

    @classmethod
    def of(cls, page: str, view: dict[str, list[str]], name: str = "") -> "Pin":
        """Return the figure with a name on a page with these parameters."""
        return cls(page, urlencode(sorted(view.items()), doseq=True), digest(name))

    @classmethod
    def read(cls, text: str) -> "Pin":
        """Return the pin that a text, as `str` makes it, stands for.

        Raises:
            InputError: It stands for none.
        """
        found = _PIN.fullmatch(text)
        if found is None or found[1] not in PAGES or found[2].count("&") >= MOST_PARAMETERS:
            raise _NO_COLLECTION
        page, query, figure, caption = found.groups()
        return cls(page, query, figure, unquote(caption or "")[:LONGEST_CAPTION])

    def __str__(self) -> str:
        address = f"{self.page}?{self.query}#{self.figure}"
        return f"{address}~{quote(self.caption, safe='')}" if self.caption else address

    @property
    def uncaptioned(self) -> "Pin":
        """The same figure with its page's own sentence."""
        return replace(self, caption="")

    @property
    def view(self) -> dict[str, list[str]]:
        """The page's parameters."""
        return parse_qs(self.query, keep_blank_values=True)

    @property
    def data(self) -> str:
        """The name of its data set; "" where the address has none."""
        return self.view.get("data", [""])[-1]

    @property
    def secret(self) -> bool:
        """Whether its address opens an upload, which only its owner may see."""
        return is_upload(self.data)

    def is_same(self, other: "Pin") -> bool:
        """Return whether both are one figure, whatever else of its page is open."""
        alike = (self.page, self.figure) == (other.page, other.figure)
        return alike and self.view | _ASIDE == other.view | _ASIDE

    def is_of(self, name: str) -> bool:
        """Return whether it is the figure with this name, on its page."""
        return self.figure in ("", digest(name))


_NO_COLLECTION = InputError("This link holds no readable collection. Was it cut off?")


def digest(name: str) -> str:
    """Return what stands for a figure's name."""
    return name and fingerprint(name)[:8]


def encode(pins: Sequence[Pin]) -> str:
    """Return a code of letters, digits, "-" and "_", for addresses."""
    text = "\n".join(map(str, pins)).encode()
    return urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")


def fits(pins: Sequence[Pin]) -> bool:
    """Return whether the code of a collection is short enough for links."""
    return len(encode(pins)) <= LONGEST


def decode(code: str) -> list[Pin]:
    """Return the collection that a code from anywhere stands for.

    Raises:
        InputError: It stands for none.
    """
    if len(code) > LONGEST or not _CODE.fullmatch(code):
        raise _NO_COLLECTION
    try:
        packed = urlsafe_b64decode(code + "=" * (-len(code) % 4))
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, LONGEST_TEXT).decode("ascii")
    except (ValueError, zlib.error) as error:
        raise _NO_COLLECTION from error
    if not unpacking.eof:
        raise _NO_COLLECTION
    return list(dict.fromkeys(map(Pin.read, text.split("\n")[: MOST + 1])))[:MOST]


def remember() -> None:
    """Let the browser's tab keep the collection, or give it back to a session that begins.

    Streamlit's navigation leaves it out of the address, and a page that is loaded anew begins a
    session.
    """
    begins = "pins" not in st.session_state
    pinned()
    code = carried().get("pins", "")
    script = f"sessionStorage.setItem('{_KEPT}', '{code}')"
    if begins and "pins" not in st.query_params:
        script = (
            # By now the address may have lost values that are no choice: as it was opened, it has
            # them, and the session that begins anew tells of them.
            "const opened = window.begun ? location.href"
            " : performance.getEntriesByType('navigation')[0].name; window.begun = true;"
            f"const kept = sessionStorage.getItem('{_KEPT}'), address = new URL(opened);"
            "if (kept) { address.searchParams.set('pins', kept); location.replace(address) }"
        )
    with st.container(key="remember"):
        st.html(
            # What holds it would take room on the page.
            "<style>div:has(> .st-key-remember) { display: none }</style>"
            f"<script>{script}</script>",
            unsafe_allow_javascript=True,
        )


def pinned() -> list[Pin]:
    """Return the visitor's collection; a session begins with that of its address.

    Says so if that cannot be read.
    """
    if "pins" not in st.session_state:
        st.session_state["pins"] = []
        if code := st.query_params.get("pins"):
            try:
                st.session_state["pins"] = decode(code)
            except InputError as error:
                st.warning(str(error), icon=":material/link_off:")
    return list(st.session_state["pins"])


def keep(pins: Sequence[Pin]) -> None:
    """Make these the collection, in the address too; called before a page is drawn."""
    st.session_state["pins"] = list(pins)
    # Each change of the address is a step of the browser's history.
    if code := carried():
        st.query_params.update(code)
    else:
        st.query_params.pop("pins", None)


def carried() -> dict[str, str]:
    """Return the parameter of an address that holds the collection, if there is one.

    Figures of uploads are left out: their address opens the upload.
    """
    shared = [pin for pin in pinned() if not pin.secret]
    return {"pins": encode(shared)} if shared else {}


def view() -> dict[str, list[str]]:
    """Return the parameters that reopen what a page shows, whatever it shows at first by then."""
    chosen = {name: st.query_params.get_all(name) for name in st.query_params}
    state = {name: [str(st.session_state[name])] for name in SELECTION if name in st.session_state}
    return {**state, **{k: v for k, v in chosen.items() if k not in ("meeting", "pins")}}


def pin(page: str, name: str) -> None:
    """Add a figure of this page at its end, or take it out; called as a button is clicked."""
    new, pins = Pin.of(page, view(), name), pinned()
    others = [one for one in pins if not one.is_same(new)]
    if len(others) < len(pins) or _is_full(pins, new):
        keep(others)
    else:
        keep([*pins, new])


def _is_full(pins: Sequence[Pin], new: Pin) -> bool:
    return len(pins) >= MOST or not fits([*pins, new])


def offer_pin(name: str) -> None:
    """Show a button that pins a figure, or takes it out again, on pages where that can be done."""
    page = st.session_state.get("page")
    if page not in PAGES:
        return
    new, pins = Pin.of(page, view(), name), pinned()
    held = any(one.is_same(new) for one in pins)
    full = not held and _is_full(pins, new)
    about = "Your collection is full." if full else "Add it to your collection."
    st.button(
        "Pinned" if held else "Pin",
        on_click=pin,
        args=(page, name),
        key=f"{name}-pin",
        type="tertiary",
        icon=":material/keep:",
        help="Remove it from your collection." if held else about,
        disabled=full,
    )

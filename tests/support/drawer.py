"""What a visitor does to a table's buttons, and what opens beside the page, in `AppTest`."""

import json
import re
from html import unescape

from streamlit.testing.v1 import AppTest


def press(app: AppTest, gene: str, at: int = 0) -> None:
    """Press a gene's button in the table at this place of the page, as a browser says it."""
    table = app.dataframe[at]
    ((column, widget),) = table.proto.button_click_widgets.items()
    row = list(table.value[column]).index(gene)
    states = app._tree.get_widget_states()
    states.widgets.add(id=widget).string_trigger_value.data = json.dumps(
        {"row": row, "label": gene}
    )
    app._run(states)


def drawer(app: AppTest) -> tuple[str, str]:
    """The title and words of what is open beside the page; empty where nothing is."""
    opened = app.get("dialog")
    title = "".join(block.proto.dialog.title for block in opened)
    words = [e.value for block in opened for kind in ("markdown", "info") for e in block.get(kind)]
    return title, "\n".join(words)


def links(app: AppTest) -> list[str]:
    """Where the drawer leads to."""
    (block,) = app.get("dialog")
    return [
        unescape(address)
        for html in block.get("html")
        for address in re.findall('href="([^"]*)"', html.proto.body)
    ]

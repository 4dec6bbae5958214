"""Write what was measured into the documentation, between the markers of its name.

A page has `<!-- NAME -->` and `<!-- /NAME -->`, each on a line of its own. Only code writes what
stands between them.
"""

import re
from collections.abc import Sequence

import click

from llmpert.io.atomic import atomic_path
from tests.support.server_process import REPOSITORY

PAGE = "docs/benchmarks.md"
README = "README.md"
RECIPES = "docs/recipes.md"

to_pages = click.option("--write", is_flag=True, help="Write the tables into the pages, too.")
"""The option of every benchmark that has tables in a page."""


def put(text: str, name: str, lines: Sequence[str]) -> str:
    """Return a page's text with these lines between the markers of a name.

    Raises:
        ValueError: The page does not have each marker once, in order.
    """
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if (text.count(start), text.count(end), len(pattern.findall(text))) != (1, 1, 1):
        raise ValueError(f"Expected {start.strip()} and {end.strip()} once, in this order.")
    block = "\n".join([start, *lines, "", end]) if lines else start + end
    return pattern.sub(lambda _: block, text)


def publish(name: str, lines: Sequence[str], write: bool, page: str = PAGE) -> None:
    """Print lines and, if asked, write them between the markers of a name in a page."""
    click.echo("\n".join(["", f"{page}: {name}", "", *lines]))
    if not write:
        return
    path = REPOSITORY / page
    text = put(path.read_text("utf-8"), name, lines)
    with atomic_path(path) as temporary:
        temporary.write_text(text, "utf-8")


def markdown(table: Sequence[Sequence[str]]) -> list[str]:
    """Return a header and rows as the lines of a Markdown table."""
    header, *body = table
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *body)]

"""How Sphinx builds these pages: `make docs`."""

import json

from docutils import nodes
from docutils.utils.math import latex2mathml
from myst_parser.sphinx_ import Parser

from llmpert import __version__

project = "llmpert"
author = "llmpert contributors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build"]
# Docstrings have code in single backticks.
default_role = "literal"
# Two hyphens begin an option: they are no dash.
smartquotes_action = "qe"

html_theme = "furo"
html_title = "llmpert"
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath"]
# Links to headings, by the names that GitHub gives them.
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True


def _inline(translator, node: nodes.math) -> None:
    translator.body.append(latex2mathml.tex2mathml(node.astext()))
    raise nodes.SkipNode


def _display(translator, node: nodes.math_block) -> None:
    translator.body.append(latex2mathml.tex2mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


class Notebook(Parser):
    """Reads a notebook as the Markdown that its cells are."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse the cells in their order; code is shown and not run."""
        cells = [(c["cell_type"], "".join(c["source"])) for c in json.loads(inputstring)["cells"]]
        texts = [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in cells]
        super().parse("\n\n".join(texts), document)


def setup(app) -> None:
    """Read notebooks, and write equations as MathML, which browsers know.

    No script is fetched from elsewhere.
    """
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(Notebook)
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))

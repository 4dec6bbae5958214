"""How Sphinx builds these pages: `make docs`."""

from docutils import nodes
from docutils.utils.math import latex2mathml

from llmpert import __version__

project = "llmpert"
author = "llmpert contributors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build"]
# Docstrings have code in single backticks.
default_role = "literal"

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


def setup(app) -> None:
    """Write equations as MathML, which browsers know: no script is fetched from elsewhere."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))

"""What the documentation says, without a network."""

from llmpert.ui.documentation import show_documentation

show_documentation()

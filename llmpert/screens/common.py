"""The perturbations that screens of several cell lines share, whatever each calls them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from llmpert.errors import InputError
from llmpert.genes import GeneTable, by_symbol
from llmpert.io.hashing import fingerprint
from llmpert.screens.screen import Screen


def common_perturbations(
    screens: Sequence[Screen], table: GeneTable | None = None
) -> tuple[list[Screen], dict[str, list[str]]]:
    """Cut screens to the perturbations that all share, in the first one's order.

    Names meet where all spell them alike, else where they mean the same gene in `table` (by default
    the one that comes with llmpert): SEPT9 in one and SEPTIN9 in another. Such a perturbation gets
    the gene's current symbol in all screens.

    Returns:
        The screens, and the perturbations that each line loses.

    Raises:
        InputError: No perturbation is common to all.
    """
    alike = set(screens[0].perturbations).intersection(*(s.perturbations for s in screens[1:]))
    odd = {name for screen in screens for name in screen.perturbations} - alike
    symbols = {name: name for name in alike}
    if odd:
        symbols |= (table or GeneTable.shipped()).symbols(sorted(odd))
    called = [by_symbol({x: symbols[x] for x in s.perturbations if x in symbols}) for s in screens]
    shared = [name for name in called[0] if all(name in names for names in called)]
    if not shared:
        raise InputError(
            f"The screens {', '.join(s.line for s in screens)} have no perturbation in common."
        )
    cut, lost = [], {}
    for screen, names in zip(screens, called, strict=True):
        used = [names[name] for name in shared]
        cut.append(_renamed(screen, used, shared))
        kept = set(used)
        lost[screen.line] = [name for name in screen.perturbations if name not in kept]
    return cut, lost


def _renamed(screen: Screen, names: list[str], new: list[str]) -> Screen:
    """Cut a screen to these perturbations, under new names; itself if it is so already."""
    if list(screen.perturbations) != names:
        screen = screen.select(perturbations=names)
    if names == new:
        return screen
    provenance = dict(screen.provenance)
    if provenance.get("identity") is not None:
        provenance["identity"] = [provenance["identity"], fingerprint(new)]
    return replace(screen, perturbations=np.array(new, object), provenance=provenance)

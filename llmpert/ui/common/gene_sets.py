"""Gene sets in the names of a screen, shared by all visitors."""

from typing import Literal

import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.genes.sets import GeneSets
from llmpert.ui.common import cache as shared


def sets_of(data: Dataset, line: str, of: Literal["perturbations", "genes"]) -> GeneSets | None:
    """The data set's gene sets among a screen's perturbations or measured genes, as it spells them.

    None where the data set has no gene sets.
    """
    return _sets_of(data.name, datasets.stamp(data.name), line, of)


@st.cache_resource(max_entries=16, show_spinner="Looking up gene sets …")
def _sets_of(name: str, stamp: float, line: str, of: str) -> GeneSets | None:
    data = shared.load(name)
    if data.gene_sets is None:
        return None
    screen = data.screens[line]
    return data.gene_sets.within(screen.genes if of == "genes" else screen.perturbations)

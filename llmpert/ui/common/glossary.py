"""The terms of docs/glossary.md, for help texts of pages."""

import re

TERMS = {
    "knockdown": (
        "An experiment that lowers the expression of one gene, as CRISPR interference does."
    ),
    "perturbation": "A gene that was knocked down in a screen: a row of it.",
    "measured gene": (
        "A gene whose expression is measured after every perturbation: a column of a screen."
    ),
    "control": "Cells in which no gene is knocked down; non-targeting guides make them.",
    "response, delta (Δ)": (
        "Expression under a perturbation minus expression in control, `x - x_control`, "
        "for all measured genes."
    ),
    "screen": "The responses of one line to many perturbations.",
    "top DE genes": (
        "The measured genes that differ most from control under a perturbation (20 by default)."
    ),
    "state": "Genes that a condition raises and lowers; what a search looks for.",
    "gene set": "A named group of genes, such as a GO term or a pathway.",
    "embedding": "A vector for each of many genes, made without looking at any screen.",
    "components": (
        "Principal components of an embedding, which models take as input (50 by default)."
    ),
    "baseline": (
        "A model that needs no embedding, or hardly learns: random perturbation, no change, mean."
    ),
    "Gaussian process (GP)": (
        "The model of the paper: a prior over functions of the embedding, conditioned on "
        "training responses."
    ),
    "trained model": "A fitted Gaussian process as a file, which predicts without its screen.",
    "interval": "The range that holds a stated share of responses, such as 95 %; equal shares lie"
    " below and above.",
    "attribution": "Each training perturbation's share in a prediction, by source.",
    "trust, reliability": (
        "How far a prediction can be trusted, as judged from held-out perturbations that "
        "are like it."
    ),
    "similarity": (
        "Correlation that a model expects between two responses before it has seen any; "
        "between embeddings, the cosine of the vectors."
    ),
    "sign, indicator": (
        "A number known before any measurement that goes with how good a prediction is."
    ),
    "held out": ("Not in the training set: the response of a held-out perturbation is predicted."),
    "cross-validation, fold": (
        "The perturbations are cut into folds; each fold is tested by models trained on the others."
    ),
    "leave-one-out": "Each training perturbation predicted from all others, in closed form.",
    "training size": "How many perturbations a model is trained on.",
    "learning curve": "A score against the training size.",
    "HVGs": (
        "Highly variable genes: those predicted and scored, chosen in each fold from "
        "training responses."
    ),
    "r": (
        "Pearson's correlation: 1 where a prediction rises and falls with the "
        "measurement, 0 where it says nothing about it."
    ),
    "simulated": (
        "Made by the simulation: invented genes, and numbers that say nothing about cells."
    ),
    "no skill": (
        "The score of the mean training response, which is the same for every perturbation."
    ),
    "ceiling": (
        "The score of the true responses against a noisy measurement; a perfect score where the "
        "noise is unknown."
    ),
    "published results": "Scores that others published, one value a perturbation.",
}
"""Term, with its other names after commas or in brackets -> what it means."""


def _spoken(words: str) -> str:
    """Return words without the hyphens of compounds: held-out knockdowns are held out."""
    return re.sub(r"(?<=\w)-(?=\w)", " ", words.casefold())


_NAMES = {_spoken(name): term for term in TERMS for name in re.split(r", | \(|\)", term) if name}
_USED = re.compile(rf"\b({'|'.join(sorted(_NAMES, key=len, reverse=True))})s?\b")


def on_hover(words: str) -> str | None:
    """Return in Markdown what the terms in some words mean, in their order; None without any."""
    used = dict.fromkeys(_NAMES[name] for name in _USED.findall(_spoken(words)))
    return "\n\n".join(f"**{term}**: {TERMS[term]}" for term in used) or None

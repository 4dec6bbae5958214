"""What a label of a perturbation means: a control, a knockdown of one gene, of several, or nothing.

Files spell perturbations as their laboratory did: `TP53`, `TP53_sg1`, `sgTP53-2`, `TP53+ctrl`,
`non-targeting_TP53` (of a pair of guides one is a control), `TP53_vs_NT`, `KLF1_BAK1` (two
knockdowns), `NegCtrl0_NegCtrl0`, `nan` (no guide was found). A label is taken apart only where its
parts are known: genes by the shipped gene table, controls by what they usually go by.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from llmpert.genes import GeneTable

# `CTRL` in capitals is a gene (chymotrypsin like), so only "ctrl" and "Ctrl" are a control.
_NUMBER = r"([-_ .]*\d+)?"
_CONTROL = re.compile(
    rf"([Cc]trl|NT|(?i:(sg|g)?(ntc|controls?|(non|no)[-_ ]?target(s|ing)?([-_ ]?(controls?|ctrl|sg"
    rf"(rna)?|grna|guides?))?|neg(ative)?[-_ ]?(controls?|ctrl)|unperturbed))){_NUMBER}"
)
_BEGINS_AS_CONTROL = re.compile(r"(?i:non[-_ ]?targeting)[-_ ].*")
# Guides against places without a known effect, and cells that got none.
_USUAL_CONTROL = re.compile(
    rf"(?i:(sg|g)?(aavs1|rosa26|safe([-_ ]?(targeting|harbou?r|cutting))?|intergenic|scrambled?|"
    rf"luciferase|lacz|e?gfp|wild[-_ ]?type|mock|vehicle|dmso|untreated|empty[-_ ]?vector)"
    rf"{_NUMBER}|wt)"
)
_MISSING = re.compile(
    r"n/?a|nan|#n/a|<na>|none|null|nil|[-.?]|un(assigned|known|determined|mapped)|ambiguous|"
    r"multiplet|doublet|negative|no[-_ ]?guides?",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"\s*[+;,|&]\s*")
_GUIDE = re.compile(
    r"(?P<gene>.+?)([-_. ](sgrna|grna|guide|sg|g)?[-_. ]?\d+|[-_ ]P[12](P2)?)?",
    re.IGNORECASE,
)
_VERSUS = re.compile(r"(.+?)[-_. ]+(?:vs\.?|versus)[-_. ]+(.+)", re.IGNORECASE)
_GUIDE_NUMBER = re.compile(r"(sgrna|grna|guide|sg|g)?\d+|P[12](P2)?", re.IGNORECASE)


class Kind(Enum):
    """What a label stands for."""

    GENE = "one knocked-down gene"
    SEVERAL = "several genes knocked down at once"
    CONTROL = "a control"
    USUAL_CONTROL = "what controls often are (AAVS1, safe-targeting, GFP, …)"
    MISSING = "no knocked-down gene"


@dataclass(frozen=True)
class Label:
    """A label as it was understood.

    Attributes:
        target: The knocked-down gene as the label spells it; of several the label itself, else "".
        guide: Whether the label names a guide, of which a gene may have several.
        usual: Whether a control is one for want of any other: it is called AAVS1 or the like.
    """

    kind: Kind
    target: str = ""
    guide: bool = False
    usual: bool = False


def read_labels(labels: Iterable[str], control: Sequence[str] = ()) -> dict[str, Label]:
    """Return what each label means.

    Args:
        labels: As files spell them; blanks around them do not matter.
        control: What controls are called here, as patterns in which `*` stands for anything. By
            default those that controls usually go by: "non-targeting", "control", …, or else, if
            there are none, "AAVS1", "safe-targeting" and the like.
    """
    reader = _Reader([pattern.strip() for pattern in control])
    found = {label: reader.read(label.strip()) for label in dict.fromkeys(labels)}
    if any(label.kind is Kind.CONTROL for label in found.values()):
        return found
    promoted = Label(Kind.CONTROL, usual=True)
    usual = Kind.USUAL_CONTROL
    return {name: promoted if x.kind is usual and not control else x for name, x in found.items()}


def known_share(labels: Mapping[str, Label]) -> float:
    """Return the share of those labels that are no controls and name genes that are known."""
    others = [x for x in labels.values() if x.kind in (Kind.GENE, Kind.SEVERAL)]
    known = sum(x.kind is Kind.SEVERAL or _is_known(x.target) for x in others)
    return known / len(others) if others else 0.0


class _Reader:
    """Reads labels where controls are called as some patterns say, if any are given."""

    def __init__(self, control: Sequence[str]) -> None:
        # Of a pair of guides either may be that control.
        parts = (part for pattern in control for part in _halves(pattern))
        self.control = tuple(dict.fromkeys([*control, *parts]))

    def _is_given(self, text: str) -> bool:
        return any(text == pattern or fnmatchcase(text, pattern) for pattern in self.control)

    def read(self, text: str) -> Label:
        if self._is_given(text):
            return Label(Kind.CONTROL)
        if not text or _MISSING.fullmatch(text):
            return Label(Kind.MISSING)
        if _CONTROL.fullmatch(text):
            return Label(Kind.USUAL_CONTROL if self.control else Kind.CONTROL)
        if _USUAL_CONTROL.fullmatch(text):
            return Label(Kind.USUAL_CONTROL)
        if _is_known(text, alias=True):
            return Label(Kind.GENE, text)
        versus = _VERSUS.fullmatch(text)
        if versus and self.read(versus[2]).kind in (Kind.CONTROL, Kind.USUAL_CONTROL):
            return self.read(versus[1])
        parts = [part for part in _SEPARATORS.split(text) if part]
        if len(parts) > 1:
            read = [self.read(part) for part in parts]
            # A comma may also stand in a name.
            if "," not in text or all(x.kind is not Kind.GENE or _is_known(x.target) for x in read):
                return self._joined(text, read)
        return self._pair(text) or self._guide(text) or self._control_by_start(text)

    def _joined(self, text: str, parts: list[Label]) -> Label:
        """Return what parts mean together: controls among them change nothing."""
        genes = [part for part in parts if part.kind in (Kind.GENE, Kind.SEVERAL)]
        if not genes:
            kinds = [part.kind for part in parts]
            order = (Kind.CONTROL, Kind.USUAL_CONTROL, Kind.MISSING)
            return Label(next(kind for kind in order if kind in kinds))
        symbols = {_symbol(part.target) for part in genes}
        if len(symbols) > 1 or genes[0].kind is Kind.SEVERAL:
            return Label(Kind.SEVERAL, text)
        return Label(Kind.GENE, genes[0].target, any(part.guide for part in genes))

    def _pair(self, text: str) -> Label | None:
        """Read a pair of guides of which one is a control: `A_NegCtrl0`, `non-targeting_A`."""
        for match in re.finditer("_", text):
            first, second = text[: match.start()], text[match.end() :]
            halves = [self.read(first), self.read(second)] if first and second else []
            controls = [h.kind in (Kind.CONTROL, Kind.USUAL_CONTROL) for h in halves]
            if any(controls):
                other = halves[controls.index(False)] if not all(controls) else None
                # `control_x`: x is a gene only if it is known as one, or follows the pattern A_x.
                if other and controls[0] and not _is_known(other.target):
                    continue
                return self._joined(text, halves)
        return None

    def _guide(self, text: str) -> Label | None:
        """Read a guide (`TP53_sg1`) or guides against known genes joined by `_`."""
        match = _GUIDE.fullmatch(text)
        # GATA1 begins with g, and sgGATA1 with the mark of a guide.
        for gene in (match["gene"], _unmarked(match["gene"])) if match else ():
            if _is_known(gene):
                return Label(Kind.GENE, gene, guide=True)
        tokens = [part for part in text.split("_") if part]
        genes = [part for part in tokens if not _GUIDE_NUMBER.fullmatch(part)]
        # In `sgKLF1_sgBAK1` each has a mark.
        genes = [part if _is_known(part) else _unmarked(part) for part in genes]
        if len(genes) > 1 and all(_is_known(gene) for gene in genes):
            guide = len(tokens) > len(genes)
            return self._joined(text, [Label(Kind.GENE, gene, guide) for gene in genes])
        return None

    def _control_by_start(self, text: str) -> Label:
        if _BEGINS_AS_CONTROL.fullmatch(text):
            return Label(Kind.USUAL_CONTROL if self.control else Kind.CONTROL)
        return Label(Kind.GENE, text)


def _unmarked(name: str) -> str:
    """Return a name without the mark of a guide before it."""
    return re.sub("^(sg|g)", "", name)


def _halves(pattern: str) -> list[str]:
    """Return the parts that a control's label consists of: NegCtrl0 in NegCtrl0_NegCtrl0."""
    parts = set(_SEPARATORS.split(pattern))
    middle = len(pattern) // 2
    if pattern[:middle] == pattern[middle + 1 :] and pattern[middle : middle + 1] == "_":
        parts.add(pattern[:middle])
    return sorted(parts - {"", "*"})


def _is_known(name: str, alias: bool = False) -> bool:
    if len(name) < 2:  # P was OCA2's symbol
        return False
    how = GeneTable.shipped().resolve(name).how
    return how is not None and how != "entrez" and (alias or how != "alias")


def _symbol(name: str) -> str:
    gene = GeneTable.shipped().resolve(name).gene
    return gene.symbol if gene else name

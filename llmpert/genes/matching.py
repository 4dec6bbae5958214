"""How names meet genes: by which kind of name, and how many, in a sentence."""

from collections import Counter
from collections.abc import Iterable

from llmpert.genes.table import GeneTable, is_date
from llmpert.io.names import preview

WORDS = {
    "symbol": "current symbol",
    "previous": "previous symbol",
    "alias": "alias",
    "hgnc": "symbol of HGNC",
    "ensembl": "Ensembl id",
    "uniprot": "UniProt accession",
    "entrez": "Entrez id",
}
"""What a name can be to its gene, the usual first."""


def named_as(names: Iterable[str], table: GeneTable | None = None) -> str:
    """Return a sentence on what names of genes are: "60 names: 58 current symbols, 2 unknown (…)".

    Args:
        table: Says which gene a name means; the one that comes with llmpert where None.
    """
    table = table or GeneTable.shipped()
    kinds = table.kinds(names)
    dates = [name for name, kind in kinds.items() if not kind and is_date(name)]
    unknown = [name for name, kind in kinds.items() if not kind and not is_date(name)]
    several = [name for name, kind in kinds.items() if kind == "several"]
    if len(unknown) == len(kinds):
        return (
            f"No name is a known gene ({preview(unknown, 3)}): only names spelt the same"
            " match them."
        )
    found = _counted(Counter(kinds.values()))
    for odd, what in (
        (several, "of several genes"),
        (dates, "date(s) that a spreadsheet made of names such as SEPT2"),
        (unknown, "unknown"),
    ):
        if odd:
            found.append(f"{len(odd):,} {what} ({preview(odd, 3)})")
    return f"{len(kinds):,} name(s) of genes: {', '.join(found)}."


def met_by(pairs: Iterable[tuple[str, str]], table: GeneTable | None = None) -> str:
    """Return a sentence on how names matched: "Names matched: 569 spelt alike, by 14 aliases."

    Args:
        pairs: A name, and the other file's name of the same gene.
    """
    pairs = list(pairs)
    others = [pair for pair in pairs if pair[0] != pair[1]]
    kinds = (table or GeneTable.shipped()).kinds(name for pair in others for name in pair)
    met = Counter(
        next((kinds[name] for name in pair if kinds[name] not in ("symbol", "hgnc")), "symbol")
        for pair in others
    )
    found = [
        f"{count:,} {words}"
        for count, words in (
            (len(pairs) - len(others), "spelt alike"),
            (met.pop("symbol", 0), "differing in case"),
        )
        if count
    ]
    found += [f"by {text}" for text in _counted(met)]
    return f"Names matched: {', '.join(found)}." if found else ""


def _counted(kinds: Counter[str]) -> list[str]:
    return [
        f"{kinds[kind]:,} {words if kinds[kind] == 1 else _plural(words)}"
        for kind, words in WORDS.items()
        if kinds[kind]
    ]


def _plural(words: str) -> str:
    if "symbol" in words:
        return words.replace("symbol", "symbols")
    return f"{words}es" if words.endswith("s") else f"{words}s"

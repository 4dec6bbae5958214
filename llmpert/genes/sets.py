"""Gene sets: named groups of genes, such as GO terms, pathways or modules."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from llmpert.errors import InputError
from llmpert.genes.numbers import as_entrez_ids
from llmpert.genes.table import GeneTable
from llmpert.io.atomic import atomic_path
from llmpert.io.limits import LARGEST_LIST
from llmpert.io.names import is_plain, plain, preview
from llmpert.io.reading import require_file
from llmpert.io.tables import SEPARATORS, open_text

EXPECTED = "a GMT file of gene sets (set, description and genes, separated by tabs)"
_WEIGHT = re.compile(r"(.+),[-+]?\d*\.?\d+([eE][-+]?\d+)?")
_NUMBER = re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?|[-+]\d+")
_ENDING = re.compile(r"\.(gmt|txt|tsv)(\.gz)?", re.IGNORECASE)


@dataclass(frozen=True)
class GeneSets:
    """A collection of gene sets.

    Attributes:
        name: Of the collection, such as "hallmark".
        source: Where it is from, for captions.
        members: Set name -> its genes, at least one each, as the source spells them.
        notes: What was left out of the file they were read from, or written differently.
    """

    name: str
    source: str
    members: Mapping[str, frozenset[str]]
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of_genes(cls, name: str, source: str, group: Mapping[str, str]) -> "GeneSets":
        """Make sets of a partition, given as gene -> its group; groups in the order of names."""
        members = {
            label: frozenset(gene for gene, of in group.items() if of == label)
            for label in sorted(set(group.values()))
        }
        return cls(name, source, members)

    @classmethod
    def read(cls, path: str | Path) -> "GeneSets":
        """Read a GMT file: a line a set, tab-separated: its name, a description, its genes.

        The collection is named after the file. Blank lines, blank genes, sets without genes and
        weights of genes (`TP53,1.0`) are left out, descriptions are not kept. Names that cannot be
        shown are written differently (`llmpert.io.names.plain`). `notes` tell.

        Raises:
            InputError: The file is missing or not GMT, a set's name is empty, or there twice with
                other genes, there is no description, or no set has a gene.
        """
        path = require_file(path)
        with open_text(path, "\t", EXPECTED, largest=LARGEST_LIST) as text:
            lines = text.read().splitlines()
        found = _Lines(path)
        for number, line in enumerate(lines, start=1):
            if line.strip():
                found.add(number, [field.strip().strip('"').strip() for field in line.split("\t")])
        return cls(_ENDING.sub("", path.name), path.name, found.members, tuple(found.notes()))

    def save(self, path: str | Path) -> None:
        """Write as GMT, sets and genes in order; a file is replaced only by a complete one."""
        with atomic_path(path) as temporary:
            lines = ("\t".join([n, "", *sorted(g)]) + "\n" for n, g in self.members.items())
            temporary.write_text("".join(lines), "utf-8")

    def within(self, names: Iterable[str], table: GeneTable | None = None) -> "GeneSets":
        """Cut the sets to their members among these names, as the names spell them.

        They meet as in `GeneTable.spelt_as` (of `table`, by default the one that comes with
        llmpert). Sets without a member among the names are left out.
        """
        table = table or GeneTable.shipped()
        spelt = table.spelt_as(set().union(*self.members.values()), names)
        cut = {
            label: frozenset(spelt[gene] for gene in genes if gene in spelt)
            for label, genes in self.members.items()
        }
        return replace(self, members={label: genes for label, genes in cut.items() if genes})

    def most_populated(self, count: int, at_most: int) -> list[str]:
        """Return names of sets, each with most genes that no set before it has, and at least one.

        Those with more than `at_most` genes come last.
        """
        left, chosen = dict(self.members), list[str]()
        while left and len(chosen) < count:
            size = {
                label: (len(self.members[label]) > at_most, -len(left[label])) for label in left
            }
            chosen.append(min(left, key=lambda label: (*size[label], label)))
            taken = left.pop(chosen[-1])
            left = {label: rest for label, genes in left.items() if (rest := genes - taken)}
        return chosen

    def smallest_of(self, labels: Sequence[str]) -> dict[str, str]:
        """Return gene -> the smallest of these sets that it is in, for genes that are in one."""
        largest_first = sorted(labels, key=lambda label: -len(self.members[label]))
        return {gene: label for label in largest_first for gene in self.members[label]}


def joined(collections: Sequence[GeneSets]) -> GeneSets:
    """Join several collections to one.

    Raises:
        InputError: Two have a set of the same name.
    """
    members: dict[str, frozenset[str]] = {}
    for collection in collections:
        if repeated := members.keys() & collection.members.keys():
            raise InputError(
                f"Expected every gene set in one collection only, found {min(repeated)} in"
                f" {collection.name} and in another one."
            )
        members |= collection.members
    return GeneSets(
        " + ".join(c.name for c in collections), "; ".join(c.source for c in collections), members
    )


class _Lines:
    """The lines of a GMT file, one after the other, and what to note about them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: dict[str, frozenset[str]] = {}
        self.descriptions: dict[str, str] = {}
        self.empty: list[str] = []
        self.again: list[str] = []
        self.written: list[str] = []
        self.weighed = 0
        # A gene is in many sets: it is looked at, and its name held, once.
        self._genes: dict[str, str] = {}

    def add(self, number: int, fields: list[str]) -> None:
        if len(fields) < 2:
            raise InputError.of_file(
                self.path, EXPECTED, f"{len(fields)} column(s) on line {number}{_why(fields[0])}"
            )
        name, given = plain(fields[0]), dict.fromkeys(field for field in fields[2:] if field)
        if not name:
            found = f"none on line {number}"
            raise InputError.of_file(self.path, "a name for every set", found)
        if name != fields[0]:
            self.written.append(name)
        genes = {self._gene(number, text) for text in given} - {""}
        if not genes:
            self.empty.append(name)
        elif name in self.members and self.members[name] != genes:
            found = f"{name} a second time on line {number}, with other genes"
            raise InputError.of_file(self.path, "every set once", found)
        elif name in self.members:
            self.again.append(name)
        else:
            self.members[name] = frozenset(genes)
            self.descriptions[name] = fields[1]

    def _gene(self, number: int, text: str) -> str:
        """Return a gene's name, without its weight; "" for what is none."""
        if (known := self._genes.get(text)) is not None:
            return known
        if _NUMBER.fullmatch(text):
            found = f"the number {text} as a gene on line {number}: perhaps another table"
            raise InputError.of_file(self.path, EXPECTED, found)
        weighed = _WEIGHT.fullmatch(text)
        gene = weighed[1].strip() if weighed else text
        self.weighed += weighed is not None
        self._genes[text] = gene if is_plain(gene) else ""
        return self._genes[text]

    def notes(self) -> list[str]:
        """Return notes; raise InputError where the file as a whole is something else."""
        if not self.members:
            do = "; a GMT file has one line for each set" if self.empty else ""
            raise InputError.of_file(self.path, EXPECTED, f"no set with a gene{do}")
        self._refuse_missing_descriptions()
        said = as_entrez_ids(self.path, "gene", list(filter(None, self._genes.values())))
        odd = sum(not gene for gene in self._genes.values())
        notes = [said] if said else []
        for names, what in (
            (self.empty, "set(s) without genes were left out"),
            (self.again, "set(s) are there twice with the same genes, and count once"),
            (self.written, "set name(s) cannot be shown as they are, and are written differently"),
        ):
            if names:
                notes.append(f"{len(names):,} {what}: {preview(names)}.")
        if self.weighed:
            notes.append(
                f"{self.weighed:,} gene(s) have a weight (as in TP53,1.0), which is not used."
            )
        if odd:
            notes.append(f"{odd:,} gene(s) without a readable name were left out.")
        return notes

    def _refuse_missing_descriptions(self) -> None:
        """Raise InputError where the second column holds genes, which would be lost.

        What stands in the set's own name, as in "TP53 targets", describes it.
        """
        given = {text for name, text in self.descriptions.items() if text and text not in name}
        kinds = GeneTable.shipped().kinds(given)
        known = ("symbol", "previous", "ensembl", "uniprot")
        others = GeneTable.shipped().kinds(list(self._genes)[:500])
        lower = 2 * sum(name.upper() == name for name in others) < len(others)
        numbers = 2 * sum(kind == "entrez" for kind in others.values()) > len(others)
        # NA is a gene, too, and so is kit where genes are written in lower case.
        genes = sorted(
            text
            for text, kind in kinds.items()
            if (kind in known and len(text) > 2 and (lower or text.upper() == text))
            or (kind == "entrez" and numbers)
        )
        if 2 * len(genes) > len(given):
            found = f"genes there ({preview(genes, 3)})"
            do = "put an empty column before the genes"
            expected = "a description as the second column"
            raise InputError.of_file(self.path, expected, f"{found}; {do}")


def _why(line: str) -> str:
    """Return what a line without tabs may be, in words."""
    if line.startswith(("{", "[")):
        return ", perhaps JSON: MSigDB and Enrichr offer the same sets as GMT"
    for separator in (",", ";", " "):
        if separator in line:
            return f", separated by {SEPARATORS[separator]}: GMT takes tabs"
    return ""

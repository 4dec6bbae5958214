"""Gene sets: named groups of genes, such as GO terms, pathways or modules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llmpert.errors import InputError
from llmpert.genes.table import GeneTable
from llmpert.io.atomic import atomic_path
from llmpert.io.limits import LARGEST_LIST
from llmpert.io.names import check_names, preview
from llmpert.io.reading import require_file
from llmpert.io.tables import open_text

FEWEST = 3
"""Different descriptions that are all genes, where a file has no descriptions."""


@dataclass(frozen=True)
class GeneSets:
    """A collection of gene sets.

    Attributes:
        name: Of the collection, such as "hallmark".
        source: Where it is from, for captions.
        members: Set name -> its genes, at least one each, as the source spells them.
    """

    name: str
    source: str
    members: Mapping[str, frozenset[str]]

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

        The collection is named after the file. Blank lines, blank genes and sets without genes are
        left out, descriptions are not kept.

        Raises:
            InputError: The file is missing or not GMT, a set's name is empty or repeated, or no set
                has a gene.
        """
        path = require_file(path)
        expected = "a GMT file of gene sets (set, description and genes, separated by tabs)"
        members: dict[str, frozenset[str]] = {}
        descriptions: list[str] = []
        once: dict[str, str] = {}  # a gene is in many sets: its name is held once
        with open_text(path, "\t", expected, largest=LARGEST_LIST) as text:
            lines = text.read().splitlines()
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            fields = [field.strip() for field in line.split("\t")]
            if len(fields) == 2:  # a set without genes
                continue
            if len(fields) < 3:
                found = f"{len(fields)} column(s) on line {number}"
                raise InputError.of_file(path, expected, found)
            name, genes = fields[0], frozenset(fields[2:]) - {""}
            if not name:
                raise InputError.of_file(path, "a name for every set", f"none on line {number}")
            if name in members:
                found = f"{name} a second time on line {number}"
                raise InputError.of_file(path, "every set once", found)
            if genes:
                descriptions.append(fields[1])
                members[name] = frozenset(once.setdefault(gene, gene) for gene in genes)
        if not members:
            raise InputError.of_file(path, expected, "no set with a gene")
        described = sorted(set(descriptions))
        if len(described) >= FEWEST and len(GeneTable.shipped().symbols(described)) == len(
            described
        ):
            found = f"genes there ({preview(described, 3)}): add a column, which may be empty"
            raise InputError.of_file(path, "a description as the second column", found)
        check_names(path, "set", members)
        check_names(path, "gene", set().union(*members.values()))
        return cls(path.name.removesuffix(".gmt"), path.name, members)

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

"""Names resolved to genes: the order of kinds, ambiguity, reading tables, and the search box."""

import gzip
import json
import pickle
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import anndata
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.genes import COLUMNS, FURTHER_COLUMNS, Gene, GeneTable
from llmpert.io.paths import shipped

ROWS = [
    # entrez, symbol, name, ensembl, uniprot, aliases
    ("1", "SEPTIN9", "septin 9", "ENSG01", "Q00009|B4DTT7", "SEPT9|MSF"),
    ("2", "MARS1", "methionyl-tRNA synthetase 1", "ENSG02", "P00002", "MARS|MTRNS"),
    ("3", "SLA2", "Src like adaptor 2", "ENSG03", "P00003", "MARS|C20orf156"),
    ("4", "MET", "MET proto-oncogene", "ENSG04|ENSG94", "P00004", "HGFR"),
    ("5", "RNMT", "RNA guanine-7 methyltransferase", "ENSG05", "P00005", "Met|HGFR"),
    ("6", "H4C1", "H4 clustered histone 1", "ENSG06", "P62805", "H4/A"),
    ("7", "H4C2", "H4 clustered histone 2", "ENSG07", "P62805", "H4/I|SEPTIN9"),
    ("8", "C1orf112", "chromosome 1 open reading frame 112", "ENSG08|ENSG99", "Q8NSG2", "Msf"),
    ("9", "METTL1", "methyltransferase 1, tRNA methylguanosine", "ENSG99", "", "MsF|TRMT8"),
    ("10", "METAP1P", "MET pseudogene", "", "", "p150"),
]
FRAME = pd.DataFrame(ROWS, columns=list(COLUMNS))
TABLE = GeneTable(FRAME)


def symbol(name: str) -> str | None:
    gene = TABLE.resolve(name).gene
    return gene.symbol if gene else None


@pytest.mark.parametrize(
    ("name", "expected", "how"),
    [
        ("SEPTIN9", "SEPTIN9", "symbol"),  # also an alias of H4C2: the symbol wins
        ("septin9", "SEPTIN9", "symbol"),
        ("Met", "MET", "symbol"),  # exactly an alias of RNMT, yet a symbol in another case
        (" MET\n", "MET", "symbol"),
        ("C1ORF112", "C1orf112", "symbol"),
        ("ENSG94", "MET", "ensembl"),
        ("ENSG05.12", "RNMT", "ensembl"),
        ("ensg05.1", "RNMT", "ensembl"),
        ("B4DTT7", "SEPTIN9", "uniprot"),
        ("Q00009-2", "SEPTIN9", "uniprot"),
        ("SEPT9", "SEPTIN9", "alias"),
        ("MSF", "SEPTIN9", "alias"),  # one gene in exact case, three ignoring it
        ("Msf", "C1orf112", "alias"),
        ("P150", "METAP1P", "alias"),
        ("9", "METTL1", "entrez"),
    ],
)
def test_resolves_by_the_first_kind_that_knows_the_name(name: str, expected: str, how: str) -> None:
    resolution = TABLE.resolve(name)
    assert resolution.gene is not None
    assert (resolution.gene.symbol, resolution.how) == (expected, how)
    assert resolution.candidates == ()
    assert resolution.name == name


@pytest.mark.parametrize(
    ("name", "how", "candidates"),
    [
        ("MARS", "alias", ("MARS1", "SLA2")),
        ("HGFR", "alias", ("MET", "RNMT")),
        ("msf", "alias", ("C1orf112", "METTL1", "SEPTIN9")),  # three spellings, none of them this
        ("P62805", "uniprot", ("H4C1", "H4C2")),
        ("P62805-1", "uniprot", ("H4C1", "H4C2")),
        ("ENSG99.3", "ensembl", ("C1orf112", "METTL1")),
    ],
)
def test_a_name_of_several_genes_is_ambiguous(
    name: str, how: str, candidates: tuple[str, ...]
) -> None:
    resolution = TABLE.resolve(name)
    assert resolution.gene is None
    assert (resolution.how, resolution.candidates) == (how, candidates)


@pytest.mark.parametrize("name", ["FOO", "", "  ", "SEPTIN", "MET-1", "MET.1", "ENSG", "|", "999"])
def test_other_names_are_unknown(name: str) -> None:
    resolution = TABLE.resolve(name)
    assert resolution.gene is None
    assert resolution.candidates == ()
    assert resolution.how is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("MET", "MET is a current gene symbol"),
        ("met ", "met is the symbol MET"),
        ("SEPT9", "SEPT9 is an alias of SEPTIN9"),
        ("ENSG05.2", "ENSG05.2 is an Ensembl id of RNMT"),
        ("P00004-1", "P00004-1 is a UniProt accession of MET"),
        ("4", "4 is the Entrez id of MET"),
        ("MARS", "MARS could be MARS1 or SLA2"),
        ("msf", "msf could be C1orf112, METTL1 or SEPTIN9"),
        ("FOO", "FOO is not a known gene symbol, alias, Ensembl id or UniProt accession"),
        (" ", "An empty name is not a known gene symbol, alias, Ensembl id or UniProt accession"),
    ],
)
def test_explains_in_a_sentence(name: str, sentence: str) -> None:
    assert TABLE.resolve(name).explain() == sentence


def test_symbols_keep_names_and_order() -> None:
    names = ["FOO", "SEPT9", "MARS", "met", "SEPT9"]
    assert list(TABLE.symbols(names).items()) == [("SEPT9", "SEPTIN9"), ("met", "MET")]


RENAMED = GeneTable(
    pd.DataFrame(
        [
            # entrez, symbol, name, ensembl, uniprot, aliases, hgnc, previous
            ("1", "GARS1", "", "", "", "SMAD1", "", "GARS|CMT2D"),
            ("2", "GART", "", "", "", "GARS|PAIS", "", "PGFT"),
            ("3", "ND1", "", "", "", "", "MT-ND1", "MTND1"),
            ("4", "CCRL2", "", "", "", "ACKR5|MT-ND1", "", ""),
            ("5", "NEU1", "", "", "", "", "", "NEU"),
            ("6", "NEURL1", "", "", "", "neu", "", ""),
            ("7", "AK3", "", "", "", "", "", "AK3L1|PAIS"),
            ("8", "AK4", "", "", "", "", "", "AK3L1|ND1"),
        ],
        columns=[*COLUMNS, *FURTHER_COLUMNS],
    )
)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("GARS", "GARS is a previous symbol of GARS1 (and an alias of GART)"),
        ("gars", "gars is a previous symbol of GARS1 (and an alias of GART)"),
        ("CMT2D", "CMT2D is a previous symbol of GARS1"),
        ("SMAD1", "SMAD1 is an alias of GARS1"),
        ("MT-ND1", "MT-ND1 is HGNC's symbol of ND1"),  # CCRL2's alias comes after
        ("ND1", "ND1 is a current gene symbol"),  # and was AK4's
        ("NEU", "NEU is a previous symbol of NEU1 (and an alias of NEURL1)"),
        ("neu", "neu is an alias of NEURL1"),  # in exact case
        ("Neu", "Neu is a previous symbol of NEU1 (and an alias of NEURL1)"),
        ("PAIS", "PAIS is a previous symbol of AK3 (and an alias of GART)"),
        ("AK3L1", "AK3L1 could be AK3 or AK4"),
    ],
)
def test_a_previous_symbol_comes_before_an_alias(name: str, sentence: str) -> None:
    assert RENAMED.resolve(name).explain() == sentence


def test_renamed_genes_are_found_and_meet_by_their_former_names() -> None:
    assert [gene.symbol for gene in RENAMED.search("gars")] == ["GARS1", "GART"]
    assert [gene.symbol for gene in RENAMED.search("mt-n")] == ["ND1", "CCRL2"]
    assert RENAMED.spelt_as(["GARS1", "MT-ND1"], ["GARS", "MTND1", "GART"]) == {
        "GARS1": "GARS",
        "MT-ND1": "MTND1",
    }
    gene = RENAMED.resolve("ND1").gene
    assert gene is not None
    assert (gene.hgnc, gene.previous) == ("MT-ND1", ("MTND1",))


def brute_force(rows: Sequence[tuple[str, ...]], name: str) -> set[str]:
    """The module's rules, spelled out over all rows; without version or isoform suffixes."""
    for column in (1, 3, 4, 5, 0):
        for spelling in (str, str.upper):
            bearers = {
                row[1] for row in rows if spelling(name) in map(spelling, row[column].split("|"))
            }
            if bearers:
                return bearers
    return set()


names = st.text(alphabet="abAB1", min_size=1, max_size=2)
cells = st.lists(names, max_size=3).map("|".join)


@given(
    symbols=st.lists(names, unique=True, min_size=1, max_size=8),
    data=st.data(),
    asked=st.lists(names, min_size=1, max_size=10),
)
def test_resolution_agrees_with_brute_force(
    symbols: list[str], data: st.DataObject, asked: list[str]
) -> None:
    rows = [
        (str(100 + i), s, "", data.draw(cells), data.draw(cells), data.draw(cells))
        for i, s in enumerate(symbols)
    ]
    table = GeneTable(pd.DataFrame(rows, columns=list(COLUMNS)))
    for name in [*symbols, *asked]:
        resolution = table.resolve(name)
        expected = brute_force(rows, name)
        if resolution.gene is not None:
            assert {resolution.gene.symbol} == expected
        else:
            assert resolution.candidates == tuple(sorted(expected))
    for s in symbols:
        found = table.resolve(s).gene
        assert found is not None
        assert found.symbol == s


def test_genes_do_not_repeat_their_symbol_as_alias(tmp_path: Path) -> None:
    table = GeneTable(FRAME.assign(aliases=FRAME["symbol"] + "| X Y |" + FRAME["aliases"]))
    assert table.resolve("SEPTIN9").gene == Gene(
        "1", "SEPTIN9", "septin 9", ("ENSG01",), ("Q00009", "B4DTT7"), ("X Y", "SEPT9", "MSF")
    )
    assert [gene.symbol for gene in table] == FRAME["symbol"].tolist()
    assert len(table) == len(FRAME)


def searched(text: str, limit: int = 20) -> list[str]:
    return [gene.symbol for gene in TABLE.search(text, limit)]


def test_search_ranks_symbol_alias_prefixes_then_name_words() -> None:
    # symbol; exact alias; symbol prefix (with a protein first); name words
    assert searched("met") == ["MET", "RNMT", "METTL1", "METAP1P", "MARS1"]
    assert searched("SEPT") == ["SEPTIN9", "H4C2"]  # symbol prefix before alias prefix
    assert searched("mars") == ["SLA2", "MARS1"]  # both by alias: the shorter symbol first
    assert searched("P62805-2") == ["H4C1", "H4C2"]
    assert searched("ENSG0", limit=3) == ["MET", "H4C1", "H4C2"]
    assert searched("10") == ["METAP1P"]
    assert searched("trna synth") == ["MARS1"]
    assert searched("guanine (7)") == ["RNMT"]
    assert searched("ynthetase") == []  # words count from their start
    assert searched("met", limit=2) == ["MET", "RNMT"]


@pytest.mark.parametrize("text", ["", "  ", "-", "(", ".*", "\n", "zzz"])
def test_search_of_nothing_finds_nothing(text: str) -> None:
    assert searched(text) == []


@given(st.text(max_size=5))
def test_search_takes_any_text_and_never_repeats_a_gene(text: str) -> None:
    found = searched(text)
    assert len(found) == len(set(found)) <= len(TABLE)


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, sep="," if ".csv" in path.name.lower() else "\t", index=False)
    return path


@pytest.mark.parametrize(
    "file", ["genes.tsv", "genes.csv", "genes.tsv.gz", "genes.CSV.gz", "genes.parquet"]
)
def test_reads_each_format(tmp_path: Path, file: str) -> None:
    frame = FRAME.assign(entrez=FRAME["entrez"].astype(int), extra=1.5)[["extra", *COLUMNS[::-1]]]
    assert list(GeneTable.read(write(frame, tmp_path / file))) == list(TABLE)


def test_missing_values_are_empty(tmp_path: Path) -> None:
    frame = FRAME.assign(entrez=FRAME["entrez"].astype("Int64")).replace("", None)
    frame.loc[0, "entrez"] = None
    (gene, *_) = GeneTable.read(write(frame, tmp_path / "genes.parquet"))
    assert (gene.entrez, gene.symbol) == ("", "SEPTIN9")
    # "NA" is a name like any other, and a short line lacks its last cells.
    short = tmp_path / "short.tsv"
    short.write_text("\t".join(COLUMNS) + "\n7\tNA\tnan\n")
    assert list(GeneTable.read(short)) == [Gene("7", "NA", "nan")]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (FRAME.drop(columns=["uniprot", "name"]), "none called name or uniprot"),
        (FRAME.assign(symbol="X"), "every symbol once, found 1 repeated: X"),
        (FRAME.assign(symbol=""), "a symbol for every gene"),
        (FRAME.assign(entrez=FRAME["symbol"]), "Entrez ids made of digits, found 'SEPTIN9'"),
        (FRAME.iloc[:0], "at least one gene, found none"),
    ],
)
def test_refuses_a_table_that_is_none(tmp_path: Path, change: pd.DataFrame, complaint: str) -> None:
    for path in (tmp_path / "genes.csv", tmp_path / "genes.parquet"):
        with pytest.raises(InputError, match=complaint) as raised:
            GeneTable.read(write(change, path))
        assert str(path) in str(raised.value)


def test_refuses_unreadable_files(tmp_path: Path) -> None:
    cut = tmp_path / "cut.tsv.gz"
    cut.write_bytes(gzip.compress(FRAME.to_csv(sep="\t").encode())[:-20])
    for name, content in {
        "text.tsv.gz": b"entrez\tsymbol",
        "noise.parquet": b"PAR1 and no more",
        "empty.csv": b"",
        "latin.csv": "entrez,symbol\n1,É".encode("latin-1"),
        "genes.xlsx": b"",
        "genes": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.csv").mkdir()
    lists = FRAME.assign(aliases=[["a", "b"]] * len(FRAME))
    lists.to_parquet(tmp_path / "lists.parquet")
    files = [*tmp_path.iterdir()]
    assert len(files) == 9
    for path in [*files, tmp_path / "absent.csv"]:
        with pytest.raises(InputError, match="expected"):
            GeneTable.read(path)


@lru_cache
def shipped_genes() -> list[Gene]:
    return list(GeneTable.shipped())


def test_shipped_table_is_cached_and_says_where_it_is_from() -> None:
    table = GeneTable.shipped()
    assert table is GeneTable.shipped()
    provenance = json.loads((shipped() / "genes.provenance.json").read_text("utf-8"))
    assert provenance["licence"] == "Artistic-2.0"
    assert provenance["genes"] == len(table) > 40_000


def test_every_shipped_symbol_resolves_to_itself() -> None:
    for gene in shipped_genes():
        resolution = GeneTable.shipped().resolve(gene.symbol)
        assert resolution.how == "symbol"
        assert resolution.gene == gene


@settings(deadline=None)  # the first example loads the table
@given(st.data())
def test_every_shipped_name_leads_to_its_gene_or_says_why_not(data: st.DataObject) -> None:
    table = GeneTable.shipped()
    gene = data.draw(st.sampled_from(shipped_genes()))
    name = data.draw(
        st.sampled_from(
            [
                *(gene.entrez, gene.symbol, gene.hgnc or gene.symbol),
                *(*gene.ensembl, *gene.uniprot, *gene.aliases, *gene.previous),
            ]
        )
    )
    resolution = table.resolve(name)
    if resolution.candidates:
        assert gene.symbol in resolution.candidates
        assert resolution.candidates == tuple(sorted(set(resolution.candidates)))
    elif resolution.gene != gene:
        # Something of another gene goes before: its symbol, mostly.
        assert resolution.how != "entrez"
        assert name in (*gene.aliases, *gene.previous)
    assert table.search(gene.symbol)[0] == gene


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SEPT9", "SEPTIN9"),
        ("CCDC84", "CENATAC"),
        ("ENSG00000141510.18", "TP53"),
        ("P04637-2", "TP53"),
        ("7157", "TP53"),
        ("HLA-H", "HLA-H"),  # a pseudogene's symbol, and an alias of HFE
        ("ACF", "A1CF"),  # also the symbol of a disease locus, which is left out
        ("MT-CO1", "COX1"),  # HGNC's; NCBI drops the MT
    ],
)
def test_well_known_names(name: str, expected: str) -> None:
    gene = GeneTable.shipped().resolve(name).gene
    assert gene is not None
    assert gene.symbol == expected


def test_well_known_names_are_found_first() -> None:
    table = GeneTable.shipped()
    assert table.search("p53")[0].symbol == "TP53"
    assert table.search("prohibitin")[0].symbol == "PHB1"


class _NamesAndNumbers(pickle.Unpickler):
    """Admits NumPy's own scalars, which is all that the file's keys are besides text."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("numpy._core.multiarray", "scalar"), ("numpy", "dtype")}:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


@pytest.mark.real
def test_benchmark_names_resolve_to_genes_with_a_text_embedding(real_data: Path) -> None:
    table = GeneTable.shipped()
    with (real_data / "embeddings" / "text_genept_minilm.pickle").open("rb") as file:
        described = {str(key): table.resolve(str(key)) for key in _NamesAndNumbers(file).load()}
    assert len(described) == 2395
    assert all(r.gene for r in described.values())
    for line in ("k562", "rpe1"):
        screen = anndata.read_h5ad(real_data / f"{line}_rank_response.h5ad", backed="r")
        screen.file.close()
        perturbations = {name: table.resolve(name) for name in screen.obs_names}
        assert len(perturbations) == 585
        missing = {name: r.candidates for name, r in perturbations.items() if r.gene is None}
        assert missing == {}
        genes = [r.gene for r in perturbations.values() if r.gene]
        assert len(set(genes)) == 585
        assert set(genes) <= {r.gene for r in described.values()}


@pytest.mark.real
def test_reads_the_benchmark_s_own_gene_table(real_data: Path) -> None:
    table = GeneTable.read(real_data / "genes.tsv.gz")
    assert len(table) > 20_000
    gene = table.resolve("ENSG00000141510").gene
    assert gene is not None
    assert gene.symbol == "TP53"
    assert "TP53" not in gene.aliases
    assert "P53" in gene.aliases

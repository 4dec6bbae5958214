"""Embeddings of networks, against dense algebra and scikit-learn."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from llmpert.embeddings.network import embed_network, network_embedding, read_network
from llmpert.errors import InputError

GENES = ["TP53", "MDM2", "CDKN1A", "MED1", "MED8", "MED11"]


def write(path, rows, header=None, separator="\t"):
    text = "\n".join(separator.join(map(str, row)) for row in ([header] if header else []) + rows)
    (gzip.open if path.suffix == ".gz" else open)(path, "wt").write(text + "\n")
    return path


def dense(network):
    names = list(network.genes)
    found = network.weights.toarray()
    pairs = ((a, b) for a in names for b in names if a < b)
    return {(a, b): w for a, b in pairs if (w := found[names.index(a), names.index(b)])}


def test_string_files_are_read_by_their_names(tmp_path):
    ids = {gene: f"9606.ENSP0000000000{n}" for n, gene in enumerate(GENES)}
    rows = [(ids["TP53"], ids["MDM2"], 900, 5), (ids["MDM2"], ids["TP53"], 900, 5)]
    rows += [(ids["MED1"], ids["MED8"], 700, 0), (ids["MED1"], "9606.ENSP99", 500, 9)]
    head = ("protein1", "protein2", "combined_score", "experimental")
    links = write(tmp_path / "9606.protein.links.v12.0.txt.gz", rows, head, " ")
    info = write(
        tmp_path / "9606.protein.info.v12.0.txt.gz",
        [(i, gene, 100, "binds; others") for gene, i in ids.items()],
        ("#string_protein_id", "preferred_name", "protein_size", "annotation"),
    )
    found = read_network(links, info)
    assert dense(found) == {("MDM2", "TP53"): 900, ("MED1", "MED8"): 700}
    assert any("9606.ENSP99" in note for note in found.notes)
    assert dense(read_network(links, info, "experimental")) == {("MDM2", "TP53"): 5}
    with pytest.raises(InputError, match="Ensembl proteins"):
        read_network(links)
    with pytest.raises(InputError, match=r"'coexpression'.*combined_score, experimental"):
        read_network(links, info, "coexpression")


@pytest.mark.parametrize("separator", ["\t", ",", " "])
@pytest.mark.parametrize("header", [None, ("from", "to", "weight")])
def test_links_of_symbols_in_any_form(tmp_path, separator, header):
    rows = [("TP53", "MDM2", 0.5), ("MDM2", "TP53", 0.9), ("TP53", "TP53", 1)]
    rows += [("P53", "CDKN1A", 0.2), ("MED1", "MED8", "")]
    found = read_network(write(tmp_path / "links.tsv", rows, header, separator))
    # P53 is TP53; of links that are there twice the strongest counts.
    assert dense(found) == {("MDM2", "TP53"): 0.9, ("CDKN1A", "TP53"): 0.2}
    assert any("to itself" in note for note in found.notes)
    assert any("without a weight" in note for note in found.notes)


def test_links_without_weights_and_columns_beside_them(tmp_path):
    rows = [
        ("link-1", "TP53", "x", "MDM2"),
        ("link-2", "MED1", "y", "MED8"),
        ("link-3", "MED1", "y", "MED8"),
    ]
    found = read_network(write(tmp_path / "links.csv", rows, ("id", "A", "how", "B"), ","))
    assert dense(found) == {("MDM2", "TP53"): 1, ("MED1", "MED8"): 1}


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([("TP53", "TP53", 1.0)], None, "two different genes, found none"),
        ([("TP53", "MDM2", -1.0), ("MED1", "MED8", 2.0)], None, "not negative, found 1 below 0"),
        ([("TP53", "MDM2", 1, 2)], ("a", "b", "one", "two"), "found one, two; choose with"),
        ([("TP53", 3, 4.0)], ("a", "b", "c"), r"two columns of genes.*1 column"),
        ([("TP53",)], None, "fewer than two columns"),
    ],
)
def test_other_tables_are_refused(tmp_path, rows, header, message):
    with pytest.raises(InputError, match=message):
        read_network(write(tmp_path / "links.tsv", rows, header))


@st.composite
def networks(draw):
    count = draw(st.integers(4, 12))
    names = [f"GENE-{n:02d}" for n in range(count)]
    pairs = [(a, b) for a in range(count) for b in range(a)]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=2, max_size=30, unique=True))
    return [(names[a], names[b], draw(st.floats(0.1, 9))) for a, b in chosen]


@given(rows=networks(), dimensions=st.integers(1, 12))
def test_coordinates_are_the_best_of_their_rank(rows, dimensions, tmp_path_factory):
    path = write(tmp_path_factory.mktemp("network") / "links.tsv", rows)
    network = read_network(path)
    found = embed_network(network, dimensions)
    weights = network.weights.toarray()
    degrees = weights.sum(axis=0)
    scaled = degrees + degrees.mean()
    matrix = weights / np.sqrt(np.outer(scaled, scaled))
    # Of all positive semidefinite matrices of this rank, the nearest one has these values.
    values = np.sort(np.linalg.eigvalsh(matrix))[::-1][:dimensions]
    best = np.square(np.linalg.eigvalsh(matrix)).sum() - np.square(np.maximum(values, 0)).sum()
    assert np.square(matrix - found @ found.T).sum() == pytest.approx(best, abs=1e-9)
    np.testing.assert_array_equal(found, embed_network(network, dimensions))


def test_modules_are_found_and_islands_take_no_dimensions(tmp_path):
    random = np.random.default_rng(0)
    module = np.repeat(np.arange(4), 40)
    linked = random.random((160, 160)) < np.where(module[:, None] == module, 0.3, 0.02)
    rows = [(f"GENE-{a}", f"GENE-{b}", 1.0) for a, b in np.argwhere(np.triu(linked, 1))]
    rows += [(f"ISLAND-{n}a", f"ISLAND-{n}b", 1.0) for n in range(20)]
    found = network_embedding(write(tmp_path / "links.tsv", rows), "net", dimensions=4)
    at = [int(gene.removeprefix("GENE-")) for gene in found.genes if gene.startswith("GENE-")]
    vectors = found.vectors[[gene.startswith("GENE-") for gene in found.genes]]
    groups = KMeans(4, random_state=0, n_init=10).fit_predict(vectors)
    assert adjusted_rand_score(module[at], groups) > 0.95

"""What data sets hold agrees with what is loaded, and damaged files are named."""

from llmpert import datasets
from llmpert.datasets.summary import holdings, holdings_of
from llmpert.genes.sets import GeneSets
from tests.support import small

SETS = GeneSets("hallmark", "made for a test", {"one": frozenset({"KD001"})})


def test_heads_say_the_same_as_the_data():
    datasets.add(
        "mine",
        [small.screen("LineA", cells=range(40)), small.screen("LineB", genes=20)],
        [small.embedding("text"), small.embedding("sequence", genes=50, dimensions=5)],
        [SETS],
        record={"recipe": "by hand"},
    )
    found, loaded = holdings("mine"), holdings_of(datasets.load("mine"))
    assert found.screens == loaded.screens
    assert sorted(map(str, found.embeddings)) == sorted(map(str, loaded.embeddings))
    assert found.others == loaded.others == ("hallmark",)
    assert found.record == {"recipe": "by hand"}
    kept = datasets.folder("mine")
    assert found.size == sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
    assert abs(found.changed.timestamp() - datasets.stamp("mine")) < 1e-3


def test_a_damaged_file_is_named_and_the_rest_is_told():
    datasets.add("mine", [small.screen("LineA"), small.screen("LineB")], [small.embedding()])
    (path,) = datasets.folder("mine").rglob("LineA.h5ad")
    path.write_bytes(path.read_bytes()[:500])
    found = holdings("mine")
    assert [screen.name for screen in found.screens] == ["LineB"]
    (sentence,) = found.unreadable
    assert "LineA.h5ad: expected a screen written by llmpert" in sentence

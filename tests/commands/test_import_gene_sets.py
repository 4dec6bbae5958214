from pathlib import Path

from llmpert.datasets import DatasetStore
from tests.support import small
from tests.support.command_lines import IMPORT


def test_gene_sets_come_with_an_import_or_after_it(run, files):
    Path("modules.gmt").write_text("ones\t\tKD001\tKD002\nmeasured\t\tOUT001\nneither\t\tX\n")
    code, out, _ = run(*IMPORT, "--gene-sets", "modules.gmt")
    assert code == 0
    assert "modules: 3 gene sets, 1 with a perturbation, 1 with a measured gene" in out
    assert DatasetStore().load("mine").gene_sets.members["ones"] == {"KD001", "KD002"}
    Path("more.gmt").write_text("more\t\tKD003\n")
    code, out, _ = run("import", "--name", "mine", "--gene-sets", "more.gmt")
    assert code == 0
    assert set(DatasetStore().load("mine").gene_sets.members) == {
        "ones",
        "measured",
        "neither",
        "more",
    }


def test_nothing_is_written_where_the_gene_sets_cannot_be_used(run, files):
    Path("modules.gmt").write_text("KD001,KD002\n")
    code, out, err = run(*IMPORT, "--gene-sets", "modules.gmt")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("Error: modules.gmt: expected a GMT file")
    assert not DatasetStore().folder("mine").exists()


def test_collections_that_disagree_change_nothing(run, files):
    small.place("mine", [small.screen()], [small.embedding()])
    Path("one.gmt").write_text("ones\t\tKD001\n")
    Path("two.gmt").write_text("ones\t\tKD002\n")
    line = ("import", "--name", "mine", "--gene-sets", "one.gmt", "--gene-sets", "two.gmt")
    code, out, err = run(*line)
    assert (code, out) == (1, "")
    assert "found ones in" in err
    assert DatasetStore().load("mine").gene_sets is None

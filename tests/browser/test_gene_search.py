"""Finding a gene by names that the data do not spell."""

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["SEPT9", "sept9", "ENSG00000184640", "Q9UHD8"])
def test_a_gene_is_found_by_its_other_names(page, visit, name):
    visit("gene?data=named")
    box = page.get_by_test_id("stTextInput").locator("input").first
    box.fill(name)
    box.press("Enter")
    page.get_by_role("heading", name="SEPTIN9 knockdown in LineA").wait_for(timeout=60_000)
    page.get_by_text(f"{name} is an", exact=False).or_(
        page.get_by_text(f"{name} is a", exact=False)
    ).first.wait_for(timeout=20_000)
    links = [link.get_attribute("href") for link in page.get_by_role("link").all()]
    for site in ("ncbi.nlm.nih.gov", "uniprot.org", "ensembl.org", "depmap.org", "string-db.org"):
        assert any(site in (link or "") for link in links), site


def typed_on_the_first_page(page, gene: str) -> None:
    box = page.get_by_label("Type a gene")
    box.fill(gene)
    box.press("Enter")
    page.get_by_role("heading", name=f"{gene} knockdown").wait_for(timeout=60_000)


def test_a_gene_typed_on_the_first_page_opens_its_own_and_the_way_back_is_there(page, visit):
    visit("")
    typed_on_the_first_page(page, "KD007")
    page.go_back()
    page.get_by_label("Type a gene").wait_for()
    assert page.get_by_label("Type a gene").input_value() == ""


def test_a_gene_typed_on_the_first_page_is_one_of_the_data_set_shown_there(page, visit):
    visit("?data=named")
    typed_on_the_first_page(page, "A2M")
    page.wait_for_url("**data=named**")

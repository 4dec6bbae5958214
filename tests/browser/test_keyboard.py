"""Pages by keyboard alone."""

import pytest

pytestmark = pytest.mark.browser


# Not the help beside it, which names it too.
FIELD = "document.activeElement.matches('input') ? document.activeElement.ariaLabel ?? '' : ''"


def tab_to(page, label: str) -> None:
    """Press Tab until a field with this label has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(FIELD).endswith(label):
            return
    raise AssertionError(f"Tab leads to no field called {label}")


@pytest.mark.parametrize(
    ("path", "label", "typed", "leads_to"),
    [
        ("effects?target=OUT004", "Measured gene", "OUT007", "target=OUT007"),
        ("find?data=mine", "Knockdown", "KD012", "like=KD012"),
        ("explorer?colour=effect+size", "Gene", "KD012", "gene=KD012"),
    ],
)
def test_another_gene_is_chosen_and_its_figure_drawn(page, visit, path, label, typed, leads_to):
    visit(path)
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    tab_to(page, label)
    page.keyboard.press("Control+a")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{leads_to}**")
    page.locator(".js-plotly-plot", has_text=typed).first.wait_for()

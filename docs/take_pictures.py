"""Take the pictures of the documentation from the app as it is.

    python -m docs.take_pictures [NAME]...

Serves this clone with an empty data folder and photographs its pages in headless Chromium at 1440 x
900, with at most 80 colours, so that five pictures stay below 220 kB together.
"""

import io
from urllib.parse import urlencode

import click
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.server import REPOSITORY, served
from tests.support.chromium import CHROMIUM, DONE, FLAGS

FOLDER = REPOSITORY / "docs" / "pictures"
VIEWS = {
    "gene": ("gene", {"gene": "RPL21"}),
    "head-to-head": ("head_to_head", {"data": "simulated"}),
    "explorer": ("explorer", {}),
    "learning-curves": ("learning_curves", {}),
    "model-classes": ("model_classes", {}),
}
"""Picture -> page, and what its address says."""

COLOURS, LIMIT = 80, 180_000


def small(png: bytes) -> bytes:
    """Return a picture with few colours."""
    out = io.BytesIO()
    few = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*VIEWS]))
def main(names: tuple[str, ...]) -> None:
    """Take these pictures, or all."""
    with sync_playwright() as playwright, served() as server:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(LIMIT)
        server.wait_until_it_answers()
        for name in names or VIEWS:
            path, query = VIEWS[name]
            page.goto(f"{server.address}/{path}?{urlencode(query)}")
            page.locator(".js-plotly-plot .main-svg").first.wait_for()
            page.locator(DONE).wait_for(state="attached")
            page.wait_for_timeout(2000)
            picture = small(page.screenshot())
            (FOLDER / f"{name}.png").write_bytes(picture)
            click.echo(f"{name}: {len(picture) / 1e3:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()

"""A page that needs no data, served by two workers on the port after `--port`."""

import os
import sys
from pathlib import Path

from llmpert.ui.serving.workers import run

if __name__ == "__main__":
    port = int(sys.argv[sys.argv.index("--port") + 1])
    page = os.environ.get("PAGE", str(Path(__file__).with_name("upload_page.py")))
    options = ["--server.address=localhost", f"--server.port={port}", "--server.headless=true"]
    run(2, "localhost", port, ["run", page, *options], shared=["streamlit.web.cli"])

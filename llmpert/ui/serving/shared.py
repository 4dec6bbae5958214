"""What all workers need, in the process from which they are forked: they share its memory.

Importing this does it all: modules are imported, and the data that open first are loaded.
"""

import gc
import logging
import os
from importlib import import_module
from threading import Event

from threadpoolctl import threadpool_limits

from llmpert.ui.common import cache
from llmpert.ui.serving import logs
from llmpert.ui.serving.start import import_pages, prepare
from llmpert.ui.streamlit_internals import silence_spinners

for name in ("torch", "uvicorn", "streamlit.web.cli", "llmpert.ui.serving.parts"):
    import_module(name)
import_pages()
logs.configure(os.environ.get(logs.VARIABLE, "text"))
logs.include_server()
silence_spinners()
# Were OpenMP to start threads here, forked processes would wait for them for ever.
with threadpool_limits(1):
    try:
        if cache.load(cache.first_choice()).trained:
            prepare(Event())
    except Exception:  # each worker tries again, and says what is wrong
        logging.getLogger(__name__).warning("data not shared", exc_info=True)
gc.collect()
gc.freeze()  # else the next collection writes to what it looks at, which copies it

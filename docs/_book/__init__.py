"""The engine of the book: one parser of a page's blocks, and all that needs them asks it."""

import os

# Before anything imports NumPy, for tests, builds and all that they start alike. They keep figures under one key, and
# with more threads the last digits differ; and a page that takes more than one core slows the page beside it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

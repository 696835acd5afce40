"""The engine of the book: one parser of a page's blocks, and all that needs them asks it."""

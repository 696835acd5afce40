"""What runs in the reader's browser: its scripts, its Python, and the engine's side of a cell there."""

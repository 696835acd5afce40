"""Read, compile and show what runs as a plain interpreter does at its prompt.

So a session of the book has what a reader's own has: one statement a prompt, `_`, and what `from __future__` turns on.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import contextlib
import sys
from collections.abc import Callable, Iterator
from types import CodeType

FUTURE = 0
for _name in __future__.all_feature_names:
    FUTURE |= getattr(__future__, _name).compiler_flag


class Interpreter:
    """What an interpreter remembers from one statement to the next."""

    def __init__(self) -> None:
        self.flags = 0  # of the compiler: what was imported from __future__
        self.last: dict[str, object] = {}  # `_`, once a value was shown

    def parse(self, source: str, file: str, *, prompt: bool) -> ast.Module:
        """Read what runs at once; at a prompt that is one statement, or some with semicolons between."""
        flags = self.flags | ast.PyCF_ONLY_AST
        tree: ast.Module = compile(source, file, "exec", flags, dont_inherit=True)
        if prompt and tree.body:  # one that holds only a comment is none
            compile(source, file, "single", flags, dont_inherit=True)
        return tree

    def compile(self, tree: ast.Module | ast.Interactive, file: str) -> CodeType:
        """Compile what was read, under all that was imported from __future__ so far."""
        mode = "exec" if isinstance(tree, ast.Module) else "single"
        # Not as this Python was started: no -O switches a page's asserts off.
        code: CodeType = compile(tree, file, mode, self.flags, dont_inherit=True, optimize=0)
        self.flags |= code.co_flags & FUTURE
        return code

    @contextlib.contextmanager
    def showing(self, show: Callable[[object], None] = lambda value: print(repr(value))) -> Iterator[None]:
        """Show the values of expressions, and keep the last where a name is looked up at last: among the builtins."""
        names, hook = builtins.__dict__, sys.displayhook
        others = {"_": names.pop("_")} if "_" in names else {}

        def display(value: object) -> None:
            if value is not None:
                names["_"] = None  # as Python does: a `repr` that needs its own `_` would not end
                show(value)
                names["_"] = value

        names.update(self.last)
        sys.displayhook = display
        try:
            yield
        finally:
            sys.displayhook = hook
            self.last = {"_": names.pop("_")} if "_" in names else {}
            names.update(others)

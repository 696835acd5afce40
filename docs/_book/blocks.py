"""A fenced block of a page, its prompts, and what a reader pastes of it.

Everything else of the engine stands on this: a page finds its blocks, a session runs them, HTML shows them.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass, field
from functools import cached_property

RUNNING = ("python", "pycon")
PASSIVE = ("text", "bash", "console", "yaml", "toml", "json", "ini", "html", "css", "markdown", "diff")
NOT_RUN = "not-run"  # the mark of what looks like code and is only shown
# The marks of what runs only where a framework is installed, and the packages that each stands for.
NEEDS = {
    "needs-torch": ("torch",),
    "needs-jax": ("jax",),
    "needs-flax": ("flax", "jax"),
    "needs-keras": ("keras", "jax"),  # on JAX
}
OPTIONS = ("title", "hl_lines", "standalone", NOT_RUN, *NEEDS)
HEADER = "Traceback (most recent call last):"
TRACEBACK = re.compile(rf"^{re.escape(HEADER)}.*\n?", re.MULTILINE)
SAVES = re.compile(r"""\.savefig\(\s*["']([^"']+)["']""")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a page, in one line that says how to mend it."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Example:
    """One prompt of a session: its source, and the text the page shows below it."""

    source: str
    want: str
    line: int  # of the first prompt, counted from 0 within the block
    indent: int = 0

    @property
    def want_line(self) -> int:
        """Where the shown text starts, counted from 0 within the block."""
        return self.line + len(self.source.splitlines())

    @property
    def exception(self) -> str | None:
        """The last lines of a shown traceback, or None where none is shown."""
        found = TRACEBACK.search(self.want)
        return closing(self.want[found.end() :]) if found else None

    @property
    def printed(self) -> str:
        """What is shown above a traceback, or as a whole."""
        found = TRACEBACK.search(self.want)
        return self.want[: found.start()] if found else self.want


@dataclass(frozen=True)
class Block:
    """One fenced block of a page, or one code cell of a lab, as the reader sees it."""

    path: str  # of its page, as messages show it
    line: int  # of the opening fence, on the page, from 1
    language: str
    code: str  # dedented, with its closing newline
    start: int = 0  # offsets of the body in the page's text, prefixes included
    end: int = 0
    prefix: str = ""  # what each line of the block starts with: spaces, or `> `
    fence: str = ""  # the line that closes it
    options: dict[str, str] = field(default_factory=dict)
    output: Block | None = None  # what it prints, as the page shows it
    number: int = 0  # its place among all blocks of the page
    cell: int = 0  # its number in a lab, from 1; a cell shows the value of its last expression

    @property
    def indent(self) -> int:
        """How far the block is indented."""
        return len(self.prefix)

    @property
    def runs(self) -> bool:
        """True for the languages that are run."""
        return self.language in RUNNING

    @property
    def standalone(self) -> bool:
        """True for a block that runs in a namespace of its own."""
        return "standalone" in self.options

    @property
    def needs(self) -> tuple[str, ...]:
        """The packages that it needs and no plain session has, by the names they are imported as."""
        return tuple(dict.fromkeys(package for mark in self.options for package in NEEDS.get(mark, ())))

    @property
    def name(self) -> str:
        """Its name within its page: by its line, which one sees in an editor, or by its cell."""
        return f"cell:{self.cell}" if self.cell else f"line:{self.line}"

    @cached_property
    def examples(self) -> list[Example]:
        """The prompts of a `pycon` block; none for other languages."""
        return session(self.code)[0] if self.language == "pycon" else []

    @cached_property
    def placed(self) -> str:
        """What it runs, on its own lines: prompts are no part of it, and where an output stands it is blank."""
        if self.language != "pycon":
            return self.code
        lines = [""] * self.code.count("\n")
        for example in self.examples:
            source = example.source.split("\n")[:-1]
            lines[example.line : example.line + len(source)] = source
        return "\n".join(lines) + "\n"

    @cached_property
    def source(self) -> str:
        """What a reader pastes into an interpreter: no prompts, no outputs, ready to be read line by line."""
        if self.language == "pycon":
            return "".join(pasteable(example.source) for example in self.examples)
        return pasteable(self.code) if self.runs else self.code

    @property
    def figures(self) -> list[str]:
        """Names of the files that the block saves, in order."""
        return SAVES.findall(self.source) if self.runs else []


@dataclass(frozen=True)
class Image:
    """One image of a page."""

    line: int
    alt: str
    target: str


def closing(traceback: str) -> str:
    """Return the last lines of a traceback, which name the exception and say what it says: they are not indented."""
    lines = traceback.splitlines()
    while lines and (not lines[0].strip() or lines[0][0].isspace()):
        del lines[0]
    return "\n".join(lines)


def session(code: str, strict: bool = True) -> tuple[list[Example], list[tuple[int, str]]]:
    """Split the text of a session into its prompts, and name what would be dropped (line from 0, message).

    Not `strict` is for docstrings, where prose stands around indented prompts.
    """
    examples: list[Example] = []
    dropped: list[tuple[int, str]] = []
    lines = code.splitlines()
    at = 0
    while at < len(lines):
        line, indent = lines[at], len(lines[at]) - len(lines[at].lstrip(" "))
        if not line[indent:].startswith(">>>"):
            if line.strip() and strict:
                dropped.append((at, "this text is never run: start it with >>>, or close the blank line above it"))
            at += 1
            continue
        first = at
        source, want = [], []
        while at < len(lines) and lines[at][indent : indent + 3] == (">>>" if at == first else "..."):
            prompt = lines[at][indent:]
            if prompt[3:] and prompt[3] != " ":
                dropped.append((at, "one space follows a prompt"))
            source.append(prompt[4:])
            at += 1
        while at < len(lines) and lines[at].strip() and not lines[at].lstrip(" ").startswith(">>>"):
            want.append(lines[at][indent:])
            at += 1
        if strict and indent:
            dropped.append((first, "start the prompt at the margin of the block"))
        examples.append(Example("\n".join(source) + "\n", "\n".join(want), first, indent))
    return examples, dropped


def pasteable(code: str) -> str:
    """Return code that an interpreter takes line by line: no blank line inside a suite, one after it."""
    try:
        body = ast.parse(code).body
        blank = {
            token.start[0]
            for token in tokenize.generate_tokens(io.StringIO(code).readline)
            if token.type == tokenize.NL and not token.line.strip()  # one in a text belongs to the text
        }
    except (SyntaxError, tokenize.TokenError):
        return code
    lines = code.splitlines()
    suites = [
        (min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))]), node.end_lineno or 0)
        for node in body
        if hasattr(node, "body") or hasattr(node, "cases")
    ]
    kept = []
    for number, line in enumerate(lines, start=1):
        if number in blank and any(first < number <= last for first, last in suites):
            continue
        kept.append(line)
        if any(number == last for _, last in suites) and (number == len(lines) or lines[number].strip()):
            kept.append("")
    return "\n".join(kept) + "\n"

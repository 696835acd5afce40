"""What is wrong with a page, without running it: each fault in one line that says how to mend it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePath

from _book import board, choices, exercises, labs, prose
from _book.blocks import NEEDS, Block, Problem, session
from _book.page import Page
from _book.prose import Fault

RAW = {
    re.compile(r"!\[[^\]]*\]\["): "write the image's file in round brackets: ![what one sees](name.svg)",
    re.compile(r"!\[[^\]]*\]\([^)\n]*\)[ \t]*\n?[ \t>]*\{(?! *data-explore=\"[\w-]+\"(?: data-play=\"yes\")? *\})"): (
        'a figure takes no attribute but { data-explore="name" }: delete it'
    ),
    re.compile(r"```"): "a fence stands alone on its own line, below the list item or text it belongs to",
    re.compile(r"^[ \t>]*(?:[-*+]|\d+[.)])[ \t]+~~~", re.M): "start the fence on a line of its own",
}
MEND = "run pytest --update-docs"
FRAMEWORKS = {package for packages in NEEDS.values() for package in packages}


def problems(page: Page) -> list[Problem]:
    """Return what is wrong with a page or a lab, ordered by line."""
    found = list(page.faults)
    if page.unread:
        return found
    rules = (_form, _cells, _frameworks) if page.lab else (_blocks, _outputs, _count, _frameworks)
    for rule in (*rules, _prose, prose.problems, _images, choices.problems):
        found += [Problem(page.path, *fault) for fault in rule(page)]
    if not found:  # what follows reads code, which has to be there
        found = board.problems(page) + exercises.problems(page)
    return sorted(found, key=lambda problem: problem.line)


def _blocks(page: Page) -> Iterator[Fault]:
    for block in page.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[Fault]:
    """What is wrong inside one block."""
    body = block.line + 1
    if block.language == "python":
        for number, line in enumerate(block.code.splitlines()):
            if line.lstrip().startswith(">>>"):
                yield body + number, "a prompt in a `python` block: make the block ```pycon"
    if block.language == "pycon":
        examples, dropped = session(block.code)
        if not examples:
            yield block.line, "a `pycon` block without a prompt: start its statements with >>>"
        else:
            yield from ((body + line, message) for line, message in dropped)
    if block.runs:
        for number, line in enumerate(block.code.splitlines()):
            if re.search(r"#\s*doctest:", line):
                yield body + number, "no doctest directives, nothing is skipped: show what the code prints"


def _outputs(page: Page) -> Iterator[Fault]:
    attached = {block.output.line for block in page.blocks if block.output}
    for block in page.blocks:
        if block.language == "output" and block.line not in attached:
            yield block.line, "an `output` block stands directly below the `python` block that prints it"


def _count(page: Page) -> Iterator[Fault]:
    """A page says how many blocks it runs, so that a lost one is noticed."""
    count = len(page.runs)
    readme = PurePath(page.file).name == "README.md"
    place = page.text if readme else page.front
    pattern = r"<!-- blocks: (\d+) -->" if readme else r"^blocks: *(\d+) *$"
    stated = re.search(pattern, place, re.M)
    if not stated:
        where = f"<!-- blocks: {count} -->" if readme else f"`blocks: {count}` in the front matter"
        yield 1, f"say how many blocks run: add {where}"
    elif int(stated[1]) != count:
        message = f"the page says {stated[1]} blocks and has {count}: mend the number, or find the lost block"
        yield page.line(stated.start()), message


def _frameworks(page: Page) -> Iterator[Fault]:
    """What needs a framework says so; what does not stands without it, and so does what a build makes of the page."""
    givers: dict[str, Block] = {}  # of each name, the block that gave it its last value
    for block in page.runs:
        body = block.line + 1
        tree = _tree(block)
        for line, package in _imported(tree):
            if package in FRAMEWORKS.difference(block.needs):
                mark = next(mark for mark, packages in NEEDS.items() if packages[0] == package)
                how = "make it a page" if page.lab else f"mark it as {{.{block.language} .{mark}}}"
                yield body + line - 1, f"a block that imports {package} runs only where that is installed: {how}"
        if block.needs and block.figures:
            yield block.line, "no figure here, since no build runs what needs a framework: print numbers"
        if block.needs:
            for score in board.marks(block):
                yield score.line, "no score here, since no build runs what needs a framework: print the number"
        if block.standalone:
            continue
        for line, name in _taken(tree):
            giver = givers.get(name)
            if giver and (more := [each for each in giver.needs if each not in block.needs]):
                marks = " ".join(f".{mark}" for mark in giver.options if mark in NEEDS)
                message = f"`{name}` is there only with {' and '.join(more)}, from the block at line {giver.line}"
                yield body + line - 1, f"{message}: mark this one {marks} as well"
                break
        givers |= dict.fromkeys(exercises.defined(tree), block)


def _tree(block: Block) -> ast.Module:
    """What a block runs, on its own lines; nothing where that is no Python, which running it says."""
    try:
        return ast.parse(block.placed)
    except SyntaxError:
        return ast.Module([], [])


def _imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What is imported for good, with its line; not what is tried, with something else to do without it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, (node.module or "").partition(".")[0]
        elif not isinstance(node, ast.Try):
            yield from _imported(node)


def _taken(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The names that a block reads and does not give, anywhere in it, with their lines."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)} | exercises.defined(tree)
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    yield from ((node.lineno, node.id) for node in names if node.id not in own)


def _prose(page: Page) -> Iterator[Fault]:
    """What is wrong between the blocks, of what looks like a fence or an image and is none."""
    for pattern, message in RAW.items():
        for match in pattern.finditer(page.prose):
            yield page.line(match.start()), message


def _images(page: Page) -> Iterator[Fault]:
    """Every figure is drawn by a block above it, and described.

    In the opening of a page, above its first section, a figure may stand before its block: the picture first.
    """
    section = re.search(r"^## ", page.prose, re.M)
    opening = page.line(section.start()) if section else 0
    saved: dict[str, int] = {}
    for block in page.runs:
        for name in block.figures:
            if not name.endswith(".svg") or "/" in name:
                yield block.line, f"save the figure as a plain .svg name, not {name!r}"
            elif name in saved:
                yield block.line, f"{name} is saved twice: names are unique within a page"
            saved.setdefault(name, block.line)
    shown: dict[str, int] = {}
    for image in page.images:
        if image.target in shown and image.target.endswith(".svg"):
            yield image.line, f"{image.target} is shown at line {shown[image.target]} already: refer to it there"
        shown.setdefault(image.target, image.line)
        if len(image.alt.split()) < 3:
            yield image.line, f"{image.target} needs alt text that says what one sees: ![...]({image.target})"
        if "//" in image.target:
            yield image.line, "no pictures from other sites: draw the figure in a block"
        elif image.target.endswith(".svg") and "/" not in image.target:
            if image.target not in saved:
                yield image.line, f'no block saves {image.target}: end one with fig.savefig("{image.target}")'
            elif saved[image.target] > image.line > opening:
                yield image.line, f"show {image.target} below the block that saves it"
    for name, line in saved.items():
        if name not in shown:
            yield line, f"{name} is saved and never shown: add ![what one sees]({name}) below the block"


def _form(page: Page) -> Iterator[Fault]:
    """A lab stands in the one form in which each line of a cell is a line of the file."""
    try:
        if page.text != labs.normal(page.text):
            yield 1, f"not in the book's form: {MEND}"
    except (ValueError, KeyError, TypeError):
        return  # said when it was read


def _cells(page: Page) -> Iterator[Fault]:
    """A lab is plain Python, run in order, and holds no math."""
    count = 0
    for cell in page.cells:
        if cell.kind == "code":
            count += 1
            yield from ((cell.line, message) for message in _cell(cell, count))
        elif cell.kind == "raw":
            yield cell.line, "a raw cell never runs: make it a code or a text cell"
    for number, line in enumerate(page.prose.splitlines(), start=1):
        if "$" in line:
            yield number, "labs hold no math: write it in the chapter, or in words"
    for block in page.runs if page.weekly else ():
        yield from _unrun(block)


def _cell(cell: labs.Cell, count: int) -> Iterator[str]:
    """What is wrong with one code cell."""
    if not cell.source.strip():
        yield "an empty cell: delete it"
    if re.search(r"^\s*[%!]", cell.source, re.M):
        yield "no magics: a lab is plain Python"
    if cell.count != count:
        yield f"not run in order: {MEND}"
    for what in cell.foreign():
        how = "save figures as .svg, print numbers," if what.startswith("a stored picture") else "mend the cell"
        yield f"{what}: {how} and {MEND}"


def _unrun(block: Block) -> Iterator[Fault]:
    """What can be said of a cell that is not going to run: whether it is Python, and what could not be shown."""
    try:
        compile(block.code, block.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        yield block.line + (error.lineno or 1), f"SyntaxError: {error.msg}"
    if block.figures:
        message = "a weekly lab draws no figure, for no build runs it: print the numbers, and draw them in the chapter"
        yield block.line + 1, message

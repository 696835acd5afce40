"""What stands between the blocks of a page, as it is written: HTML, front matter, references, and what looks like code.

HTML is held to a short list, `TAGS`, since a list of what is forbidden would never be complete. What Markdown makes of
a page is held to a second one, in `render.seen`.
"""

from __future__ import annotations

import ast
import builtins
import html
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

import yaml

from _book import exercises
from _book.blocks import NOT_RUN, RUNNING, Block
from _book.page import CODE_SPAN, SUFFIXES, Page

Fault = tuple[int, str]  # the line on the page, and what is wrong there

# The HTML that pages may hold, with its attributes, and its classes. What a page needs and is not here is added here,
# in a change that says why a reader sees all of it.
TAGS = {"p": {"class", "markdown"}, "ul": {"class", "markdown"}, "li": {"markdown"}, "span": {"class", "id"}}
CLASSES = {"lead", "cards", "tags", "next", "tools"}
KEYS = ("description", "blocks", "hide", "title")

ELSE = {
    "pre": "raw <pre> is never run: write a fenced block",
    "img": "write the image as ![what one sees](name.svg)",
    **dict.fromkeys(("xmp", "textarea", "code", "samp", "listing", "plaintext"), "code in HTML never runs: fence it"),
}
TAG = re.compile(r"<(?P<close>/?)(?P<name>[a-zA-Z][\w-]*)(?P<rest>[^<>]*)>?")
AUTOLINK = re.compile(r"<(?:https?:|mailto:|[\w.+-]+@)[^<>\s]*>")
ATTRIBUTE = re.compile(r"""(?P<name>[^\s=/"']+)(?:\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^\s"']+))?""")
DECLARATION = re.compile(r"<[?!](?!--)")
MATH = re.compile(r"\$\$.*?\$\$|(?<![\\$])\$(?![\s$])(?:\\.|[^\\$])+?(?<!\s)\$(?![\d$])", re.DOTALL)
# What an editor does not show: it takes a fence for text, or hides what a reader copies.
LINK = re.compile(r"\]\((?P<target>[^()\s#]+)[^()\s]*(?:\s+\"[^\"]*\")?\)")
# What the build makes.
GENERATED = {"exercises.md", "index-of-terms.md", "print.md", "notebooks.zip"}
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufe00-\ufe0f\ufeff]"
)
MARKED = re.compile(rf"{CODE_SPAN.pattern}\{{:?\s*\.{NOT_RUN}\s*\}}")
PROMPT = re.compile(r">>>|^\W*In \[\d+\]:")
# The same in a block that is only shown, and a block within it.
SHOWN = re.compile(r"[-+\s>]*(?:>>> |>>>$|In \[\d+\]:|(?:`{3}|~{3})[`~]*\s*\{?\s*\.?py)")
HIDES = re.compile(r"\\(?:[hv]?phantom|(?:text)?color(?:box)?|style|class|cssId|href|html[A-Za-z]+)\b")
FOOTNOTE = re.compile(r"(?P<start>^ {0,3})?\[\^(?P<name>[^\]\s]+)\](?P<colon>:)?", re.M)
REFERENCE = re.compile(r"(?<![\]\\!])\[(?P<text>[^\[\]]+)\] ?\[(?P<name>[^\[\]]*)\]")
# A word in brackets alone is a link too, once its address is defined; a task's box and an interval are none.
SHORT = re.compile(r"(?<![\]\\!\w])\[(?P<name>[^\W\d_](?!\])[^\[\]]*)\](?![\[(:{])")
DEFINITION = re.compile(r"^ {0,3}\[(?P<name>[^\]^]+)\]:\s*\S", re.M)
SNIPPET = re.compile(r"-{2,}8<-{2,}"), "no snippets are put in here: write the text itself"
VARIABLE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}"), "no variables are put in here: write the text itself"
ANNOTATION = re.compile(r"#\s*\(\d+\)!?\s*$", re.M), "no annotations are shown here: say it below the block"
LINES = re.compile(r"\d+(-\d+)?(\s+\d+(-\d+)?)*")
# Whether a line that names a value or calls a function looks like Python in a language that is only shown.
OWN = {**dict.fromkeys(("toml", "ini", "yaml", "bash", "html", "css", "json"), False), "text": True, "console": True}
STATEMENT = re.compile(
    r"(?:import|from|def|class|async|assert|for|while|with|print|@)\b|.*\s(?:[-+*/@|&]|\*\*|//)?=\s|[\w.]+\(.*\)$"
)
CODE = f"looks like code and never runs: put it in a ```python or ```pycon block, or mark it as {{.text .{NOT_RUN}}}"
PROMPTS = f"a prompt outside a fence is never run: put it in a ```pycon block, or mark it: `>>> 1`{{ .{NOT_RUN} }}"


def problems(page: Page) -> Iterator[Fault]:
    """Yield what is wrong with all of a page that is no block that runs."""
    if not page.file.endswith((SUFFIXES[0], ".ipynb")):
        yield 1, f"{MISNAMED}: call it {page.path.rpartition('.')[0]}.md"
    for number, line in enumerate(page.text.split("\n"), start=1):
        if found := UNSEEN.search(line):
            yield number, f"a character that no editor shows, U+{ord(found[0]):04X}: delete it, or type a plain space"
    yield from _front(page)
    for match in HIDES.finditer(page.prose):
        yield (
            page.line(match.start()),
            f"{match[0]} hides or colours what it is put on: write the formula as it is read",
        )
    prose = MATH.sub(lambda match: blanked(match[0]), page.prose)
    yield from ((page.line(offset), message) for offset, message in _html(prose))
    yield from ((page.line(offset), message) for offset, message in _references(prose))
    for pattern, message in (SNIPPET, VARIABLE):
        yield from ((page.line(match.start()), message) for match in pattern.finditer(prose))
    yield from ((page.line(offset), message) for offset, message in _links(page, prose))
    for number, line in enumerate(page.told.split("\n"), start=1):
        if PROMPT.search(html.unescape(MARKED.sub("", line))):
            yield number, PROMPTS
    for block in page.blocks:
        yield from _block(block)


MISNAMED = "MkDocs takes this for a page, and the book's pages end in .md"


def blanked(text: str) -> str:
    """Return a text of blanks with the same lines."""
    return re.sub(r"[^\n]", " ", text)


def telling(line: str, *, values: bool = True, calls: bool = False) -> bool:
    """True for a line that a reader takes for a statement of Python; `values`: a value that is named is one."""
    line = line.strip()
    if not STATEMENT.match(line) or len(line) > 200:
        return False
    return any(_tells(node, values, calls) for node in _parsed(line + " pass" if line.endswith(":") else line))


def _parsed(code: str) -> list[ast.stmt]:
    """The statements of a piece of Python; none if it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code).body
        except (SyntaxError, ValueError):
            return []


def unrun(page: Page) -> Callable[[str], bool]:
    """Return what tells of a call that stands alone in a cell or a list whether it is code that never runs.

    It is, if the page's blocks know all its names, so that it could run as it stands, and none of them holds it.
    Otherwise it is the name of something: `orthogonal_(gain)`.
    """
    known, run = set(dir(builtins)), set()
    for block in page.runs:
        body = _parsed(block.source)
        known.update(*map(exercises.defined, body))
        run |= {ast.dump(node) for each in body for node in ast.walk(each) if isinstance(node, ast.Call)}

    def never(code: str) -> bool:
        for node in _parsed(code.strip()) if code.rstrip().endswith(")") else ():
            if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
                return False
            names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            return names <= known and ast.dump(node.value) not in run
        return False

    return never


def _tells(node: ast.stmt, values: bool, calls: bool) -> bool:
    if isinstance(node, ast.Assign | ast.AugAssign) or (isinstance(node, ast.AnnAssign) and node.value):
        return values
    if isinstance(node, ast.Expr):
        call = node.value
        return isinstance(call, ast.Call) and (calls or ast.unparse(call.func) == "print")
    return not isinstance(node, ast.AnnAssign)


def _front(page: Page) -> Iterator[Fault]:
    """The front matter has keys that something reads, each once."""
    seen: dict[str, int] = {}
    try:
        said = yaml.safe_load(page.front.strip().strip("-")) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "context_mark", None) or getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", "")
        yield (mark.line if mark else 0) + 1, f"YAML cannot read this ({problem}): put the value in quotes"
        return
    if page.front and not said.get("description"):
        yield 1, "add a `description:` of one sentence to the front matter"
    for number, line in enumerate(page.front.split("\n"), start=1):
        key = re.match(r"([\w-]+): *(\S.*)?$", line)
        if key and key[1] not in KEYS:
            yield number, f"nothing reads {key[1]!r} here: use one of {', '.join(KEYS)}"
        elif key and key[1] in seen:
            yield number, f"{key[1]!r} stands at line {seen[key[1]]} already: keep one"
        elif key:
            if (key[2] or "")[:1] not in ("", '"', "'", "[") and said.get(key[1]) not in (key[2], _number(key[2])):
                yield number, f'YAML reads this value in a way of its own: put it in quotes: {key[1]}: "..."'
            seen[key[1]] = number
        elif line.strip() and not re.match(r"---[ \t]*$|  +- \S", line):
            yield number, "cannot read this line of the front matter: write `key: value`"


def _number(value: str) -> int | None:
    return int(value) if value.isdecimal() else None


def _html(prose: str) -> Iterator[tuple[int, str]]:
    """Raw HTML: a tag of the list, with attributes of the list."""
    prose = AUTOLINK.sub(lambda match: blanked(match[0]), prose)
    for match in DECLARATION.finditer(prose):
        yield match.start(), "HTML that no reader sees: delete it"
    for match in TAG.finditer(prose):
        name = match["name"].lower()
        if name not in TAGS:
            known = ", ".join(f"<{tag}>" for tag in TAGS)
            message = f"raw <{name}>: pages hold only {known} (TAGS in docs/_book/prose.py)"
            yield match.start(), ELSE.get(name, message)
            continue
        for attribute in ATTRIBUTE.finditer(match["rest"]):
            value = (attribute["value"] or "").strip("\"'")
            if attribute["name"].lower() not in TAGS[name]:
                yield match.start(), unlisted(attribute["name"])
            elif attribute["name"].lower() == "class":
                yield from ((match.start(), unlisted("." + each)) for each in value.split() if each not in CLASSES)


def unlisted(what: str) -> str:
    """Say that an attribute or a class may hide what it is put on."""
    where = "CLASSES" if what.startswith(".") else "TAGS"
    return f"hidden HTML, or HTML that could be: drop {what}, or add it to {where} in docs/_book/prose.py"


def _references(prose: str) -> Iterator[tuple[int, str]]:
    """What is referred to is defined on the page, and the other way round."""
    notes = [(match, bool(match["colon"]) and match["start"] is not None) for match in FOOTNOTE.finditer(prose)]
    names = {(match["name"], defines) for match, defines in notes}
    for match, defines in notes:
        name = match["name"]
        if defines and (name, False) not in names:
            yield match.start(), f"the footnote {name} is referred to nowhere: put [^{name}] where it belongs"
        if not defines and (name, True) not in names:
            yield match.start(), f"the footnote {name} is defined nowhere: add [^{name}]: ..."
    links = {" ".join(match["name"].lower().split()) for match in DEFINITION.finditer(prose)}
    for match in REFERENCE.finditer(prose):
        name = " ".join((match["name"] or match["text"]).lower().split())
        if not name.startswith("^") and name not in links:
            text = match["text"].strip() or "..."
            yield match.start(), f"this link leads nowhere: write the address, [{text}](address)"
    for match in SHORT.finditer(prose):
        if " ".join(match["name"].lower().split()) not in links:
            yield match.start(), f"this link leads nowhere: write [{match['name']}](address), or \\[ for a bracket"


def _links(page: Page, prose: str) -> Iterator[tuple[int, str]]:
    """What a page links to is there, or drawn by one of its blocks."""
    drawn = {name for block in page.runs for name in block.figures}
    for match in LINK.finditer(prose):
        target = html.unescape(match["target"])
        if re.match(r"[a-z][a-z+.-]*:|//", target, re.I) or target in drawn or PurePath(target).name in GENERATED:
            continue
        if not (Path(page.file).parent / target).exists() and not target.endswith(".svg"):
            yield match.start(), f"{target} is not there: make it, or mend the link"


def _block(block: Block) -> Iterator[Fault]:
    """What is wrong with the fence of a block, and with what it only shows."""
    lines = block.code.split("\n")[:-1]
    if shown := block.options.get("hl_lines"):
        wanted = [int(number) for number in re.findall(r"\d+", shown)]
        backwards = any(int(first) > int(last) for first, last in re.findall(r"(\d+)-(\d+)", shown))
        if backwards or not LINES.fullmatch(shown) or not all(1 <= number <= len(lines) for number in wanted):
            yield block.line, f'hl_lines="{shown}": the block has lines 1 to {len(lines)}, write them as "1 3-4"'
    elif "hl_lines" in block.options:
        yield block.line, 'hl_lines="": name the lines, as in "1 3-4"'
    for pattern, message in (SNIPPET, ANNOTATION) if block.language != "markdown" else ():
        for match in pattern.finditer(block.code):
            yield block.line + 1 + block.code.count("\n", 0, match.start()), message
    if block.language in (*RUNNING, "output") or NOT_RUN in block.options:
        return
    if block.language == "markdown":
        # What is quoted in fences says by itself that it is a quotation.
        lines = Page.parse(block.code).told.split("\n")
    own = OWN.get(block.language)
    for number, line in enumerate(lines, start=block.line + 1):
        prompt = SHOWN.match(MARKED.sub("", line))
        if prompt or (own is not None and telling(line, values=own, calls=own)):
            yield number, CODE
            return
    # A statement may go over several lines.
    if own is not None and any(_tells(node, own, own) for node in _parsed(textwrap.dedent(block.code))):
        yield block.line, CODE

"""The book's Python-Markdown extension: all that happens to a page and does not need the site around it.

Figures are put into the page as SVG, TeX becomes MathML, code blocks say what a reader pastes, and the
first use of a glossary term on a page explains itself. Faults are logged with the page and the line; a strict build
fails on them, and shows all of them at once.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from math_core import LatexError, LatexToMathML

from _book import board as marks
from _book import exercises as cells
from _book import page as blocks
from _book.render import drawing
from _book.site import terms

# Below "mkdocs", so that its strict mode counts what is logged here.
log = logging.getLogger("mkdocs.plugins.book")

# What `![...](name.svg){ data-explore="symmetry" }` can name.
EXPLORABLES = Path(__file__).parents[1] / "browser" / "js" / "explore"

INLINE_MATH = r"(?<![\\$])\$(?![\s$])((?:\\.|[^\\$])+?)(?<!\s)\$(?![\d$])"
DISPLAY_MATH = re.compile(r"(?:^|\n)[ ]{0,3}\$\$(.*?)\$\$[ ]*(?=\n|$)", re.DOTALL)
TAG = re.compile(r"\\tag\{([^}]*)\}")
CODE = re.compile(
    r'<div class="(?P<classes>[^"]*\blanguage-(?P<language>python|pycon)\b[^"]*)"(?P<rest>[^>]*)>'
    r"(?P<body>.*?<code>(?P<code>.*?)</code>)",
    re.DOTALL,
)
# A hyphen in a number is a minus sign, at which no browser breaks the line.
MINUS = re.compile(r"(?<![\w.])-(?=[\d.])|(?<=\de)-(?=\d)")
SCORE_COLUMNS = ("Claim", "Published or predicted", "Ours", "Where", "Verdict")
MARKUP = re.compile(r"<[^>]*>")
# A mark of the scoreboard, at the end of a comment.
SCORE = re.compile(r"# score: (?P<id>[a-z0-9-]+)(?: differs)?(?=\s*</span>)")


@dataclass
class Score:
    """What completes a row of the scoreboard."""

    published: str
    ours: str
    differs: bool
    href: str  # of the mark, as a link from the scoreboard's source
    place: str


@dataclass
class Page:
    """What the extension cannot read off the text it is given."""

    path: str = "page.md"
    text: str = ""  # the file as it is, front matter included, for line numbers
    figures: dict[str, bytes] = field(default_factory=dict)
    folder: str = ""  # where the figures lie as files, relative to the page's source
    glossary: dict[str, str] = field(default_factory=dict)
    terms: bool = False  # whether it is the glossary, whose terms can be linked to
    board: str = ""  # where the scoreboard is, relative to the page, if the book has one
    scores: dict[str, Score] | None = None  # for the scoreboard itself

    @cached_property
    def solutions(self) -> dict[str, cells.Check]:
        """Its exercises by their solutions."""
        return {check.code.strip("\n"): check for check in cells.checks(self.text)}

    def line(self, text: str) -> int:
        """The line of the page that holds some text, or its first line."""
        at = self.text.find(text)
        if at < 0:
            first = next((line.strip() for line in text.splitlines() if line.strip()), text)
            at = max(self.text.find(first), 0)
        return self.text.count("\n", 0, at) + 1

    def problem(self, text: str, message: str) -> None:
        """Report a fault at the line that holds some text."""
        log.warning("%s:%d: %s", self.path, self.line(text), message)


class BookExtension(Extension):
    """Give one instance to every page of a build; set `page` before a page is rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.characters: set[str] = set()  # what the math of all pages is written with
        self.convert = LatexToMathML(fancy_error=False)

    def extendMarkdown(self, md: Markdown) -> None:  # the name is Python-Markdown's
        md.ESCAPED_CHARS.append("$")
        # Before `abbr` reads its definitions, after `fenced_code_block` has put the code away.
        md.preprocessors.register(_Glossary(md, self), "book_glossary", 5)
        # Before headings and tables, after lists, admonitions and quotes have taken their indentation off.
        md.parser.blockprocessors.register(_DisplayMath(md.parser, self), "book_display_math", 79.9)
        # After code spans, before the backslash escapes.
        md.inlinePatterns.register(_InlineMath(INLINE_MATH, md, self), "book_inline_math", 185)
        # Before MkDocs takes down what can be linked to.
        md.treeprocessors.register(_Terms(md, self), "book_terms", 6)
        # Before MkDocs resolves links.
        md.treeprocessors.register(_Scoreboard(self), "book_scoreboard", 5)
        md.treeprocessors.register(_Figures(md, self), "book_figures", 4)
        md.treeprocessors.register(_FirstUse(md), "book_first_use", 3)
        md.treeprocessors.register(_External(md), "book_external", 2)
        # After `raw_html` has put the code back.
        md.postprocessors.register(_Copyable(md, self), "book_copyable", 5)

    def mathml(self, tex: str, *, display: bool) -> str:
        """Convert TeX; report what cannot be converted, and show it as it is written."""
        source = tex.strip()
        if display:
            tex = TAG.sub("", tex)
        try:
            found = self.convert.convert_with_local_state(tex.strip(), displaystyle=display)
        except LatexError as error:
            said = " ".join(str(error).split())
            self.page.problem(source, f"cannot read this TeX: {said}")
            return f"<code>{html.escape(source)}</code>"
        self.characters.update(html.unescape(MARKUP.sub("", found)))
        if "<msqrt" in found or "<mroot" in found:
            self.characters.add("\u221a")  # no text, but without the glyph a browser draws no root sign at all
        return found


class _InlineMath(InlineProcessor):
    def __init__(self, pattern: str, md: Markdown, book: BookExtension) -> None:
        super().__init__(pattern, md)
        self.book = book

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:
        mathml = self.book.mathml(m[1], display=False)
        return self.md.htmlStash.store(mathml), m.start(0), m.end(0)


class _DisplayMath(BlockProcessor):
    """`$$` at the start of a line to `$$` at the end of one; numbered equations can be linked to as #eq-1.1."""

    def __init__(self, parser: object, book: BookExtension) -> None:
        super().__init__(parser)
        self.book = book

    def test(self, parent: ElementTree.Element, block: str) -> bool:
        return re.search(r"(^|\n)[ ]{0,3}\$\$", block) is not None

    def run(self, parent: ElementTree.Element, blocks: list[str]) -> bool | None:
        match = DISPLAY_MATH.search(blocks[0])
        if not match:
            self.book.page.problem(blocks[0].strip(), "this $$ is never closed: no blank line inside an equation")
            return False
        block = blocks.pop(0)
        before, after = block[: match.start()], block[match.end() :]
        if before.strip():
            self.parser.parseBlocks(parent, [before])
        box = ElementTree.SubElement(parent, "div", {"class": "math"})
        # A box of its own, so that a long equation scrolls and the page does not.
        scroll = ElementTree.SubElement(box, "div", {"class": "math__scroll", "tabindex": "0"})
        scroll.text = self.parser.md.htmlStash.store(self.book.mathml(match[1], display=True))
        tags = TAG.findall(match[1])
        if len(tags) > 1:
            self.book.page.problem(match[1].strip(), "one \\tag an equation")
        if tags:
            box.set("id", f"eq-{tags[0]}")
            link = ElementTree.SubElement(box, "a", {"class": "math__tag", "href": f"#eq-{tags[0]}"})
            link.text = f"({tags[0]})"
        if after.strip():
            blocks.insert(0, after.lstrip("\n"))
        return None


class _Figures(Treeprocessor):
    """Put each figure that a block of the page drew into the page, linked to the file it can be seen large in."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, root: ElementTree.Element) -> None:
        for parent in list(root.iter()):
            for image in [child for child in parent if child.tag == "img"]:
                self._replace(parent, image)

    def _replace(self, parent: ElementTree.Element, image: ElementTree.Element) -> None:
        page = self.book.page
        name, alt = image.get("src", ""), " ".join(image.get("alt", "").split())
        if not name.endswith(".svg") or "/" in name:
            return
        if not alt:
            page.problem(f"]({name}", f"{name} needs alt text that says what one sees: ![...]({name})")
        if name not in page.figures:
            page.problem(f"]({name}", f'no block draws {name}: end one with fig.savefig("{name}")')
            return
        caption = image.get("title")
        explorable = image.get("data-explore")
        if explorable and not (EXPLORABLES / f"{explorable}.js").exists():
            message = f"no explorable {explorable}: write browser/js/explore/{explorable}.js"
            page.problem(f'data-explore="{explorable}"', message)
        tail = image.tail
        image.clear()
        image.tail = tail
        image.tag = "figure" if self._alone(parent, image) else "span"
        image.set("class", "figure explorable" if explorable else "figure")
        if explorable:
            image.set("data-explore", explorable)
        link = ElementTree.SubElement(image, "a", {"href": f"{page.folder}{name}", "class": "figure__open"})
        link.text = self.md.htmlStash.store(drawing.inline(page.figures[name].decode(), name, alt))
        if caption:
            ElementTree.SubElement(image, "figcaption").text = caption
        # A paragraph cannot hold a figure.
        if image.tag == "figure" and parent.tag == "p":
            parent.tag = "div"
            parent.set("class", "figures")

    @staticmethod
    def _alone(parent: ElementTree.Element, image: ElementTree.Element) -> bool:
        """True where nothing but figures stands in the paragraph."""
        inside = [parent.text, *(child.tail for child in parent)]
        tags = {child.tag for child in parent if child is not image}
        return tags <= {"img", "figure"} and not any(text and text.strip() for text in inside)


class _Glossary(Preprocessor):
    """Hand the glossary's terms to `abbr`, which knows where a word may be explained."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        used = [term for term in self.book.page.glossary if re.search(rf"\b{re.escape(term)}\b", text)]
        return [*lines, "", *(f"*[{term}]: {self.book.page.glossary[term]}" for term in used)]


class _Terms(Treeprocessor):
    """Give each term of the glossary an address: `glossary.md#fan-in`."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, root: ElementTree.Element) -> None:
        for term in root.iter("dt") if self.book.page.terms else ():
            term.set("id", terms.anchor("".join(term.itertext())))


class _FirstUse(Treeprocessor):
    """Explain a term where it is first used in the text, and leave it alone after that, and in headings."""

    def run(self, root: ElementTree.Element) -> None:
        seen: set[str | None] = set()
        quiet = {id(e) for tag in ("h1", "h2", "h3", "h4", "a", "th") for top in root.iter(tag) for e in top.iter()}
        for parent in list(root.iter()):
            for child in [child for child in parent if child.tag == "abbr"]:
                # By what it says: one unit and several are one term.
                if child.get("title") in seen or id(child) in quiet:
                    _unwrap(parent, child)
                else:
                    seen.add(child.get("title"))


class _External(Treeprocessor):
    """Mark the links that leave the book: on paper their addresses are written out."""

    def run(self, root: ElementTree.Element) -> None:
        for link in root.iter("a"):
            if link.get("href", "").startswith("http"):
                link.set("class", "external")


def _unwrap(parent: ElementTree.Element, child: ElementTree.Element) -> None:
    text = (child.text or "") + (child.tail or "")
    at = list(parent).index(child)
    if at:
        parent[at - 1].tail = (parent[at - 1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(child)


class _Scoreboard(Treeprocessor):
    """Complete the rows of the scoreboard: each becomes what its marked block proves, and a link to it."""

    def __init__(self, book: BookExtension) -> None:
        super().__init__()
        self.book = book

    def run(self, root: ElementTree.Element) -> None:
        known = self.book.page.scores
        if known is None:
            return
        # From the text: in the tree, the ids have been put away already.
        names = iter(marks.rows(self.book.page.text))
        for table in root.iter("table"):
            titles = ["".join(cell.itertext()) for cell in table.iter("th")]
            if "| " + " | ".join(titles) + " |" == marks.HEADER:
                self._complete(table, names, known)

    def _complete(self, table: ElementTree.Element, names: Iterator[str], known: dict[str, Score]) -> None:
        # Laid out as cards on a phone, which would make a browser forget that it is a table: so it is said.
        table.attrib = {"class": "scores", "role": "table"}
        for part in table:
            part.set("role", "rowgroup")
        (head,) = table.iter("thead")
        head[0].set("role", "row")
        head[0][:] = []
        for title in SCORE_COLUMNS:
            ElementTree.SubElement(head[0], "th", {"role": "columnheader", "scope": "col"}).text = title
        for row in table[1]:
            name = next(names, "")
            score = known.get(name)
            if not score:
                if name:
                    message = f"nothing is known of {name}: no build runs its page, or it fails"
                    self.book.page.problem(f"`{name}`", message)
                continue
            claim, source = row[1], row[2]
            row.attrib = {"id": name, "role": "row"}
            row[:] = [claim]
            claim.attrib = {"role": "cell"}
            source.tag, source.attrib = "div", {"class": "scores__source"}
            claim.append(source)
            verdict = "differs" if score.differs else "reproduced"
            for title, text in zip(SCORE_COLUMNS[1:], (score.published, score.ours, "", verdict), strict=True):
                cell = ElementTree.SubElement(row, "td", {"role": "cell", "data-label": title})
                cell.text = AtomicString(MINUS.sub("\u2212", text))
            ElementTree.SubElement(row[3], "a", {"href": score.href}).text = score.place
            row[4].set("class", f"scores__{verdict}")


class _Copyable(Postprocessor):
    """Make each block of Python a cell, and say what the reader pastes: no prompts, no outputs, suites closed."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, text: str) -> str:
        return CODE.sub(self._block, text)

    def _block(self, match: re.Match[str]) -> str:
        if "data-copy" in match["rest"]:  # from a docstring, rendered before the page around it
            return match[0]
        code = html.unescape(MARKUP.sub("", match["code"])).strip("\n") + "\n"
        pasted = blocks.Block("", 1, match["language"], code, 0, 0).source
        attribute = html.escape(pasted).replace("\n", "&#10;")
        check = self.book.page.solutions.get(code.strip("\n"))
        # Which lines of a solution are its assertions, and the names that they need.
        checked = f' data-check="{cells.attribute(check)}"' if check else ""
        body = SCORE.sub(self._mark, match["body"])
        return f'<div class="{match["classes"]}"{match["rest"]} data-copy="{attribute}" data-cell{checked}>{body}'

    def _mark(self, match: re.Match[str]) -> str:
        """Let a mark be linked to, and link to its row of the scoreboard."""
        board = self.book.page.board
        link = f'<a href="{board}#{match["id"]}">{match[0]}</a>' if board else match[0]
        # Not on the link: the theme hides what has an id and is a link in code.
        return f'<span class="score" id="score-{match["id"]}">{link}</span>'


def makeExtension() -> BookExtension:  # the name is Python-Markdown's
    """For those who render a page without MkDocs."""
    return BookExtension()

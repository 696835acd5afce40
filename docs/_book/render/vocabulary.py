"""What may be in a rendered page: tags, attributes and classes of a short list, ids that differ, and no stray code.

`prose` reads the page as it is written, and says the line. What it takes for text, Markdown may take for HTML or for an
attribute list, and what it takes for prose may be a prompt on the screen: so what comes out is held to a list too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

from _book.blocks import NOT_RUN, OPTIONS
from _book.prose import CLASSES, PROMPT, PROMPTS, TAGS, telling, unlisted

Fault = tuple[str, str]  # what to look for in the page, and what is wrong with it

# What Markdown, its extensions and our own make, beside what a page may write itself.
ATTRIBUTES = {
    "a": {"href", "title", "id"},
    "abbr": {"title"},
    "input": {"checked", "id", "name", "type"},
    "label": {"for"},
    "li": {"id"},
    "ol": {"start"},
    "figure": {"data-explore", "data-play"},
    "img": {"alt", "src", "title"},
    **{tag: {"id"} for tag in ("h1", "h2", "h3", "h4", "sup", "dt")},
    **{tag: {"role"} for tag in ("table", "thead", "tbody", "tr")},
    "td": {"style", "role", "data-label"},
    "th": {"style", "role", "scope"},
    "div": {"data-block", "data-copy", "data-cell", "id", "tabindex", "data-tabs"},
    "span": {"id", "title"},
}
PLAIN = (
    *("em", "strong", "code", "br", "hr", "blockquote", "details", "summary", "tbody", "thead", "table", "tr"),
    *("dl", "dd", "figcaption"),
)
# Of what we make ourselves, the contents are no prose.
OURS = {"pre", "math", "svg", "button"}
EMPTY = {"br", "hr", "img", "input"}
MADE = {
    *("headerlink", "highlight", "filename", "admonition", "admonition-title", "math", "math__scroll", "math__tag"),
    *("figures", "figure", "figure__open", "external", "explorable", "footnote", "footnote-ref", "footnote-backref"),
    *("tabbed-set", "tabbed-alternate", "tabbed-labels", "tabbed-content", "tabbed-block"),
    *("abstract", "danger", "example", "failure", "info", "note", "question", "quote", "success", "tip", "warning"),
    *("math--inline", "imports", "wide", "choices", "choice", "choice--right", "choice--wrong", "needs", *OPTIONS),
}
ALIGNED = re.compile(r"text-align: (left|center|right);")
REFERENCE = re.compile(r"\[\^[^\]\s]+\]|\[[^\[\]]+\]\[[^\[\]]*\]")
TEXTS = {"p", "li", "td", "th", "dd", "dt", "h1", "h2", "h3", "h4", "summary", "figcaption", "blockquote", "div"}
BRACKET = "\1"
LINKS = re.compile("(?:\xa0\u21a9|\xb6)$")  # the link behind a footnote, and the one behind a title
MISLED = f"looks like code and never runs: put it in a ```python block, or mark its code: `x = 1`{{ .{NOT_RUN} }}"
LISTS = re.compile(r"\{:?[^{}\n]*\}|<[a-z][^<>]*>|^[ \t>]*(?:!!!|\?{3}\+?) .*", re.I | re.M)


def problems(
    told: str, content: str, text: str = "", unrun: Callable[[str], bool] = lambda code: False
) -> Iterator[tuple[int, str]]:
    """Yield what is wrong in a rendered page, with the line of `told`, the text beside blocks, or else of `text`.

    `unrun` is `prose.unrun` of the page.
    """
    reader = _Reader(unrun)
    reader.feed(content)
    reader.close()
    seen: dict[Fault, int] = {}
    for fault in reader.faults:
        # Of two equal ids the second is at fault.
        seen[fault] = seen.get(fault, int(fault[1].startswith("the id")) - 1) + 1
        lines = _lines(told, fault[0]) or _lines(text, fault[0]) or [1]
        yield lines[min(seen[fault], len(lines) - 1)], fault[1]


def _lines(text: str, wanted: str) -> list[int]:
    """The lines that hold some words or, behind a brace, that give an element an attribute or a class."""
    if wanted.startswith("{"):
        word = re.compile(rf"(?<![\w-]){re.escape(wanted[1:])}(?![\w-])", re.I)
        lists = [match for match in LISTS.finditer(text) if word.search(match[0])]
        return [text.count("\n", 0, match.start()) + 1 for match in lists]
    words = re.sub(r"\W+", "", wanted)
    plain = [re.sub(r"\W+", "", html.unescape(line)) for line in text.split("\n")]
    return [number for number, line in enumerate(plain, start=1) if words and words in line]


class _Reader(HTMLParser):
    """Reads a rendered page once, and keeps what is wrong with it."""

    def __init__(self, unrun: Callable[[str], bool]) -> None:
        super().__init__()
        self.unrun = unrun
        self.faults: list[Fault] = []
        self.ids: set[str] = set()
        self.open: list[str] = []  # the tags that are open
        self.texts: list[str] = [""]  # the text of each open element that has one
        self.marked = 0  # how many tags were open where marked code began
        self.ours = 0  # the same, where something of our own began

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.ours:
            self._attributes(tag, attrs)
        if tag in EMPTY:
            self.texts[-1] += "\n" if tag == "br" else " "
            return
        self.open.append(tag)
        if tag in OURS:
            self.ours = self.ours or len(self.open)
            self.texts[-1] += "\0"
        elif tag == "code" and NOT_RUN in (dict(attrs).get("class") or "").split():
            self.marked = self.marked or len(self.open)
            self.texts[-1] += "\0"
        elif tag in TEXTS and not self.ours:
            self.texts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.ours:
            self._attributes(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.open:
            last = self.open.pop()
            if len(self.open) < self.ours:
                self.ours = 0
            elif last in TEXTS and not self.ours:
                self._text(last, self.texts.pop())
            if len(self.open) < self.marked:
                self.marked = 0
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self.ours and not self.marked:
            # A bracket in code refers to nothing.
            self.texts[-1] += data.replace("[", BRACKET) if "code" in self.open else data

    def close(self) -> None:
        super().close()
        for text in self.texts:
            self._text("p", text)

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Hold a tag, its attributes and its classes to the list."""
        if tag not in (*ATTRIBUTES, *PLAIN, *OURS, *TAGS):
            self.faults.append((f"{{{tag}", f"raw <{tag}>: pages hold none"))
        for name, value in ((name, value or "") for name, value in attrs):
            if tag in OURS:
                continue
            if tag == "span" and "code" in self.open:
                continue  # colours of a highlighted code span
            if name == "class":
                for each in value.split():
                    if each not in MADE | CLASSES and not each.startswith("language-"):
                        self.faults.append((f"{{{each}", unlisted("." + each)))
            elif name not in ATTRIBUTES.get(tag, set()) | TAGS.get(tag, set()):
                self.faults.append((f"{{{name}", unlisted(name)))
            elif name == "style" and not ALIGNED.fullmatch(value):
                self.faults.append(("{style", unlisted("style")))
            elif name == "href" and re.match(r"\s*(javascript|data|vbscript):", value, re.I):
                self.faults.append((value, "this link runs a script: write an address"))
            elif name == "id":
                if value in self.ids:
                    message = f"the id {value} is taken on this page: a link would lead to the first"
                    self.faults.append((f"{{{value}", message))
                self.ids.add(value)

    def _text(self, tag: str, text: str) -> None:
        """Look for code in the words of one element."""
        for line in text.strip().split("\n"):
            code = LINKS.sub("", line.replace(BRACKET, "[")).rstrip()
            alone = tag in ("p", "blockquote") and line == text.strip()
            if PROMPT.search(code):
                self.faults.append((code, PROMPTS))
            elif telling(code, calls=alone or self.unrun(code)):
                self.faults.append((code, MISLED))
            elif found := REFERENCE.search(line):
                self.faults.append((found[0], "this reference leads nowhere: define it, or write the address"))

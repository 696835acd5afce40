"""The first page and the README: what they show is drawn, what they say of chapters and of frameworks is so."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from _book import cache
from _book.page import Page
from _book.render import colours, paths
from _book.run import Result
from _book.site import cards as pictures

ROOT = Path(__file__).parents[2]
INDEX = Page.read(str(ROOT / "docs" / "index.md"))
PICTURE = ROOT / "docs" / "assets" / "starts.svg"
DRAWS = ("matplotlib", "numpy")  # what decides about the bytes of a figure
CARD = re.compile(r'<li markdown="block">\n\*\*\[(?P<title>[^]]+)\]\((?P<file>[^)]+)\)\*\*\n(?P<text>.*?)</li>', re.S)


def cards() -> dict[str, set[str]]:
    """What the first page says that each chapter has, by its file."""
    found = {}
    for card in CARD.finditer(INDEX.text):
        tags = re.search(r'<span class="tags">(.*)</span>', card["text"])
        found[card["file"]] = set(tags[1].split(", ")) if tags else set()
    return found


def pinned(name: str) -> bool:
    return f"{name}=={version(name)}" in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_the_readme_shows_what_the_first_page_draws(request: pytest.FixtureRequest) -> None:
    """The one figure that is committed, since a README cannot draw: the same bytes; of other releases, the words."""
    drawn = cache.drawn(INDEX)
    assert isinstance(drawn, Result), drawn
    expected = paths.light(colours.standalone(drawn.figures["starts.svg"].decode()))
    if request.config.getoption("--update-docs"):
        PICTURE.write_text(expected, encoding="utf-8", newline="\n")

    actual = PICTURE.read_text(encoding="utf-8")

    assert "](docs/assets/starts.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")
    mend = "run pytest --update-docs tests/engine/test_front.py"
    if all(map(pinned, DRAWS)):
        assert actual == expected, mend
    else:  # another release may place a label elsewhere: the words are the same
        words = [re.findall(r"<text[^>]*>([^<]+)", svg) for svg in (actual, expected)]
        assert words[0] == words[1] != [], mend


def test_every_chapter_has_a_card_with_its_title() -> None:
    """A chapter that is not on the first page is not found."""
    files = {f"chapters/{path.name}" for path in (ROOT / "docs" / "chapters").glob("*.md")} | {"choosing.md"}

    assert set(cards()) == files
    for card in CARD.finditer(INDEX.text):
        title = re.search(r"^# (.+)$", Page.read(str(ROOT / "docs" / card["file"])).text, re.M)
        assert title, card["file"]
        assert title[1].startswith(card["title"])


@pytest.mark.parametrize("file", sorted(cards()))
def test_a_card_says_what_its_chapter_has(file: str) -> None:
    """A lab, a weekly lab, an explorable: each is said where it is, and nowhere else."""
    path = ROOT / "docs" / file
    labs = ROOT / "docs" / "labs"
    has = {
        "lab": (labs / f"{path.stem}.ipynb").exists(),
        "weekly lab": (labs / "weekly" / f"{path.stem}.ipynb").exists(),
        "explorable": "data-explore=" in path.read_text(encoding="utf-8"),
    }

    expected = {tag for tag, there in has.items() if there}

    said = cards()[file] & set(has)
    assert said == expected, f"docs/index.md: write {', '.join(sorted(expected))} on the card of {file}"


@pytest.mark.parametrize("file", sorted(cards()))
def test_every_card_has_a_picture(file: str) -> None:
    """The first figure of the chapter is what its card shows."""
    assert pictures.figure(Page.read(str(ROOT / "docs" / file))), f"docs/{file}: let a block draw a figure for its card"


@pytest.mark.parametrize("framework", ["PyTorch", "Keras", "JAX"])
def test_the_names_of_the_first_page_are_those_of_the_frameworks_page(framework: str) -> None:
    """That page says which variance stands behind each; that it is so, the blocks of both say themselves."""
    page = (ROOT / "docs" / "frameworks" / "index.md").read_text(encoding="utf-8")
    tab = re.search(rf'^=== "{framework}"\n\n((?: {{4}}.*\n|\n)+)', INDEX.text, re.M)
    assert tab

    names = set(re.findall(r"\b(kaiming_normal_|lecun_normal|he_normal|orthogonal_?)\b", tab[1]))

    assert names == (
        {"kaiming_normal_", "orthogonal_"} if framework == "PyTorch" else {"lecun_normal", "he_normal", "orthogonal"}
    )
    for name in names - {"orthogonal"}:
        assert f"`{name}" in page, name

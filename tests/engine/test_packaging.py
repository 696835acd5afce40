"""What we hand to a stranger: packages, the two commands, pins, no trace of our machines."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, metadata
from itertools import chain
from pathlib import Path

import pytest
import yaml
from hatchling import build
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
READ = 'pip install -c constraints.txt -e ".[docs]" && mkdocs serve'
CHECK = 'pip install -c constraints.txt -e ".[dev]" && pytest'
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WEEKLY = yaml.safe_load((ROOT / ".github" / "workflows" / "weekly.yml").read_text(encoding="utf-8"))["jobs"]
NEWS = sorted(path for path in (ROOT / ".github" / "news").iterdir() if path.name != "README.md")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked() -> list[Path]:
    """Every file that git would commit; in an sdist, which has no git, every file of it."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            encoding="utf-8",
        ).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:
        paths = walked(ROOT, text(".gitignore"))
    return [p for p in paths if p.is_file() and "__pycache__" not in p.parts]


def walked(root: Path, ignored: str) -> list[Path]:
    """Every file below a folder, but what a .gitignore of plain names leaves out: a build, a cache, an environment."""
    patterns = ignored.split()

    def kept(path: Path) -> bool:
        parts = path.relative_to(root).parts
        return not any(
            fnmatch(part, pattern.strip("/"))
            for pattern in patterns
            for part in (parts[:1] if pattern.startswith("/") else parts)
        )

    return [path for path in root.rglob("*") if kept(path)]


def test_a_tree_without_git_is_walked_without_what_is_made_in_it(tmp_path):
    """After `mkdocs build`, site/ is no part of what we hand out."""
    for name in (
        "site/index.html",
        ".cache/book/a.svg",
        "a.egg-info/PKG-INFO",
        "docs/_book/site/hooks.py",
        "README.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = [path.relative_to(tmp_path).as_posix() for path in walked(tmp_path, text(".gitignore")) if path.is_file()]

    assert sorted(found) == ["README.md", "docs/_book/site/hooks.py"]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A directory with our wheel and sdist, built from a copy so that nothing lands in the tree."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for path in tracked():
        copy = tree / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tree)
        build.build_wheel(str(out))
        build.build_sdist(str(out))
    return out


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel_holds_the_library_and_nothing_else(wheel):
    """A stray top-level package (tests, docs) would land in every user's site-packages."""
    expected = {p.relative_to(ROOT).as_posix() for p in tracked() if p.is_relative_to(ROOT / "shallownet")}

    actual = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert actual == expected


def test_wheel_is_typed(wheel):
    """Without the marker, type checkers ignore every annotation we wrote."""
    assert "shallownet/py.typed" in wheel.namelist()


def test_numpy_is_the_only_dependency(wheel):
    """The promise of `pip install .`: everything else is an extra."""
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    fields = Parser().parsestr(wheel.read(name).decode())

    required = [Requirement(line) for line in fields.get_all("Requires-Dist", [])]

    always = {r.name for r in required if "extra" not in str(r.marker)}
    assert always == {"numpy"}
    extras = {"plot", "docs", "dev", "frameworks", "jax", "peers", "report", "weekly"}
    assert set(fields.get_all("Provides-Extra", [])) == extras


def test_sdist_holds_the_book_and_its_tests(dist):
    """Who has only the sdist can still read, build and check the book."""
    (path,) = dist.glob("*.tar.gz")

    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {
        "LICENSE",
        "README.md",
        "conftest.py",
        "constraints.txt",
        "docs/_book/site/hooks.py",  # which a line of .gitignore once left out
        "docs/index.md",
        "mkdocs.yml",
        "shallownet/py.typed",
        "tests/engine/test_packaging.py",
    } <= names
    assert not any("__pycache__" in n or n.startswith(("site/", "dist/", "build/")) for n in names)


def test_readme_has_exactly_the_two_commands():
    """They are the product's front door: one opens the book, one checks all of it."""
    commands = re.findall(r"^```bash\n(.*?)^```", text("README.md"), flags=re.M | re.S)

    assert commands == [READ + "\n", CHECK + "\n"]


@pytest.mark.parametrize("path", ["CONTRIBUTING.md", ".github/workflows/ci.yml"])
def test_others_install_as_the_readme_does(path):
    """A second way to install is a way that nobody checks."""
    install = CHECK.partition(" && ")[0]

    assert install in text(path)


def test_continuous_integration_runs_the_readme_command():
    """.ci/run takes the line from the README, so that they cannot part."""
    line = re.search(r"grep -xE '(.*)' README.md", text(".ci/run"))

    assert line
    assert re.findall(rf"^{line[1]}$", text("README.md"), flags=re.M) == [CHECK]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_jobs_wait_for_jobs_that_are_there_and_not_for_ever(path):
    """A name that is gone is an error that only a push shows; without a limit, a job that hangs does so for hours."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]

    for name, job in jobs.items():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(jobs), name
        assert job["timeout-minutes"] <= 90, name


def test_the_site_that_is_published_is_the_one_that_was_tested():
    """It comes out of .ci/run, once all is green there; nothing builds it again."""
    jobs = yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]
    uploads = [
        (job["steps"][:at], step)
        for job in jobs.values()
        for at, step in enumerate(job["steps"])
        if step.get("uses", "").startswith("actions/upload-pages-artifact@")
    ]

    ((before, upload),) = uploads
    assert f".ci/run --site-dir {upload['with']['path']}" in [step.get("run") for step in before]


def test_what_no_commit_waits_for_runs_every_week():
    """With the pins, as before a release, and without them, to learn what is coming."""
    steps = [step.get("run", "") for job in WEEKLY.values() for step in job["steps"]]

    assert ".ci/run --all" in steps
    assert any(step.startswith("pip install --upgrade ") and step.endswith("&& pytest") for step in steps)


def test_constraints_are_versions_only():
    """A URL or a local path would work on one machine."""
    for number, line in enumerate(text("constraints.txt").splitlines(), start=1):
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line), f"constraints.txt:{number}"


def test_constraints_pin_every_requirement():
    """An unpinned requirement is one that may change under a reader's feet."""
    pins = dict(line.split("==") for line in text("constraints.txt").splitlines())
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    project = tomllib.loads(text("pyproject.toml"))["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())

    for requirement in map(Requirement, [*project["dependencies"], *extras]):
        if requirement.name != "shallownet":
            assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_constraints_install_on_the_oldest_python():
    """Debian 12 has Python 3.11.2, and some releases want 3.11.5: write the pins with the oldest."""
    pins = dict(line.split("==") for line in text("constraints.txt").splitlines())
    oldest = tomllib.loads(text("pyproject.toml"))["project"]["requires-python"].strip(">=")

    for name, version in pins.items():
        try:
            package = metadata(name)
        except PackageNotFoundError:  # pinned for another system
            continue
        if package["Version"] == version:
            assert f"{oldest}.0" in SpecifierSet(package.get("Requires-Python") or ""), name


def test_one_version():
    """The number is written in three places."""
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]

    assert f"\nversion: {version}\n" in text("CITATION.cff")
    assert f"\n## {version}\n" in text("CHANGELOG.md")


def test_a_news_fragment_is_named_by_its_kind_and_says_what_changed():
    """towncrier leaves out, without a word, what it cannot read the kind of."""
    kinds = [kind["directory"] for kind in tomllib.loads(text("pyproject.toml"))["tool"]["towncrier"]["type"]]

    name = re.compile(rf"(\d+|\+[a-z0-9-]+)\.({'|'.join(kinds)})\.md")
    assert [path.name for path in NEWS if not name.fullmatch(path.name)] == []
    line = re.compile(r"[A-Z`][^\n]*[.]\n")
    assert [path.name for path in NEWS if not line.fullmatch(path.read_text(encoding="utf-8"))] == []


def test_the_next_release_would_list_all_news():
    """What towncrier would write, nothing is left out of."""
    draft = subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout

    assert tomllib.loads(text("pyproject.toml"))["tool"]["towncrier"]["start_string"] in text("CHANGELOG.md")
    assert "## 9.9.9\n" in draft
    assert [path.name for path in NEWS if path.read_text(encoding="utf-8").strip() not in draft] == []


def test_the_npm_lock_names_no_host_and_no_moving_tag():
    """Debian's npm 9 looks a tag such as "latest" up again, and then refuses the lock."""
    lock = json.loads(text("tests/browser/package-lock.json"))

    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert "latest" not in package.get("dependencies", {}).values(), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_actions_are_pinned_by_commit(path):
    """A tag can be moved to other code; a commit cannot."""
    used = re.findall(r"uses:\s*(.+)", path.read_text(encoding="utf-8"))

    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_workflows_start_without_permissions(path):
    """Each job asks for what it needs; the default would let any of them write."""
    assert re.search(r"^permissions: \{\}$", path.read_text(encoding="utf-8"), flags=re.M)


def test_no_file_names_a_registry_or_our_machines():
    """Registries are the reader's to configure, and an absolute path works for its author only."""
    # In pieces, so that this file does not name them either.
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "yarnpkg" + ".com"]
    places = [rf"(?<![\w.:/-])/{top}/\w" for top in ("home", "root", "work", "Users")]
    banned = re.compile("|".join([*map(re.escape, hosts), *places]))

    found = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, start=1):
            if banned.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")

    assert not found


def test_no_generated_figure_and_no_large_file_is_committed():
    """Figures are drawn from their page; a large file makes every clone slower for ever."""
    for path in tracked():
        assert path.stat().st_size < 500_000, path
        if path.is_relative_to(ROOT / "docs") and "assets" not in path.parts:
            assert path.suffix not in {".svg", ".png", ".jpg", ".pdf"}, path

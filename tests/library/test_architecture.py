"""The arrows of design.md, and what else holds the house together: read from the source, not from memory."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import shallownet as sn

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "shallownet"
MODULES = {path.stem: path for path in sorted(PACKAGE.glob("*.py"))}

# importer -> imported; whatever is not listed imports no sibling but `_checks`, which all may import
ARROWS = {
    "initializers": {"activations"},
    "network": {"activations"},
    "losses": {"activations"},
    "_fast": {"network", "losses", "activations"},
    "training": {"network", "losses", "activations", "_fast"},
    "meanfield": {"activations"},
    "residual": {"network", "activations"},
    "transformer": {"network", "activations", "residual"},
    "sweep": {"network", "training"},
    "__main__": {"report"},
}
GROUND = "_checks"
# imported by name: figures need matplotlib, and residual nets and transformers are chapters' matter
BY_NAME = {"network", "plotting", "residual", "training", "transformer"}
FUNCTIONS_AT_THE_TOP = {"Layer", "Trace", "backward", "forward", "init_params", "train"}
# a shape, as docstrings write it
SHAPES = r"\((\.\.\.|[n2m1]|L|n_samples|len\(\w+\))(, |\))|shape|fan|activation: One of"
# the whole of numpy.random that does not act on the global generator
RANDOM = {"Generator", "default_rng", "SeedSequence"}


def imports(tree):
    """Yield (top-level name, full name, whether inside a function) of each import in a module."""
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the arrows"
            # `from shallownet import x` imports the module x
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "shallownet" else [node.module]
        else:
            continue
        for name in names:
            yield name.split(".")[0], name, id(node) in inside


def siblings(tree):
    return {name.split(".")[1] for top, name, _ in imports(tree) if top == "shallownet"} - {GROUND}


def private_names(tree):
    """Yield what a module takes of its siblings' private names, by import or as an attribute."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "shallownet":
            if node.module == "shallownet":
                modules |= {alias.asname or alias.name for alias in node.names}
            else:
                yield from (alias.name for alias in node.names if alias.name.startswith("_"))
        elif isinstance(node, ast.Import):
            modules |= {alias.asname or "shallownet" for alias in node.names if alias.name.startswith("shallownet")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            root = ast.unparse(node.value).split(".")[0]
            if root in modules and node.attr not in MODULES:
                yield f"{ast.unparse(node)}"


def parsed(name):
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def public_functions():
    for name in sorted(name for name in MODULES if not name.startswith("_")):
        tree = parsed(name)
        listed = next(
            ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"
        )
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in listed:
                yield name, node


FUNCTIONS = [(m, n) for m, n in public_functions() if isinstance(n, ast.FunctionDef)]


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"__init__"}))
def test_modules_import_only_the_siblings_of_the_plan(name):
    """No circles: each module can be read after the ones it imports."""
    assert siblings(parsed(name)) <= ARROWS.get(name, set())


def test_the_arrows_are_the_ones_there():
    """A plan that the code does not use is out of date."""
    assert {name: found for name in MODULES if name != "__init__" and (found := siblings(parsed(name)))} == ARROWS


def test_there_is_no_circle():
    """Floor by floor: what is left when all that stand on the floors below are taken away gets smaller, to the end."""
    left = dict(ARROWS)
    while left:
        next_floor = {name for name, below in left.items() if not below & set(left)}
        assert next_floor, f"a circle among {sorted(left)}"
        left = {name: below for name, below in left.items() if name not in next_floor}


def test_the_ground_floor_stands_on_nothing():
    """All modules may import it, so it imports none."""
    assert "shallownet" not in {top for top, *_ in imports(parsed(GROUND))}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_private_name_crosses_a_module(name):
    """What two modules need has a name that both may use; of private modules only `_checks` is everybody's."""
    assert list(private_names(parsed(name))) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from shallownet.network import Layer, _layers", ["_layers"]),
        ("from shallownet import network\nnetwork._layers()", ["network._layers"]),
        ("from shallownet import network as n\nn._layers()", ["n._layers"]),
        ("import shallownet.network\nshallownet.network._layers()", ["shallownet.network._layers"]),
        ("def f():\n    from shallownet.network import _layers", ["_layers"]),
        ("from shallownet import _fast\n_fast._flat()", ["_fast._flat"]),
        ("from shallownet import _fast\n_fast.descend()\nself._own()\npart._make()", []),
        ("from shallownet._checks import require", []),
    ],
)
def test_a_private_name_that_crosses_is_seen(line, found):
    """The guard itself, with each way to write the fault."""
    assert list(private_names(ast.parse(line))) == found


def test_any_is_said_once():
    """`Any` switches type checking off: only where an array of JAX or PyTorch may stand, and that is called `Array`."""
    for name, path in MODULES.items():
        said = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Name) and node.id == "Any"
        ]
        assert len(said) <= (name == GROUND), f"{path.name}: Any in lines {said}"


def test_an_arrow_against_the_plan_is_seen():
    """The guard itself, with each way to write the fault."""
    for line in (
        "import shallownet.losses",
        "from shallownet.losses import Loss",
        "from shallownet import losses",
        "def f():\n    from shallownet.losses import Loss",
    ):
        assert siblings(ast.parse(line)) == {"losses"}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_numpy_and_the_standard_library_are_needed(name):
    """`pip install .` brings NumPy alone; matplotlib stays in plotting, tqdm inside the function that shows a bar."""
    for top, full, inside in imports(parsed(name)):
        allowed = top in {"numpy", "shallownet"} or top in sys.stdlib_module_names
        allowed |= top == "matplotlib" and name == "plotting"
        allowed |= top == "tqdm" and inside
        allowed |= top == "safetensors" and inside and name == "__main__"
        assert allowed, f"{name} imports {full}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_global_random_state_is_used(name):
    """Every draw comes from the `rng` that was handed in."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"np.random", "numpy.random"}:
            assert node.attr in RANDOM - {"default_rng"} or name in {"diagnostics", "sweep"}, ast.unparse(node)
            assert node.attr in RANDOM, ast.unparse(node)
        assert not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numpy.random"))
        assert not (isinstance(node, ast.Import) and any(a.name == "random" for a in node.names))


ENGINE = [path for path in sorted((ROOT / "docs" / "_book").rglob("*.py")) if "test" not in path.parts]


@pytest.mark.parametrize("path", ENGINE, ids=lambda p: p.name)
def test_the_engine_imports_the_library_nowhere(path):
    """Pages use the library; the engine only reads pages."""
    assert "shallownet" not in {top for top, *_ in imports_of_engine(path)}


def imports_of_engine(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0],) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield (node.module.split(".")[0],)


def test_the_public_names_are_exactly_these():
    """Contract of design.md, section 3: a reader who types `sn.` sees the modules and six names, and nothing else."""
    code = "import shallownet as sn; print(*(name for name in dir(sn) if name[0] != '_'))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    public = {name for name in MODULES if not name.startswith("_")}

    assert set(sn.__all__) == FUNCTIONS_AT_THE_TOP | public - BY_NAME
    assert len(sn.__all__) == len(set(sn.__all__))
    # Python itself adds each module that another one has imported
    assert set(found.stdout.split()) - public == FUNCTIONS_AT_THE_TOP
    assert sn.Layer is sn.network.Layer
    assert sn.Trace is sn.network.Trace
    assert callable(sn.report), "the name at the top is the function, and no longer the module that Python put there"


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"__init__"}))
def test_every_module_lists_its_public_names(name):
    """`__all__` is what the reference shows; a public function left out of it is lost to readers."""
    tree = parsed(name)
    listed = next(
        ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"
    )
    defined = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name[0] != "_"}

    assert listed == sorted(listed) or name == "__init__"
    assert defined <= set(listed)


def test_importing_the_library_imports_neither_matplotlib_nor_tqdm():
    """NumPy is the only dependency, in the browser as well, where each megabyte is waited for."""
    code = "import sys, shallownet; print([m for m in ('matplotlib', 'tqdm', 'scipy', 'sklearn') if m in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(("module", "node"), FUNCTIONS, ids=[f"{m}.{n.name}" for m, n in FUNCTIONS])
def test_every_public_function_states_shapes(module, node):
    """Half of all mistakes in NumPy are shapes: they belong where the reader looks first."""
    text = ast.get_docstring(node) or ""
    arguments = [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
    said_once = {"shape", "rng", "dtype", "m", "noise"} if module in ("initializers", "datasets") else set()
    described = re.findall(r"^ {4}(\w+): ", text[text.find("Args:") :], flags=re.M)

    missing = set(arguments) - set(described) - said_once
    assert not missing, missing
    if not said_once:
        assert re.search(SHAPES, text), text
    else:
        assert re.search(SHAPES, ast.get_docstring(parsed(module)))


@pytest.mark.parametrize("name", ["init_params", "forward", "backward", "train", "he", "gain", "fans"])
def test_the_first_functions_a_reader_meets_say_what_they_raise(name):
    """`Raises` and an example, each example run as a test."""
    text = next(ast.get_docstring(n) for _, n in FUNCTIONS if n.name == name)

    assert "Raises:" in text
    assert ">>> " in text


@pytest.mark.parametrize("name", sorted(MODULES))
def test_functions_are_short(name):
    """A function fits on a screen, without its docstring."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            code = sum(n.end_lineno - n.lineno + 1 for n in body)
            assert code <= 45, f"{name}.{node.name}: {code} lines"

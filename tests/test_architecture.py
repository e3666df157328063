"""The floors: who may import whom, no cycles, no rooms without a purpose."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "vivavoce"

GROUND = {"errors", "timeline"}
SIGNAL = GROUND | {"dsp", "text"}
MAY_IMPORT = {
    "errors": set(),
    "timeline": {"errors"},
    "dsp": GROUND,
    "text": GROUND,
    "audio": SIGNAL,
    "decoding": SIGNAL,
    "metrics": SIGNAL | {"decoding"},
    "augment": SIGNAL | {"audio"},
    "data": SIGNAL | {"audio", "augment"},
    "models": SIGNAL,
    "runtime": SIGNAL | {"audio", "decoding"},
    "training": SIGNAL | {"audio", "augment", "data", "models", "metrics"},
    "evaluation": SIGNAL | {"audio", "data", "decoding", "metrics", "runtime"},
    "export": SIGNAL | {"audio", "data", "decoding", "metrics", "models", "runtime", "training", "evaluation"},
    "recipes": SIGNAL
    | {"audio", "augment", "data", "decoding", "metrics", "models", "runtime", "training", "export", "evaluation"},
    "cli": SIGNAL
    | {"audio", "augment", "data", "decoding", "metrics", "models", "runtime", "training", "export", "evaluation"}
    | {"recipes"},
}
TORCH = {"torch", "onnx", "onnxscript", "safetensors", "tensorboard"}
TORCH_FLOORS = {"models", "training", "export", "recipes"}
BANNED = {"utils", "util", "common", "helpers", "helper", "base", "misc", "manager", "core"}

MODULES = sorted(SOURCE.rglob("*.py"))


def floor(path: Path) -> str:
    """The floor a file stands on; the package's own two files stand on the topmost."""
    parts = path.relative_to(SOURCE).parts
    if parts[0] in ("__init__.py", "__main__.py"):
        return "cli"
    return parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the floor"
            assert node.module is not None
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_floor_is_named() -> None:
    assert {floor(path) for path in MODULES} <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_upwards(path: Path) -> None:
    here = floor(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "vivavoce" and len(parts) > 1 and parts[1] in MAY_IMPORT:
            assert parts[1] == here or parts[1] in MAY_IMPORT[here], f"{here} may not import {name}"
        if parts[0] in TORCH:
            assert here in TORCH_FLOORS, f"{here} may not import {parts[0]}"


def test_no_cycles_between_modules() -> None:
    names = {".".join(("vivavoce", *path.relative_to(SOURCE).with_suffix("").parts)): path for path in MODULES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    graph = {
        name: {target for target in imports(path) if target in names and target != name} for name, path in names.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join((*trail[trail.index(name) :], name))}"
        if name not in done:
            for target in graph[name]:
                # A package's __init__ re-exports its parts; a part naming the package is the only cycle allowed.
                if not name.startswith(target + "."):
                    visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_no_room_without_a_purpose() -> None:
    assert not [
        path for path in MODULES if BANNED & {part.removesuffix(".py") for part in path.relative_to(SOURCE).parts}
    ]


def test_every_module_says_what_it_is() -> None:
    silent = [path for path in MODULES if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent

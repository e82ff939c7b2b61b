"""The keywords of a method: what they mean and their defaults, read without importing TensorFlow.

A class documents its keywords in its docstring: names in backticks and a colon, in a list or in
running text with semicolons. What it passes on (`**common`) it inherits from its parent.
"""

import ast
import re
from functools import cache
from typing import NamedTuple

from lib import ROOT, params

#: `a`, `b`: where a docstring begins to say what keywords are.
NAMES = re.compile(r"(?:^[ \t]*(?:- )?|[;.]\s+)(`\w+`(?:(?:,|,? and)\s+`\w+`)*):\s+", re.MULTILINE)


class Keyword(NamedTuple):
    """A keyword of a method."""

    meaning: str  # empty where no docstring gives it
    default: str  # as Python writes it
    of_all: bool  # whether every method has it


def keywords(method: str) -> dict[str, Keyword]:
    """Return the keywords of a method or an entry of a profile; its own first, Detector's last."""
    known: dict[str, Keyword] = {}
    for module in reversed(chain(f"lib.methods.{params.method_of(method)}")):
        known = _with_those_of(module, known)
    return dict(sorted(known.items(), key=lambda item: item[1].of_all))


def photographs(name: str) -> str:
    """Return what the network of an entry of the profile was trained on before: none or ImageNet.

    Names outside the profile, such as those of floors, have no such network.
    """
    if name not in params.methods():
        return "none"
    default = keywords(name).get("backbone", Keyword("", "", False)).default
    backbone = params.entry_of(name).get("backbone", default.strip("'"))
    return "ImageNet" if backbone == "imagenet" else "none"


def chain(module: str) -> list[str]:
    """Return the modules of a module's class and its parents, in Python's order of resolution."""
    _, parents = _class_and_parents(module)
    modules = [module, *(name for parent in parents for name in chain(parent))]
    return list(dict.fromkeys(reversed(modules)))[::-1]  # a class that is met twice comes last


def meanings(docstring: str) -> dict[str, str]:
    """Return what a docstring says about each keyword that it names."""
    meaning_of = {}
    parts = NAMES.split(docstring)
    for names, text in zip(parts[1::2], parts[2::2], strict=True):
        meaning = " ".join(text.partition("\n\n")[0].split()).rstrip(" .")
        meaning_of |= dict.fromkeys(re.findall(r"`(\w+)`", names), meaning)
    return meaning_of


def _with_those_of(module: str, inherited: dict[str, Keyword]) -> dict[str, Keyword]:
    """Return the keywords of a module's class, its own first, given those that it inherits."""
    node, parents = _class_and_parents(module)
    meaning_of = meanings(ast.get_docstring(node) or "")
    defaults, fixed, passes_on = _signature(node)
    constants = _constants(module)
    unknown = Keyword("", "", not parents)
    of_class = {
        name: inherited.get(name, unknown)._replace(default=constants.get(default, default))
        for name, default in defaults.items()
    }
    passed_on = {
        name: keyword
        for name, keyword in inherited.items()
        if passes_on and name not in of_class and name not in fixed
    }
    return {
        name: keyword._replace(meaning=meaning_of.get(name, keyword.meaning))
        for name, keyword in (of_class | passed_on).items()
    }


@cache  # a page asks for the same methods some hundred times
def _tree(module: str) -> ast.Module:
    return ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())


def _class_and_parents(module: str) -> tuple[ast.ClassDef, list[str]]:
    """Return the public class of a module, and the modules of its parents; Detector is the last."""
    tree = _tree(module)
    node = next(
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    imported = {
        alias.name: str(line.module)
        for line in tree.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    return node, [] if module == "lib.detector" else [imported[name] for name in bases]


def _constants(module: str) -> dict[str, str]:
    """Return the values of the names at the top of a module, also of those from another of lib."""
    body = _tree(module).body
    imported = {
        name: value
        for line in body
        if isinstance(line, ast.ImportFrom) and (line.module or "").startswith("lib.")
        if any(alias.name.isupper() for alias in line.names)
        for name, value in _constants(str(line.module)).items()
        if name in {alias.name for alias in line.names}
    }
    return imported | {
        target.id: ast.unparse(line.value)
        for line in body
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    }


def _signature(node: ast.ClassDef) -> tuple[dict[str, str], set[str], bool]:
    """Return __init__'s keywords with defaults, those set for the parent, whether others pass on.

    A class without __init__ passes on all.
    """
    inits = [f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"]
    if not inits:
        return {}, set(), True
    (init,) = inits
    names = [argument.arg for argument in init.args.kwonlyargs]
    defaults = [ast.unparse(value) if value else "" for value in init.args.kw_defaults]
    calls = [call for call in ast.walk(init) if isinstance(call, ast.Call)]
    given = {
        keyword.arg
        for call in calls
        if ast.unparse(call.func) == "super().__init__"
        for keyword in call.keywords
        if keyword.arg
    }
    return dict(zip(names, defaults, strict=True)), given, init.args.kwarg is not None

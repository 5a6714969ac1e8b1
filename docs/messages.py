"""Read every message about a failure from the product code's source, without running it.

A message is a template: ``…`` replaces each value that is known only in a run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent

FOLDERS = ("operations", "pyinfra_plane")
"""The folders of the product code, besides the modules in the checkout itself."""

INNER = ("ValueError", "AnswerTooSlow", "AnswerTooLarge", "ForwardingForbidden")
"""Exceptions that a module raises and catches itself, so nobody sees them."""

SAYING = ("noop", "_say", "Note", "say", "say_once", "cannot_tell")
"""Functions that show the line in their arguments."""

REFUSING = {"refuse": (0, ": "), "must": (0, " must "), "must_be": (0, " must be "), "also": (1, " must ")}
"""Functions that refuse a value: the argument with the reason, and the text between the value's name and the reason."""

REASONS = ("unread", "Composed", "SharedRedis", "Failure")
"""Results of facts whose texts say why nothing could be read; a message quotes them, or is one."""

GAP = "…"


def messages(paths: Iterable[Path]) -> set[str]:
    """The templates of all messages in Python files."""
    return {found for path in paths for found in of_source(path.read_text(encoding="utf-8"))}


def product_files(checkout: Path = CHECKOUT) -> list[Path]:
    """The files whose messages reach a person."""
    return [*(path for folder in FOLDERS for path in sorted((checkout / folder).rglob("*.py"))), *checkout.glob("*.py")]


def of_source(source: str) -> set[str]:
    """The templates of the messages in a module's text."""
    module = _Module(ast.parse(source))
    found = {_tidy(template) for template in module.found()}
    # Lines of a plan that begin with these signs report changes and unchanged resources, no failures.
    return {template for template in found if re.search(r"\w{2}", template) and template[:2] not in ("= ", "+ ", "~ ")}


def _tidy(template: str) -> str:
    template = re.sub(rf"{GAP}+", GAP, " ".join(template.split()))
    # The message itself says what a value must be, so one entry explains all of these.
    return re.sub(r"^\S+ must be .* \(got …\)$", "… must be … (got …)", template)


class _Module:
    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        self.constants = _assigned(tree.body)

    def found(self) -> Iterator[str]:
        yield from self._in(self.tree, {})

    def _in(self, node: ast.AST, local: dict[str, list[ast.expr]]) -> Iterator[str]:
        if isinstance(node, ast.FunctionDef):
            local = {**local, **_assigned(ast.walk(node))}
        yield from self._here(node, local)
        if isinstance(node, ast.FunctionDef) and node.name in REFUSING:
            return  # the messages are in its callers
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        for child in ast.iter_child_nodes(node):
            # A part of an f-string is not a message.
            if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
                yield from self._in(child, local)

    def _here(self, node: ast.AST, local: dict[str, list[ast.expr]]) -> Iterator[str]:
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            if _name(node.exc.func) not in INNER:
                yield from self._either(node.exc.args[0], local)
        elif isinstance(node, ast.Call):
            name, arguments = _name(node.func), [*node.args, *(keyword.value for keyword in node.keywords)]
            if name in REFUSING and len(node.args) > REFUSING[name][0]:
                place, before = REFUSING[name]
                hidden = any(one.arg == "shown" for one in node.keywords)
                got = "" if hidden or name == "refuse" else f" (got {GAP})"
                yield from (f"{GAP}{before}{text}{got}" for text in self.texts(node.args[place], local))
            elif name == "append" and _name(getattr(node.func, "value", None)) == "problems":
                yield from self.texts(node.args[0], local)
            elif name in SAYING or name in REASONS:
                yield from (text for one in arguments for text in self._either(one, local))
            elif name == "Change" and isinstance(node.args[0], ast.Tuple):
                # `found` and `sign` are `?` if a preview cannot know.
                lines = [text for one in node.args[0].elts for text in self.texts(one, local)]
                yield from (re.sub(f"^{GAP} ", "? ", line) for line in lines if line.startswith(("? ", f"{GAP} ")))
        elif isinstance(node, (ast.JoinedStr, ast.Constant)):
            yield from (text for text in self.texts(node, local) if re.match(r"[!?] \S", text))

    def _either(self, node: ast.expr, local: dict[str, list[ast.expr]]) -> list[str]:
        """The texts of a whole message; of two alternatives, one may be only a gap."""
        if isinstance(node, ast.IfExp):
            return self._either(node.body, local) + self._either(node.orelse, local)
        if isinstance(node, ast.BoolOp):
            return [text for one in node.values for text in self._either(one, local)]
        return self.texts(node, local)

    def texts(self, node: ast.expr, local: dict[str, list[ast.expr]], depth: int = 0) -> list[str]:
        """The templates that an expression can evaluate to."""
        if depth > 6:
            return [GAP]

        def inner(one: ast.expr) -> list[str]:
            return self.texts(one, local, depth + 1)

        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else [GAP]
        if isinstance(node, ast.JoinedStr):
            parts = [self._put_in(one, inner) for one in node.values]
            return ["".join(words) for words in product(*parts)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [left + right for left in inner(node.left) for right in inner(node.right)]
        if isinstance(node, ast.IfExp):
            return _or_gap(inner(node.body) + inner(node.orelse))
        if isinstance(node, ast.Dict):
            return [text for one in node.values for text in inner(one)]
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
            return inner(node.value)
        if isinstance(node, ast.Name):
            values = local.get(node.id) or self.constants.get(node.id) or []
            return _or_gap([text for one in values for text in inner(one)])
        if isinstance(node, ast.Attribute) and _name(node.value) == "advice":
            return inner(_advice()[node.attr])
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Dict) and len(node.args) == 2:
                return inner(node.func.value) + inner(node.args[1])  # {…}.get(key, default)
            function = self.functions.get(_name(node.func))
            if function is not None:
                own = {**local, **_assigned(ast.walk(function))}
                returned = [one.value for one in ast.walk(function) if isinstance(one, ast.Return) and one.value]
                return [text for one in returned for text in self.texts(one, own, depth + 1)] or [GAP]
        return [GAP]

    @staticmethod
    def _put_in(one: ast.expr, inner: object) -> list[str]:
        assert callable(inner)
        if isinstance(one, ast.FormattedValue):
            is_advice = isinstance(one.value, ast.Attribute) and _name(one.value.value) == "advice"
            expands = is_advice or isinstance(one.value, (ast.Name, ast.Call))
            return _or_gap(inner(one.value)) if expands else [GAP]
        return list(inner(one))


@cache
def _advice() -> dict[str, ast.expr]:
    """The advice that the deploy passes to the client of Plane's API, by its name there."""
    tree = ast.parse((CHECKOUT / "pyinfra_plane" / "host" / "connection.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "Advice")
    return {str(keyword.arg): keyword.value for call in calls for keyword in call.keywords}


def _or_gap(texts: list[str]) -> list[str]:
    """The texts, or a gap if one of them is empty or unknown."""
    return list(dict.fromkeys(texts)) if texts and all(text not in ("", GAP) for text in texts) else [GAP]


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def _name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


if __name__ == "__main__":
    for path in product_files():
        print(f"## {path.relative_to(CHECKOUT)}")
        for one in sorted(messages([path])):
            print(f"- `{one}`")

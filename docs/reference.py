"""`make reference`: docs/reference.md, from the signatures and docstrings of the operations, and the other pages that
the code determines."""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from docs import errors, settings

CHECKOUT = Path(__file__).parent.parent

PAGE = CHECKOUT / "docs" / "reference.md"
SETTINGS = CHECKOUT / "docs" / "settings.md"
DEFAULTS = CHECKOUT / "group_data" / "all.py"

MODULES = {
    "operations.postgres": ["operations/postgres.py"],
    "operations.redis": ["operations/redis.py"],
    "operations.environment": ["operations/environment.py"],
    "operations.plane": sorted(f"operations/plane/{path.name}" for path in CHECKOUT.glob("operations/plane/*.py")),
}
"""The module to import an operation from, and the files with its operations."""

HEAD = """# Operations

Written by `make reference` out of the docstrings: change those. [own-deploy.md](own-deploy.md) shows how to use them.

Each operation also takes pyinfra's own arguments, such as `name` and `_sudo`. `HiddenValue` is pyinfra's
(`from pyinfra.api import HiddenValue`); `Agent`, `State`, `Label`, `CustomField`, `Person`, `Webhook`,
`TokenConsumer` and `settings_of` are imported from `pyinfra_plane.settings`; `settings_of(host)` gives those of the
settings: `.plane_agents`, `.plane_projects[0].states` and so on.
"""


def render(checkout: Path = CHECKOUT) -> str:
    """The whole page."""
    parts = [HEAD]
    for module, paths in MODULES.items():
        parts.append(f"## `{module}`\n")
        for path in paths:
            for function in operations((checkout / path).read_text(encoding="utf-8")):
                parts.append(entry(function))
    return "\n".join(parts)


def entry(function: ast.FunctionDef) -> str:
    """What the page says of one operation."""
    text = _markdown(ast.get_docstring(function) or "")
    return f"### `{function.name}`\n\n```python\n{_signature(function)}\n```\n\n{text}\n"


def operations(source: str) -> Iterator[ast.FunctionDef]:
    """The operations of a module's text: the functions with the decorator ``converging``, or ``converging_with(…)``."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and {"converging", "converging_with"} & {*map(_name, node.decorator_list)}:
            yield node


def _name(decorator: ast.expr) -> str:
    decorator = decorator.func if isinstance(decorator, ast.Call) else decorator
    return decorator.id if isinstance(decorator, ast.Name) else ""


def _signature(function: ast.FunctionDef) -> str:
    arguments, defaults = function.args.args, function.args.defaults
    given: list[ast.expr | None] = [None] * (len(arguments) - len(defaults))
    lines = []
    for argument, default in zip(arguments, [*given, *defaults], strict=True):
        annotation = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
        lines.append(
            f"{argument.arg}{annotation}" + (f" = {ast.unparse(default)}".replace("'", '"') if default else "")
        )
    line = f"{function.name}({', '.join(lines)})"
    # As ruff would lay it out.
    return line if len(line) <= 100 else f"{function.name}(\n" + "".join(f"    {one},\n" for one in lines) + ")"


def _markdown(text: str) -> str:
    """A docstring as pyinfra's are written, in Markdown."""
    # Before the examples get their fences.
    text = re.sub(r"(?m)^\+ (\w+): ", r"- `\1`: ", text).replace("``", "`")
    return re.sub(
        r"\*\*Example:\*\*\n\n\.\. code:: (\w+)\n\n((?:    .*\n?|\n)+)",
        lambda match: f"Example:\n\n```{match[1]}\n{textwrap.dedent(match[2]).strip()}\n```",
        text,
    )


WRITTEN: dict[Path, Callable[[], str]] = {
    PAGE: render,
    SETTINGS: settings.page,
    DEFAULTS: settings.defaults,
    errors.PAGE: lambda: errors.page().text,
}
"""By path, what gives the text of each file that is written here."""


def main() -> int:
    """Write the files; with ``--check`` only say whether they are up to date. Fail if a page needs edits by hand."""
    made = {path: text() for path, text in WRITTEN.items()}
    if "--check" in sys.argv[1:]:
        return int(any(not path.exists() or path.read_text(encoding="utf-8") != text for path, text in made.items()))
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(CHECKOUT)}")
    problems = [*errors.page().problems()]
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

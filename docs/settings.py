"""`make reference`: docs/settings.md and group_data/all.py, from the table of settings."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pyinfra_plane.settings import table
from pyinfra_plane.settings.table import DEFAULTS, SECRETS

CHECKOUT = Path(__file__).parent.parent

WIDTH = 120

DEFAULTS_HEAD = '''\
"""Every setting with its default. Override any of them in group_data/<group>.py, in host data or with --data.

Written by `make reference` out of pyinfra_plane/settings/table.py, which has the same defaults; change them there.

Secrets are None here. The deploy takes each from the first of these that has it: host data, the environment under its
upper-case name (POSTGRESQL_PASSWORD), <plane_secrets_dir>/<host>.env, <plane_secrets_dir>/all.env, and the same two
with .sops.env, which the command `sops` decrypts. `make secrets` writes missing secrets to all.env.
"""

# --- SSH ---
# The deploy sends passwords to the host, so it connects only to a host whose key is known; pyinfra's own default is to
# trust any host that it meets for the first time. To accept a key, connect once with ssh, and compare the fingerprint
# with the host's own (run there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); or add the key to
# ~/.ssh/known_hosts in another way that you trust. With "accept-new", pyinfra adds the key unchecked. This setting
# takes precedence over StrictHostKeyChecking in ~/.ssh/config.
ssh_strict_host_key_checking = "yes"
'''

PAGE_HEAD = """# Settings

Written by `make reference` out of `pyinfra_plane/settings/table.py`. [group_data/all.py](../group_data/all.py) has the
same as a file to copy lines from: override a setting in `group_data/<group>.py`, in host data or with `--data`. A
secret comes from host data, or from the environment or a secrets file under its upper-case name
([first-deployment.md](first-deployment.md#1-secrets)).
"""


def entries() -> Iterator[tuple[str, str, str]]:
    """Each setting of the table: the heading that it begins or nothing, its name, and its docstring, if it has one."""
    for group in ast.parse(inspect.getsource(table)).body:
        if not isinstance(group, ast.ClassDef):
            continue
        heading = (ast.get_docstring(group) or "").rstrip(".")
        for line, below in zip(group.body, [*group.body[1:], None], strict=True):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.target.id in DEFAULTS:
                yield heading, line.target.id, _docstring(below)
                heading = ""


def _docstring(node: ast.stmt | None) -> str:
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
        return ""
    text = inspect.cleandoc(node.value.value).strip()
    return text if "\n " in text else " ".join(text.split())


def defaults() -> str:
    """The text of group_data/all.py."""
    lines = [DEFAULTS_HEAD.rstrip("\n")]
    for heading, name, text in entries():
        if heading:
            lines += ["", f"# --- {heading} ---"]
        lines += _comment(f"Secret. {text}".rstrip() if name in SECRETS else text)
        lines += f"{name} = {source(DEFAULTS[name])}".split("\n")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> Iterator[str]:
    for line in text.split("\n") if text else ():
        own = [line] if line.startswith(" ") else textwrap.wrap(line, WIDTH - 2)
        yield from (f"# {one}" for one in own)


def page() -> str:
    """The text of docs/settings.md."""
    lines = [PAGE_HEAD.rstrip("\n")]
    for heading, name, text in entries():
        if heading:
            lines += ["", f"## {heading}"]
        shown = source(DEFAULTS[name])
        lines += ["", f"### `{name}`", "", "Secret." if name in SECRETS else f"Default: `{shown}`" if "\n" not in shown
                  else f"Default:\n\n```python\n{shown}\n```"]  # fmt: skip
        if text:
            lines += ["", *_prose(text)]
    return "\n".join(lines) + "\n"


def _prose(text: str) -> Iterator[str]:
    lines = text.split("\n")
    if len(lines) == 1:
        yield from (line.replace("<", "&lt;") for line in textwrap.wrap(text, WIDTH - 6))
    else:
        yield from ["```text", *lines, "```"]


def source(value: object, indent: int = 0) -> str:
    """A default as Python, on one line if it is short and holds no list of dicts."""
    inner, end = " " * (indent + 4), " " * indent
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"{inner}{source(one, indent + 4)},\n" for one in value) + f"{end}]"
    if isinstance(value, dict) and any(isinstance(one, list) for one in value.values()):
        return "{\n" + "".join(f'{inner}"{k}": {source(one, indent + 4)},\n' for k, one in value.items()) + f"{end}}}"
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}": {source(one)}' for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)

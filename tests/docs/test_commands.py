"""Given the pages of docs/: what they have the reader do works, in order, and shows what they say."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sandbox
from sandbox.host import Host
from sandbox.server import Sandbox
from tests.contract.browser import PASSWORD, Browser
from tests.directories import NewDirectory
from tests.docs.pages import DOCS, HOST_NAMES, Command, File, Place, is_shown, steps
from tests.sampled import chosen

PAGES = sorted(path for path in DOCS.glob("*.md") if any(isinstance(step, Command) for step in steps(path.read_text())))


def a_person_set_them_up(hosts: list[Host]) -> dict[str, str]:
    """Instances with a workspace, as `docs/taking-over.md` finds them."""
    for host in hosts:
        person = Browser(f"http://127.0.0.1:{host.plane_port}")
        person.set_up("person@example.com")
        person.make_workspace_with_demo("javisi")
    return {"the-password-of-that-person": PASSWORD, "the-token-of-that-person": person.make_key()}


BEFORE: dict[str, Callable[[list[Host]], dict[str, str]]] = {"taking-over.md": a_person_set_them_up}
"""What has happened on a page's hosts before it begins; gives what to put in place of words in its commands."""


FROM_NOTHING = ("first-deployment.md", "from-ansible.md")
"""The pages whose hosts have no containers of Plane yet."""


@pytest.fixture(scope="module")
def sandboxes(new_directory: NewDirectory) -> Iterator[Callable[[str], Sandbox]]:
    """Gives a running sandbox by its Compose file."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def started(name: str) -> Sandbox:
            hosts = len(HOST_NAMES) * len(TRIED)
            return stack.enter_context(sandbox.running(new_directory(), hosts=hosts, port=0, stack=name))

        yield started


def kinds(path: Path) -> list[object]:
    """What a page is an example of: what its hosts are when it begins."""
    return [(path.name in FROM_NOTHING, path.name in BEFORE)]


TRIED = chosen("docs: pages", PAGES, 6, kinds)


@pytest.mark.sampled
@pytest.mark.parametrize("path", TRIED, ids=lambda path: path.name)
def test_the_commands_of_a_page(path: Path, sandboxes: Callable[[str], Sandbox], tmp_path: Path) -> None:
    running = sandboxes("role" if path.name in FROM_NOTHING else "scripts")
    first = TRIED.index(path) * len(HOST_NAMES)
    hosts = running.hosts[first : first + len(HOST_NAMES)]
    page = path.read_text()
    given = BEFORE[path.name](hosts) if path.name in BEFORE else {}
    for words, value in given.items():
        page = page.replace(words, value)
    for command, code, output in Place(tmp_path, running, hosts).follow(page):
        assert (code != 0) == command.fails, f"$ {command.words}\n{output}"
        absent = is_shown(command.shown, output)
        assert absent is None, f"$ {command.words}\ndoes not show\n{absent}\nbut\n{output}"


def test_what_counts_as_a_step() -> None:
    page = "```console fails\n$ one\nshown\n\n$ two 3\n```\n\n```sh\n# why\nthree\n```\n\n```text\n$ four\n```\n"
    page += "```python here.py\nx = 1\n```\n```python\nx = 2\n```\n"
    assert steps(page) == [
        Command("one", ("shown",)),
        Command("two 3", (), True),
        Command("three"),
        File("here.py", "x = 1\n"),
    ]


def test_what_counts_as_shown() -> None:
    output = "  [sese] + role plane\n  [sese] + database x, owner plane\n"
    assert is_shown(("[sese] + role plane", "…", "  [sese] + database …, owner plane"), output) is None
    assert is_shown(("[sese] + database x, owner plane", "[sese] + role plane"), output) == "[sese] + role plane"
    assert is_shown(("[sese] + role",), output) == "[sese] + role"

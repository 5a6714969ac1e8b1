"""Parse the options of a command like docker's own command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class NotUnderstood(Exception):
    """Words that the real command may know and the sandbox does not."""


@dataclass
class Options:
    given: dict[str, list[str]]
    words: list[str]

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def all(self, name: str) -> list[str]:
        return self.given.get(name, [])

    def last(self, name: str) -> str | None:
        values = self.all(name)
        return values[-1] if values else None


def read_options(
    words: Sequence[str],
    *,
    flags: Sequence[str] = (),
    values: Sequence[str] = (),
    leading: bool = False,
) -> Options:
    """Parse `words`. An option is declared as in `e/env`, and returned by its long name.

    With `leading`, the words after the first one that is no option stay unparsed.
    """
    switches, takers = _spellings(flags), _spellings(values)
    given: dict[str, list[str]] = {}
    rest: list[str] = []
    left = list(words)

    def value_of(option: str) -> str:
        if not left:
            raise NotUnderstood(f"{option} without a value")
        return left.pop(0)

    def give(name: str, value: str) -> None:
        given.setdefault(name, []).append(value)

    while left:
        word = left.pop(0)
        if word == "--":
            rest += left
            break
        if not word.startswith("-") or word == "-":
            rest.append(word)
            if leading:
                rest += left
                break
        elif word.startswith("--"):
            option, equals, attached = word.partition("=")
            if option in takers:
                give(takers[option], attached if equals else value_of(option))
            elif option in switches and not equals:
                give(switches[option], "true")
            else:
                raise NotUnderstood(word if option in switches else option)
        else:
            # Short options may be combined, the last one with its value: -iupostgres.
            letters = word[1:]
            while letters:
                option, letters = f"-{letters[0]}", letters[1:]
                if option in switches:
                    give(switches[option], "true")
                elif option in takers:
                    give(takers[option], letters.removeprefix("=") or value_of(option))
                    letters = ""
                else:
                    raise NotUnderstood(option)
    return Options(given, rest)


def _spellings(names: Sequence[str]) -> dict[str, str]:
    """Each spelling of an option, with its long name."""
    spellings = {}
    for each in names:
        for name in each.split("/"):
            spellings[f"-{name}" if len(name) == 1 else f"--{name}"] = each.split("/")[-1]
    return spellings

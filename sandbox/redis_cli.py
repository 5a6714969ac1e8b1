"""`redis-cli` in the sandbox's Redis container: the few commands that list keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def respond(databases: Mapping[int, Sequence[str]], commands: str) -> str:
    """Answer commands as redis-cli 7.0 does if its output is no terminal.

    Args:
        databases: the keys, by the number of their database.
        commands: one on each line.
    """
    answers: list[str] = []
    chosen = 0
    for line in commands.splitlines():
        match line.split():
            case []:
                continue
            case ["QUIT", *_]:
                break
            case ["ECHO", word, *_]:
                answers.append(word)
            case ["SELECT", number, *_]:
                chosen = int(number)
                answers.append("OK")
            case ["SCAN", *_]:
                answers += ["0", *(databases.get(chosen) or [""])]
            case ["AUTH", *_]:
                answers.append("OK")
            case [name, *words]:
                arguments = "".join(f"'{word}' " for word in words)
                answers += [f"ERR unknown command '{name}', with args beginning with: {arguments}", ""]
    return "".join(f"{answer}\n" for answer in answers)

"""The `docker` command's own answers, the commands that replace it, and its tables; as scripts for docker_client.sh."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Reply:
    stdout: str = ""
    stderr: str = ""
    code: int = 0

    def script(self) -> str:
        """Print the answer, and end."""
        return f"printf %s {shlex.quote(self.stdout)}; printf %s {shlex.quote(self.stderr)} >&2; exit {self.code}"


@dataclass
class Run:
    """A command that replaces the client."""

    words: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    stdin: bool

    def script(self, variables: Iterable[str]) -> str:
        """Run the command in place of the client, whose own variables it does not have."""
        pairs = (f"{name}={value}" for name, value in self.environment.items())
        program = shlex.quote(self.words[0])
        absent = f'exec: "{self.words[0]}": executable file not found in $PATH: unknown'
        failure = f"OCI runtime exec failed: exec failed: unable to start container process: {absent}"
        return "\n".join(
            [
                "exec 3<&-",
                f"cd {shlex.quote(str(self.directory))} || exit",
                # Without --interactive docker gives the command no input.
                "" if self.stdin else "exec </dev/null",
                f"unset LC_ALL {shlex.join(variables)}",
                f"export {shlex.join(pairs)}",
                f"type -P -- {program} >/dev/null || {{ echo {shlex.quote(failure)} >&2; exit 127; }}",
                f"exec {shlex.join(self.words)}",
            ]
        )


@dataclass
class FromInput:
    """An answer to what the client has on standard input, in text."""

    answer: Callable[[str], Reply]

    # bash writes each line at once, and the second would wait 40 ms for TCP to confirm the first: no line ends.
    script = "IFS= read -r -d '' _input; printf '%s\\0' \"${_input//$'\\n'/$'\\r'}\" >&3; _follow"


def table(rows: Iterable[Mapping[str, str]], columns: Mapping[str, str]) -> list[str]:
    """The lines of a table as docker prints it; `columns` maps a heading to a key of the rows."""
    cells = [list(columns), *([row[key] for key in columns.values()] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    padded = ["   ".join(map(str.ljust, line, widths)) for line in cells]
    return [line.rstrip() for line in padded]

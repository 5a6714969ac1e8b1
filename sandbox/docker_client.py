"""The `docker` command on a host: gets a command from the sandbox, and replaces itself with it.

A deploy runs it hundreds of times, so it is run by path and imports only modules built into the interpreter: `socket`,
`signal`, `json` and `typing` would take as long as starting Python.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(address: str, arguments: list[str]) -> int:
    here = os.getcwd()  # noqa: PTH109
    question = {"arguments": arguments, "directory": here, "environment": dict(os.environ)}
    try:
        answer = ask(address, question)
    except (OSError, EOFError):
        print("Cannot connect to the Docker daemon: the sandbox is not running.", file=sys.stderr)
        return 1
    if "run" in answer:
        return become(answer["run"], answer["environment"], answer["directory"], answer["stdin"])
    write(1, answer["stdout"])
    write(2, answer["stderr"])
    return int(answer["code"])


def ask(address: str, question: dict[str, Any]) -> dict[str, Any]:
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(address)
    connection.sendall(marshal.dumps(question))
    connection.shutdown(_socket.SHUT_WR)
    received = b""
    while part := connection.recv(65536):
        received += part
    connection.close()
    answer: dict[str, Any] = marshal.loads(received)
    return answer


def become(words: list[str], environment: dict[str, str], directory: str, stdin: bool) -> int:
    if not stdin:
        # Without --interactive docker gives the command no input.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(directory)
    # Python ignores SIGPIPE, and the command that replaces it would too.
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    try:
        os.execvpe(words[0], words, environment)
    except OSError as error:
        reason = "executable file not found in $PATH" if isinstance(error, FileNotFoundError) else error.strerror
        write(
            2,
            "OCI runtime exec failed: exec failed: unable to start container process: "
            f'exec: "{words[0]}": {reason}: unknown\n',
        )
        return 127 if isinstance(error, FileNotFoundError) else 126


def write(descriptor: int, text: str) -> None:
    left = text.encode(errors="surrogateescape")
    while left:
        left = left[os.write(descriptor, left) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

"""Run a command and write its cost to a file: seconds, CPU seconds, and its maximum memory.

Run by path, and small: a process's memory count begins with its parent's memory.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(report: str, words: list[str]) -> int:
    """Run `words`, write the figures to `report`, and exit with the command's code."""
    begun = time.perf_counter()
    child = os.posix_spawn(words[0], words, os.environ)
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - begun
    # Linux counts memory in KiB.
    figures = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss * 1024 / 1e6}
    with open(report, "w") as file:  # noqa: PTH123 - pathlib would make this process larger
        json.dump(figures, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

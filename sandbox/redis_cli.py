"""`redis-cli` in the sandbox's Redis container: the few commands that list keys."""

import json
import sys


def main() -> None:
    """Answer the commands on standard input as redis-cli 7.0 does if its output is no terminal."""
    databases = json.loads(sys.argv[1])
    chosen = "0"
    for line in sys.stdin:
        words = line.split()
        if words[:1] == ["QUIT"]:
            break
        if not words:
            continue
        if words[:1] == ["ECHO"]:
            print(words[1])
        elif words[:1] == ["SELECT"]:
            chosen = words[1]
            print("OK")
        elif words[:1] == ["SCAN"]:
            print("0", *(databases.get(chosen) or [""]), sep="\n")
        elif words[:1] == ["AUTH"]:
            print("OK")
        else:
            arguments = "".join(f"'{word}' " for word in words[1:])
            print(f"ERR unknown command '{words[0]}', with args beginning with: {arguments}\n")


if __name__ == "__main__":
    main()

"""`redis-cli` in the sandbox's Redis container: the few commands that look at which keys there are."""

import json
import sys


def main() -> None:
    """Answer the commands on standard input as redis-cli does when its output is no terminal."""
    databases = json.loads(sys.argv[1])
    chosen = "0"
    for line in sys.stdin:
        words = line.split()
        if words[:1] == ["ECHO"]:
            print(words[1])
        elif words[:1] == ["SELECT"]:
            chosen = words[1]
            print("OK")
        elif words[:1] == ["SCAN"]:
            print("0", *databases.get(chosen, []), sep="\n")
        elif words[:1] in (["AUTH"], ["QUIT"]):
            print("OK")
        else:
            print(f"ERR unknown command '{line.strip()}'")


if __name__ == "__main__":
    main()

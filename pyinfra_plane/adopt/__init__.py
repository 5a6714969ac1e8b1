"""Taking a workspace over that people made: what it has, written as settings that change nothing in it."""

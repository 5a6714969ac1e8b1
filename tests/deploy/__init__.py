"""The real `pyinfra` command, against the sandbox."""

"""The real `pyinfra` command, against a real Docker engine, sshd and PostgreSQL."""

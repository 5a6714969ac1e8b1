"""pyinfra facts about a host. None of them prints a secret, at any verbosity."""

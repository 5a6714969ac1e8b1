"""What is read from a host, as pyinfra facts. None of them prints a secret, at any verbosity."""

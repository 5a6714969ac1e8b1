"""A deploy that does nothing: what is left is pyinfra's own start, the SSH connection, and the end."""

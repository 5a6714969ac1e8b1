"""A deploy that does nothing, which leaves only pyinfra's own start, the SSH connection, and the end."""

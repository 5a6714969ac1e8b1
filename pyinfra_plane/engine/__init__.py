"""Drive pyinfra: operations that compare and plan, commands and files on the host, the lock, the summary."""

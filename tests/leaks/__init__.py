"""No secret is where others can see it: in an output, a process list, an environment, a log, or a file of others."""

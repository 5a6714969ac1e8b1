"""A Python client for Plane's API: connections from the target, models of the answers, and errors.

Nothing in this package imports pyinfra; ``pyinfra_plane.host.connection`` opens the connection from a host.
"""

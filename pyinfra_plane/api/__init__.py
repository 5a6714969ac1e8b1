"""Plane's API in Python: how to reach it from the target, what it answers, how it fails.

Nothing here knows pyinfra; ``pyinfra_plane.host.connection`` opens the connection from a host.
"""

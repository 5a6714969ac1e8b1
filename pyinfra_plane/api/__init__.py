"""Plane's API in Python: how to reach it from the target, what it answers, how it fails.

Nothing here knows pyinfra but :mod:`pyinfra_plane.api.seam`, which opens the connection from a host.
"""

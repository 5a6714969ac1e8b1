"""A library for pyinfra that provisions a self-hosted Plane. The operations use it.

    operations      the operations that a deploy calls, one module for each system (in a checkout next to this package)
      |
    host            one host's Plane: its address, its containers, the saved tokens, permissions
      |      \\
    settings  api   every setting, checked; Plane's API over HTTP, without pyinfra and without our settings' names
      |      /
    facts           facts about a host (facts.plane, which reads from Plane, uses host)
      |
    engine          drives pyinfra, and knows nothing of Plane: operations, plans, commands, files, lock, summary

A module imports only from its own layer and those below it; ``tests/unit/test_layers.py`` checks that.
"""

"""What the operations stand on: a library for pyinfra that provisions a self-hosted Plane.

    operations      what can be asked for, one module for each system (in a checkout beside this package)
      |
    host            one host's Plane: how it is reached, its containers, the saved tokens, who may do what
      |      \\
    settings  api   every setting, checked; Plane's API over HTTP, without pyinfra and without our settings' names
      |      /
    facts           what is read from a host (facts.plane, which asks Plane, stands on host)
      |
    engine          drives pyinfra, and knows nothing of Plane: operations, plans, commands, files, lock, summary

A module imports only from its own layer and those below it; ``tests/unit/test_layers.py`` holds that.
"""

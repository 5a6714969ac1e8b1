"""The operations that a deploy calls: one module for each system that they change.

Each operation names a resource as it should be, reads it, compares it, and yields only the differences.
"""

from pyinfra_plane.engine import lock
from pyinfra_plane.settings import config_dir_of

lock.use_folder(config_dir_of)

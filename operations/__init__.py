"""What can be asked for: one module for each system that is changed.

Each operation names a resource as it should be, reads, compares, and yields only what differs.
"""

from pyinfra_plane.engine import lock
from pyinfra_plane.settings import config_dir_of

lock.use_folder(config_dir_of)

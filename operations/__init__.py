"""What can be asked for: one module for each system that is changed.

Each operation names a resource as it should be, reads, compares, and yields only what differs.
"""

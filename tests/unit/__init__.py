"""The parts below the operations, each by itself."""

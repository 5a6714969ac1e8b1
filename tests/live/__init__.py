"""The deploy against a real Plane, which may be written to."""

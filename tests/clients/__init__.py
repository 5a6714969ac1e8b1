"""Plane's own clients, plane-sdk and plane-compose, as judges of what the deploy made."""

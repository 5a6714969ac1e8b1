"""The Plane of one host: its address, its containers, the saved tokens, and the permissions in each workspace."""

"""One host's Plane: how it is reached, its containers, the saved tokens, and who may do what."""

"""Recorded answers of Plane, and a player that holds any address against them."""

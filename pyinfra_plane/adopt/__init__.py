"""Adopt a workspace that people created: print its contents as settings that change nothing in it."""

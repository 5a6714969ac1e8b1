"""Hostile values for every setting: each is carried exactly to where it goes, or refused before anything happens."""

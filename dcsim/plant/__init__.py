"""Halls: what they are made of, how their parts work together, how they are run."""

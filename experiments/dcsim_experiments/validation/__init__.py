"""Comparison of the simulator with other programs' and measured numbers, by parts; see ``command``."""

"""Experiments on dcsim: training, comparing and measuring, and the command line ``dcsim``."""

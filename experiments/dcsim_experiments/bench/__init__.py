"""``dcsim bench``: how fast, beside whom, how near to what the machine could do, and where the rest goes."""

"""Laws of data-centre cooling as pure functions over arrays, one topic a file.

Every law runs unchanged on NumPy arrays, torch tensors and traced symbols: operators, and named functions only from the
namespace ``xp`` handed in last. Values are not checked here; a *Domain* note says where a law holds.
"""

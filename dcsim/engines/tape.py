"""What to keep of a stage for the way back, and what to compute anew there from what is kept: the cheapest split.

Costs are those of one row, in units of an addition, as measured with blocks of 8 environments. A value kept is written
to the tape and read from it, most often in the second-level cache. Sums over rows and products with matrices are always
kept: computed anew they would need loops of their own.
"""

from collections.abc import Container, Mapping

import numpy as np

from dcsim.engines.graph import ALONE, REDUCTIONS, Symbol

_KEPT = 3
_ANEW = {"recip": 8, "sqrt": 12, "exp": 35, "log": 45, "tanh": 45}  # all others 1
_ALWAYS = 1 << 24


def kept_values(wanted: Container[int], values: Mapping[int, Symbol], free: Container[int]) -> set[int]:
    """Choose the values to keep so that all wanted ones can be had at the least cost.

    Parameters
    ----------
    wanted : container of int
        Indices of the values that the way back reads.
    values : mapping of int to Symbol
        The wanted values and all that they are computed from in their stage.
    free : container of int
        Indices of the values that cost nothing to keep.

    Returns
    -------
    set of int

    Notes
    -----
    A value at hand is either kept or computed anew from operands at hand. The least cost is a minimal cut: a value is on
    the source's side if it is at hand, its double if it is computed anew.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    made = [x for x in values.values() if x.op != "leaf"]
    node = {x.index: 2 + k for k, x in enumerate(made)}
    source, sink, double = 0, 1, len(made)
    edges: list[tuple[int, int, int]] = []
    for x in made:
        kept = 0 if x.index in free else _KEPT * x.rows
        anew = _ALWAYS if x.op in REDUCTIONS | ALONE else _ANEW.get(x.op, 1) * x.rows
        at_hand = node[x.index]
        edges.append((at_hand, sink, kept))
        if x.index in wanted:
            edges.append((source, at_hand, _ALWAYS))
        if anew < kept:
            edges.append((source, at_hand + double, kept - anew))
            edges += [(at_hand + double, node[a.index], _ALWAYS) for a in (x, *x.operands) if a.index in node]
    if not edges:
        return set()
    start, end, capacity = np.array(edges, dtype=np.int32).T
    size = 2 + 2 * len(made)
    graph = coo_array((capacity, (start, end)), shape=(size, size)).tocsr()
    left = graph - maximum_flow(graph, source, sink).flow
    left.eliminate_zeros()
    reached = set(breadth_first_order(left, source, return_predecessors=False).tolist())
    return {x.index for x in made if node[x.index] in reached and node[x.index] + double not in reached}

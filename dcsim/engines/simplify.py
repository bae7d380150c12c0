"""Rewrites a traced program so that the kernel computes the same with fewer and cheaper instructions.

Two passes. The first removes divisions: by what is known earlier, or by what several values are divided by, one
multiplies with the reciprocal (at most one unit in the last place more error). The second merges products into the sums
that use them (fused multiply-add). Which operations are merged is decided here and not by LLVM, so that every build of
a program rounds alike.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from dcsim.engines.graph import HELD, MONITOR, STEP, Graph, Symbol, reachable
from dcsim.engines.program import AFTER, BEGIN, HOSTED, SWEEP, Program, stage

_LEVEL_OF_STAGE = {BEGIN: HELD, SWEEP: STEP, AFTER: MONITOR}


def simplified(program: Program) -> Program:
    """Return the program ready for the kernel: cheap divisions, merged products, outputs made in their own stage."""
    program = with_rebuilt(program, _division_rule(program))
    program = _with_own_outputs(program)
    program = with_rebuilt(program, _late_read_rule(program))
    return with_rebuilt(program, product_rule(program.outputs()))


Rule = Callable[[Graph, Symbol, list[Symbol]], Symbol | None]


def with_rebuilt(program: Program, rule: Rule) -> Program:
    """Return the program with a rule applied to all its symbols."""
    new = rebuilt(program.outputs(), rule)
    return program._replace(
        begin={f: new[x.index] for f, x in program.begin.items()},
        sweep={f: new[x.index] for f, x in program.sweep.items()},
        monitor={f: new[x.index] for f, x in program.monitor.items()},
    )


def rebuilt(roots: Iterable[Symbol], rule: Rule) -> dict[int, Symbol]:
    """Add to the graph what ``rule`` puts in the place of symbols, and whatever uses them anew; return all by old index."""
    new: dict[int, Symbol] = {}
    for symbol in reachable(list(roots)):
        graph = symbol.graph
        graph.origin = symbol.origin
        operands = [new[a.index] for a in symbol.operands]
        replaced = rule(graph, symbol, operands)
        if replaced is None and any(a is not b for a, b in zip(operands, symbol.operands, strict=True)):
            replaced = graph.make(symbol.op, (*operands, *symbol.args[len(operands) :]), symbol.rows, symbol.level)
        new[symbol.index] = symbol if replaced is None else replaced
    return new


def _division_rule(program: Program) -> Rule:
    divided_by = Counter(x.args[1].index for x in reachable(program.outputs()) if x.op == "div" and stage(x) != HOSTED)

    def rule(graph: Graph, symbol: Symbol, operands: list[Symbol]) -> Symbol | None:
        if stage(symbol) == HOSTED:
            return None
        if symbol.op == "neg" and operands[0].op == "neg":
            return operands[0].operands[0]
        if symbol.op == "add" and operands[1].op == "neg":
            return graph.make("sub", (operands[0], operands[1].operands[0]), symbol.rows)
        if symbol.op == "add" and operands[0].op == "neg":
            return graph.make("sub", (operands[1], operands[0].operands[0]), symbol.rows)
        if symbol.op == "sub" and operands[1].op == "neg":
            return graph.make("add", (operands[0], operands[1].operands[0]), symbol.rows)
        if symbol.op == "div":
            over, under = operands
            if under.op == "const" and under.args[0] != 0.0:
                return graph.make("mul", (over, graph.const(1.0 / under.args[0])), symbol.rows)
            is_cheaper = stage(under) < stage(over) or under.rows < over.rows or divided_by[symbol.args[1].index] > 1
            if over.op == "const" and over.args[0] == 1.0:
                return graph.make("recip", (under,), under.rows)
            if is_cheaper:
                return graph.make("mul", (over, graph.make("recip", (under,), under.rows)), symbol.rows)
        return None

    return rule


def _with_own_outputs(program: Program) -> Program:
    """Wrap outputs that are known before their stage, or narrower than their field, into a copy made in that stage."""

    def owned(outputs: dict[str, Symbol], at: int) -> dict[str, Symbol]:
        own = {}
        for name, symbol in outputs.items():
            rows = program.state_rows[name]
            if stage(symbol) != at or symbol.op == "leaf" or symbol.rows != rows:
                symbol.graph.origin = symbol.origin
                symbol = symbol.graph.make("copy", (symbol,), rows, _LEVEL_OF_STAGE[at])
            own[name] = symbol
        return own

    return program._replace(
        begin=owned(program.begin, BEGIN), sweep=owned(program.sweep, SWEEP), monitor=owned(program.monitor, AFTER)
    )


def _late_read_rule(program: Program) -> Rule:
    """Keep a field's value at the start of the step where a later stage reads it after the field has changed."""
    changed = {*program.begin, *program.sweep, *program.monitor}

    def is_gone(a: Symbol) -> bool:
        return a.op == "leaf" and a.args[0] == "begin" and a.args[1] in changed

    def rule(graph: Graph, symbol: Symbol, operands: list[Symbol]) -> Symbol | None:
        if stage(symbol) <= BEGIN or not any(is_gone(a) for a in operands):
            return None
        kept = [graph.make("copy", (a,), a.rows, HELD) if is_gone(a) else a for a in operands]
        return graph.make(symbol.op, (*kept, *symbol.args[len(kept) :]), symbol.rows, symbol.level)

    return rule


def product_rule(roots: list[Symbol]) -> Rule:
    """Merge products into the sums that are their only users."""
    symbols = reachable(roots)
    users: dict[int, list[Symbol]] = {x.index: [] for x in symbols}
    for x in symbols:
        for a in x.operands:
            users[a.index].append(x)
    outputs = {x.index for x in roots}

    def takes(user: Symbol, product: Symbol) -> bool:
        same_place = stage(user) == stage(product)
        if user.op == "sum":
            return same_place
        if user.op not in ("add", "sub") or not same_place or user.rows != product.rows:
            return False
        # of two products only one can be merged: the second, by index
        others = [a for a in user.operands if a is not product]
        return len(others) == 1 and not (
            others[0].op == "mul" and others[0].index > product.index and merges(others[0])
        )

    known: dict[int, bool] = {}

    def merges(product: Symbol) -> bool:
        """Whether every user of a product can take it in, so that the product itself need not be computed."""
        if product.index not in known:
            known[product.index] = product.index not in outputs and all(takes(x, product) for x in users[product.index])
        return known[product.index]

    def rule(graph: Graph, symbol: Symbol, operands: list[Symbol]) -> Symbol | None:
        if stage(symbol) == HOSTED or symbol.op not in ("add", "sub", "sum"):
            return None
        products = [a for a in symbol.operands if a.op == "mul" and stage(a) != HOSTED and merges(a)]
        if not products:
            return None
        product = max(products, key=lambda a: a.index)
        is_first = symbol.operands[0] is product
        x, y = operands[0 if is_first else 1].operands
        if symbol.op == "sum":
            return graph.make("dot", (x, y), 1)
        other = operands[1] if is_first else operands[0]
        op = "fma" if symbol.op == "add" else ("fms" if is_first else "fnma")
        return graph.make(op, (x, y, other), symbol.rows)

    return rule

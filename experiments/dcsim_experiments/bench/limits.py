"""What one core of this machine could do: fused multiply-adds in registers, and bytes moved through memory."""

import time
from typing import Any

import numpy as np

from dcsim.engines.compiler import has_fma, kernel, register_bytes
from dcsim.engines.lanes import Code, Loop, Target

CHAINS = 12  # sums that do not wait for each other: more than the latency of an addition times the units
ROUNDS = 2_000_000
COPIED_BYTES = 1 << 28
REPEATS = 3


def limits() -> dict[str, Any]:
    """Peak of one core: ``flops_float64``, ``flops_float32`` [1/s], a fused multiply-add counting two, and ``bytes_per_s``."""
    return {
        "flops_float64": peak_flops("float64"),
        "flops_float32": peak_flops("float32"),
        "bytes_per_s": bandwidth(),
    }


def peak_flops(dtype: str) -> float:
    """Most operations a second of one core, in a loop that does nothing else [1/s]."""
    lanes = register_bytes() // np.dtype(dtype).itemsize
    code = Code(Target(dtype, lanes, has_fma(), register_bytes()))
    loop = Loop(code, ROUNDS, (1,), [code.const(0.0)] * CHAINS)
    factor = code.const(1.0 - 1e-6)
    sums = loop.close([code.fma(value, factor, factor) for value in loop.values])
    total = sums[0]
    for value in sums[1:]:
        total = code.add(total, value)
    code.store(total, "%arguments")
    text = "\n".join([*sorted(code.intrinsics), code.text("void @run(ptr %arguments)")]) + "\n"
    run = kernel(text).run
    memory = np.zeros(register_bytes() * 2, np.uint8)
    address = memory.ctypes.data + -memory.ctypes.data % register_bytes()
    seconds = min(_timed(lambda: run(address)) for _ in range(REPEATS))
    return 2.0 * lanes * CHAINS * ROUNDS / seconds


def bandwidth() -> float:
    """Bytes a second that one core copies, each read and written once counted twice [1/s]."""
    source = np.ones(COPIED_BYTES // 8)
    target = np.zeros_like(source)
    seconds = min(_timed(lambda: np.copyto(target, source)) for _ in range(REPEATS))
    return 2.0 * COPIED_BYTES / seconds


def _timed(run: Any) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun

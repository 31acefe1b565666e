#!/usr/bin/python3
"""Fills tests/conformance/optimizers.txt with runs of the optimisers computed by NumPy, from the papers' formulas.

    tests/conformance/make_optimizer_goldens.py             needs Debian's python3-numpy
    tests/conformance/make_optimizer_goldens.py --check     compares instead of writing, as ctest does; skipped without NumPy

A run is a line `run NAME option value ...`, then `params` (two tensors, f64[2,3] and f64[3], nine numbers), and for each step
a line `step` with the nine numbers of the gradients and the nine of the parameters after it. Arithmetic is 80-bit.
"""
import pathlib
import sys

try:
    import numpy as np
except ImportError:
    if sys.argv[1:] == ["--check"]:
        print("[SKIP] optimiser runs are not made anew: python3-numpy is not installed")
        sys.exit(0)
    sys.exit("make_optimizer_goldens.py: needs NumPy: apt-get install python3-numpy")

STEPS = 6
RUNS = [
    ("sgd", dict(learning_rate=0.125)),
    ("momentum", dict(learning_rate=0.0625, momentum=0.75, nesterov=0)),
    ("momentum", dict(learning_rate=0.0625, momentum=0.75, nesterov=1)),
    ("adam", dict(learning_rate=0.03125, beta1=0.9, beta2=0.999, epsilon=1e-8)),
    ("adam", dict(learning_rate=0.25, beta1=0.5, beta2=0.75, epsilon=0.125)),
    ("adamw", dict(learning_rate=0.03125, beta1=0.9, beta2=0.99, epsilon=1e-8, weight_decay=0.5)),
]


def sgd(o, p, g, s, t):
    return p - o["learning_rate"] * g


def momentum(o, p, g, s, t):
    s["v"] = o["momentum"] * s.get("v", 0) + g
    return p - o["learning_rate"] * (g + o["momentum"] * s["v"] if o["nesterov"] else s["v"])


def adam(o, p, g, s, t):
    s["m"] = o["beta1"] * s.get("m", 0) + (1 - o["beta1"]) * g
    s["v"] = o["beta2"] * s.get("v", 0) + (1 - o["beta2"]) * g ** 2
    m_hat, v_hat = s["m"] / (1 - o["beta1"] ** t), s["v"] / (1 - o["beta2"] ** t)
    return p - o["learning_rate"] * m_hat / (np.sqrt(v_hat) + o["epsilon"])


def adamw(o, p, g, s, t):
    return adam(o, p, g, s, t) - o["learning_rate"] * o["weight_decay"] * p


def numbers(x):
    return " ".join(repr(float(v)) for v in x)


def contents():
    lines = ["# Made by make_optimizer_goldens.py; not edited by hand."]
    for number, (name, options) in enumerate(RUNS):
        random = np.random.RandomState(number)
        wide = {key: np.longdouble(value) for key, value in options.items()}
        p = random.standard_normal(9)
        lines.append(" ".join(["run", name] + [f"{key} {value!r}" for key, value in options.items()]))
        lines.append(f"params {numbers(p)}")
        p, state = p.astype(np.longdouble), {}
        for t in range(1, STEPS + 1):
            g = random.standard_normal(9) * 10.0 ** random.randint(-3, 2, size=9)
            g[t] = 0  # a parameter that nothing moves in this step
            p = globals()[name](wide, p, g.astype(np.longdouble), state, t)
            lines.append(f"step {numbers(g)} {numbers(p)}")
    return "\n".join(lines) + "\n"


path = pathlib.Path(__file__).parent / "optimizers.txt"
if sys.argv[1:] == ["--check"]:
    sys.exit(0 if contents() == path.read_text() else f"optimizers.txt is not what NumPy {np.__version__} gives")
path.write_text(contents())

#!/usr/bin/python3
"""Fills tests/conformance/goldens/*.txt with values computed by NumPy, so that the referee is checked by something else.

    tests/conformance/make_goldens.py [op ...]      needs Debian's python3-numpy; without arguments: every file
    tests/conformance/make_goldens.py --check       compares instead of writing, as ctest does; skipped without NumPy

A file is one op. Its head is written by hand; the lines starting with `=` are written here and never edited:

    op exp                          the mnemonic
    numpy np.exp(x)                 the result, in terms of operands and attributes by their catalogue names
    result T                        its dtype: T (default), U, or a dtype
    dtypes T f32 bool               what T (or U) stands for, dtypes or a class (any numeric float); each case is made for each
    values any                      any | moderate | positive | small: how floats are drawn (ints: any | small)
    cases unary                     a list of shapes from this script: unary, binary, ternary
    case x T[2,3]; axes [1]; keepdims false
                                    one case: operands with types (`in 0..4`: drawn from that range; `= 1 2 3`: as given),
                                    then attributes
    tolerance f32 ulp 2             how far a result may be off: `ulp N`, or `rtol A atol B`; without a line: exact. `narrow`:
                                    the floats below 32 bits; `1eps`: times the distance from 1 to the next number
    refuse x i32[2] -> exp: x is i32[2]; ... [dtype] | hint: ...
                                    a call that must fail, and the error that it gives: one for each constraint label;
                                    `{float}`, `{int}` and `{numeric}` stand for the lists of these classes

Floats are computed in 80-bit precision and rounded once, so the values are the true ones to the last place.
"""
import pathlib
import re
import sys
import warnings
import zlib

try:
    import numpy as np
except ImportError:
    if sys.argv[1:] == ["--check"]:
        print("[SKIP] golden cases are not made anew: python3-numpy is not installed")
        sys.exit(0)
    sys.exit("make_goldens.py: needs NumPy: apt-get install python3-numpy")

# The project's table of dtypes: spelling -> (kind, bits, digits, bits of the exponent).
TABLE = {name.lower(): (kind, int(bits), int(digits), int(exponent)) for name, kind, bits, digits, exponent in re.findall(
    r"^BURIN_RT_DTYPE\(\d+,\s*(\w+),\s*\w+,\s*(\w+),\s*(\d+),\s*(\d+),\s*(\d+),",
    (pathlib.Path(__file__).parents[2] / "runtime/include/burin/rt/dtype_table.h").read_text(), re.M)}
FLOATS = [name for name, row in TABLE.items() if row[0] == "floating"]
NARROW = [name for name in FLOATS if TABLE[name][1] < 32]
CLASSES = {"any": list(TABLE), "numeric": [name for name in TABLE if name != "bool"], "float": FLOATS}
NUMPY_TYPES = {name: np.bool_ if kind == "boolean" else
               np.dtype({"signed_integer": "i", "unsigned_integer": "u", "floating": "f"}[kind] + str(bits // 8)).type
               for name, (kind, bits, _, _) in TABLE.items() if name not in NARROW}
UNARY = ["[]", "[1]", "[7]", "[0]", "[3,5]", "[2,0,3]", "[2,3,4]", "[1,2,1,2,1,2,1,2]", "[67]"]
BINARY = [("[7]", "[7]"), ("[]", "[5]"), ("[3,5]", "[5]"), ("[3,1]", "[1,4]"), ("[2,3,4]", "[3,1]"), ("[0,3]", "[3]"),
          ("[1]", "[0]"), ("[2,1,2,1,2,1,2,1]", "[2,1,2,1,1,2]"), ("[]", "[]"), ("[35]", "[35]")]
TERNARY = [("[7]", "[7]", "[7]"), ("[5]", "[]", "[]"), ("[3,1]", "[1,4]", "[4]"), ("[]", "[2,3]", "[3]"),
           ("[0]", "[1]", "[0]"), ("[35]", "[35]", "[35]"), ("[2,1,2]", "[2,1]", "[2]")]
SPECIAL_OF = {"f16": [65504, 65520, -65519, 6e-8, 3e-8, 6.1e-5, 2049]}
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 2.0, 1e-40, 3e38, -3e38, 88.5, -88.0, 1e-3, 100.5]


# ---- Narrow floats: their bits as uint16, rounded to nearest even by integer arithmetic on the 80-bit value. NumPy lacks bf16,
# ---- and takes two roundings to its float16; it checks our f16 below.
def narrow_round(x, dtype):
    x = np.asarray(x, dtype=np.longdouble)
    out = np.zeros(x.shape, dtype=np.uint16)
    for i in np.ndindex(x.shape):
        out[i] = narrow_bits(x[i], *TABLE[dtype][2:])
    return out


def narrow_bits(v, digits, exponent_bits):
    bias = 2 ** (exponent_bits - 1) - 1
    sign = 0x8000 if np.signbit(v) else 0
    infinity = (2 * bias + 1) << (digits - 1)
    v = abs(v)
    if np.isnan(v):
        return infinity | 1 << (digits - 2)
    if np.isinf(v):
        return sign | infinity
    if v == 0:
        return sign
    _, exponent = np.frexp(v)  # v = f * 2^exponent, f in [0.5, 1)
    step = max(int(exponent) - digits, 2 - bias - digits)  # `digits` significant bits; the least denormal is one step
    units = int(np.rint(np.ldexp(v, -step)))  # to nearest even
    # With the hidden bit counted, the exponent's field is one more than the steps beyond the least: carries go right.
    return sign | min(infinity, units + (step - (2 - bias - digits) << (digits - 1)))


def narrow_value(bits, dtype):
    _, _, digits, exponent_bits = TABLE[dtype]
    bits = np.asarray(bits, dtype=np.uint16).astype(np.int64)
    bias = 2 ** (exponent_bits - 1) - 1
    field, fraction = (bits & 0x7FFF) >> (digits - 1), bits & ((1 << (digits - 1)) - 1)
    value = np.ldexp(np.where(field == 0, fraction, fraction + (1 << (digits - 1))).astype(np.longdouble),
                     np.maximum(field, 1) - bias - digits + 1)
    value = np.where(field == 2 * bias + 1, np.where(fraction == 0, np.inf, np.nan), value)
    return np.where(bits & 0x8000, -value, value)


@np.errstate(all="ignore")
def check_narrow():
    every = np.arange(1 << 16, dtype=np.uint16)
    theirs = every.view(np.float16)
    finite = np.isfinite(theirs)
    assert np.array_equal(narrow_value(every, "f16")[finite], theirs[finite].astype(np.longdouble))
    assert np.array_equal(narrow_round(theirs[finite][::61].astype(np.longdouble), "f16"), every[finite][::61])
    for x in np.random.RandomState(1).standard_normal(400).astype(np.float32) * np.float32(2) ** np.arange(-30, 20).repeat(8):
        assert narrow_bits(np.longdouble(x), *TABLE["f16"][2:]) == int(np.float16(x).view(np.uint16)), x


# ---- What `numpy` expressions may call besides np ------------------------------------------------------------------------
def wrap(value, dtype):
    """Python integers modulo 2^bits."""
    info = np.iinfo(dtype)
    span = int(info.max) - int(info.min) + 1
    return np.array([(int(v) - int(info.min)) % span + int(info.min) for v in np.asarray(value, dtype=object).ravel()],
                    dtype=dtype).reshape(np.shape(value))


def divide(a, b):
    """IEEE for floats; integers toward zero, by zero 0."""
    a, b = np.broadcast_arrays(a, b)
    if a.dtype.kind == "f":
        return a / b

    def one(x, y):
        x, y = int(x), int(y)
        return 0 if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)

    return wrap(np.array([one(x, y) for x, y in zip(a.ravel(), b.ravel())], dtype=object).reshape(a.shape), a.dtype)


def cast(x, target):
    """docs/numerics.md, by Python's own integers."""
    if target in FLOATS:
        return x.astype(np.longdouble)
    if target == "bool":
        return np.not_equal(x, 0)
    dtype = NUMPY_TYPES[target]
    info = np.iinfo(dtype)
    if x.dtype.kind != "f":
        return wrap(x.astype(object), dtype)

    def one(v):
        if np.isnan(v):
            return 0
        if np.isinf(v):
            return int(info.max) if v > 0 else int(info.min)
        return min(max(int(v), int(info.min)), int(info.max))

    return np.array([one(v) for v in x.ravel()], dtype=object).astype(dtype).reshape(x.shape)


def scatter_add(x, indices, updates, axis):
    y = np.moveaxis(x.copy(), axis, 0)
    rest = updates.reshape(x.shape[:axis] + (-1,) + x.shape[axis + 1:])
    with np.errstate(all="ignore"):
        np.add.at(y, indices.ravel(), np.moveaxis(rest, axis, 0))
    return np.moveaxis(y, 0, axis)


def scatter(x, indices, updates, axis):
    y = np.moveaxis(x.copy(), axis, 0)
    rest = np.moveaxis(updates.reshape(x.shape[:axis] + (-1,) + x.shape[axis + 1:]), axis, 0)
    for position, row in zip(indices.ravel(), rest):
        y[position] = row
    return np.moveaxis(y, 0, axis)


def pad(x, value, low, high, interior):
    interior = interior or [0] * x.ndim
    shape = [lo + max((n - 1) * (i + 1) + 1, 0) + hi for n, lo, hi, i in zip(x.shape, low, high, interior)]
    y = np.full(shape, value, dtype=x.dtype)
    y[tuple(np.s_[lo:lo + max((n - 1) * (i + 1) + 1, 0):i + 1] for n, lo, i in zip(x.shape, low, interior))] = x
    return y


def strided_slice(x, starts, sizes, strides):
    strides = strides or [1] * x.ndim
    return x[tuple(np.s_[b:b + (n - 1) * s + 1:s] if n else np.s_[0:0] for b, n, s in zip(starts, sizes, strides))]


def reduce_max(x, axes, keepdims):
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return np.max(x, axis=tuple(axes), keepdims=keepdims, initial=least)


def iota(shape, axis):
    view = [1] * len(shape)
    view[axis] = shape[axis]
    return np.broadcast_to(np.arange(shape[axis]).reshape(view), shape)


def philox(key, counter, shape):
    """Philox 4x32-10 from the paper's description; checked below against the authors' known answers."""
    def block(c, k):
        c, k = list(c), list(k)
        for _ in range(10):
            a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        return c

    count = int(np.prod(shape, dtype=np.int64))
    low = int(counter[0]) | int(counter[1]) << 32
    words = []
    for i in range((count + 3) // 4):
        at = (low + i) % (1 << 64)
        words += block([at & 0xFFFFFFFF, at >> 32, int(counter[2]), int(counter[3])], [int(k) for k in key])
    return np.array(words[:count], dtype=np.uint32).reshape(shape)


# Random123's kat_vectors for philox4x32 10: counter, key, result.
KNOWN_ANSWERS = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
]
for counter_, key_, words_ in KNOWN_ANSWERS:
    assert philox(key_, counter_, [4]).tolist() == words_


# ---- Drawing operands ------------------------------------------------------------------------------------------------------
def draw(random, dtype, shape, how):
    count = int(np.prod(shape, dtype=np.int64))
    if dtype == "bool":
        return random.randint(0, 2, size=count).astype(np.bool_).reshape(shape)
    if dtype not in FLOATS:
        info = np.iinfo(NUMPY_TYPES[dtype])
        if how != "any":
            return random.randint(max(-20, info.min), 21, size=count).astype(NUMPY_TYPES[dtype]).reshape(shape)
        edges = [0, 1, 2, 3, 7, int(info.max), int(info.max) - 1, int(info.min), max(int(info.min), -1)]
        values = [edges[random.randint(len(edges))] if random.rand() < 0.5 else
                  int(random.randint(info.min, info.max, dtype=NUMPY_TYPES[dtype])) for _ in range(count)]
        return np.array(values, dtype=object).astype(NUMPY_TYPES[dtype]).reshape(shape)
    values = random.standard_normal(count) * {"any": 4, "moderate": 4, "positive": 4, "small": 1}[how]
    if how == "positive":
        values = abs(values) + 1e-3
    if how in ("any", "positive"):
        special = SPECIAL + SPECIAL_OF.get(dtype, [])
        order = random.permutation(len(special))
        for i in range(count):  # every third element is special
            if i % 3 == 0:
                values[i] = special[order[(i // 3) % len(special)]]
    values = values.reshape(shape)
    with np.errstate(all="ignore"):
        return narrow_round(values, dtype) if dtype in NARROW else values.astype(NUMPY_TYPES[dtype])


# ---- Files -------------------------------------------------------------------------------------------------------------------
def shape_of(text):
    return [int(n) for n in text.strip("[]").split(",") if n]


def expand(head):
    """The case lines, with the lists of shapes and the letters replaced."""
    lines = [rest for word, rest in head if word == "case"]
    names = [rest.split() for word, rest in head if word == "operands"]
    for word, rest in head:
        if word != "cases":
            continue
        table = {"unary": [(s,) for s in UNARY], "binary": BINARY, "ternary": TERNARY}[rest]
        operands = names[0] if names else {"unary": ["x"], "binary": ["a", "b"]}[rest]
        types = (dict(rest.split("=") for word, rest in head if word == "operand_type"))
        for shapes in table:
            lines.append("; ".join(f"{n} {types.get(n, 'T')}{s}" for n, s in zip(operands, shapes)))
    letters = {rest.split()[0]: sum((CLASSES.get(w, [w]) for w in rest.split()[1:]), [])
               for word, rest in head if word == "dtypes"}
    out = []
    for t in letters.get("T", [None]):
        for u in letters.get("U", [None]):
            for line in lines:
                # A case without T has the dtype of its first operand.
                of = t if re.search(r"\bT\b", line) or not t else next(iter(re.findall(r"(\w+)\[[\d,]*\]", line)), t)
                if t:
                    line = re.sub(r"\bT\b", t, line)
                if u:
                    line = re.sub(r"\bU\b", u, line)
                out.append((line, of, u))
    return [case for i, case in enumerate(out) if case[0] not in (earlier[0] for earlier in out[:i])]


def parse_attribute(text):
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("["):
        return [int(n) for n in text.strip("[]").split(",") if n]
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def data_text(dtype, array):
    raw = np.ascontiguousarray(array).tobytes().hex()
    return f"{dtype}[{','.join(str(n) for n in array.shape)}]:{raw}"


def make_case(head, line, t, u):
    settings = dict((word, rest) for word, rest in head if word in ("op", "numpy", "result", "values"))
    random = np.random.RandomState(zlib.crc32((settings["op"] + line).encode()))
    names, shown = {}, []
    for part in line.split(";"):
        name, *words = part.split()
        types = [w for w in words if re.fullmatch(r"\w+\[[\d,]*\]", w)]
        if not types:
            names[name] = parse_attribute(words[0])
            shown.append(f"{name} {words[0]}")
            continue
        arrays, texts = [], []
        for text in types:
            dtype, shape = text.split("[")[0], shape_of("[" + text.split("[")[1])
            if "in" in words:
                low, high = words[words.index("in") + 1].split("..")
                array = random.randint(int(low), int(high) + 1, size=shape).astype(NUMPY_TYPES[dtype])
            elif "=" in words:
                array = np.array([int(w, 0) for w in words[words.index("=") + 1:]], dtype=NUMPY_TYPES[dtype]).reshape(shape)
            else:
                array = draw(random, dtype, shape, settings.get("values", "any"))
            array = np.asarray(array)
            texts.append(data_text(dtype, array))
            value = narrow_value(array, dtype) if dtype in NARROW else array
            arrays.append(value.astype(np.longdouble) if dtype in FLOATS else value)
        shown.append(f"{name} {' '.join(texts)}")
        names[name] = arrays if len(types) > 1 or name == "operands" else arrays[0]
    result = {"T": t, "U": u}.get(settings.get("result", "T"), settings.get("result", "T"))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = eval(settings["numpy"], {**globals(), **names})  # noqa: S307: the expression is the file's, in this repository
        value = np.asarray(value)
        value = narrow_round(value, result) if result in NARROW else value.astype(NUMPY_TYPES[result])
    return f"= {'; '.join(shown)} -> {data_text(result, value)}"


def contents(path):
    """The file as it should be, and how many cases it has."""
    head_lines = [line for line in path.read_text().splitlines() if not line.startswith("=")]
    head = [tuple((line.split(None, 1) + [""])[:2]) for line in head_lines if line and not line.startswith("#")]
    body = [make_case(head, line, t, u) for line, t, u in expand(head)]
    return "\n".join(head_lines + body) + "\n", len(body)


def main():
    check_narrow()
    folder = pathlib.Path(__file__).parent / "goldens"
    paths = [folder / f"{name}.txt" for name in sys.argv[1:]] or sorted(folder.glob("*.txt"))
    if sys.argv[1:] == ["--check"]:
        stale = [path.name for path in sorted(folder.glob("*.txt")) if contents(path)[0] != path.read_text()]
        sys.exit(f"not what NumPy {np.__version__} gives: {', '.join(stale)}" if stale else 0)
    for path in paths:
        text, count = contents(path)
        path.write_text(text)
        print(f"{path.stem}: {count} cases")


if __name__ == "__main__":
    main()

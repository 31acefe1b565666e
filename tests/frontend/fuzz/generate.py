#!/usr/bin/env python3
"""Random control flow over T, in the forms that the library offers. The same text is compiled twice: with T = double,
where cond and while_loop are an ordinary if and while (the referee), and with T = burin::Tensor, run eagerly and traced.
usage: generate.py SEED COUNT OUT.cpp"""
import random
import sys

seed, count, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rnd = random.Random(seed)
fresh = 0


def name(prefix):
    global fresh
    fresh += 1
    return f"{prefix}{fresh}"


def number():
    return f"{rnd.randrange(-3, 6)}.0"


def expression(vs, depth=0):
    k = rnd.randrange(7 if depth < 2 else 3)
    if k == 0:
        return number()
    if k <= 2:
        return rnd.choice(vs)
    if k == 3:
        return (f"cond({condition(vs, depth + 1)}, [&] {{ return T({rnd.choice(vs)}); }},"
                f" [&] {{ return T({rnd.choice(vs)} + 1.0); }})")
    if k == 4:
        return f"({rnd.choice(vs)} * 0.5)"
    return f"({rnd.choice(vs)} {rnd.choice('+-')} {expression(vs, depth + 1)})"


def condition(vs, depth=0):
    k = rnd.randrange(8)
    if k < 2 and depth < 2:
        return f"{rnd.choice(['both', 'either'])}({condition(vs, depth + 1)}, {condition(vs, depth + 1)})"
    if k == 2 and depth < 2:
        return f"!({condition(vs, depth + 1)})"
    return f"({rnd.choice(vs)} {rnd.choice(['<', '<=', '>', '==', '!='])} {rnd.choice(vs + ['0.0', '2.0', '-1.0'])})"


def assign(vs):
    if rnd.randrange(8) == 0:
        return f"bump({rnd.choice(vs)}, {expression(vs)});"
    return f"{rnd.choice(vs)} {rnd.choice(['=', '=', '+=', '-='])} {expression(vs)};"


def block(vs, depth, pad):
    vs = list(vs)
    lines = []
    for _ in range(rnd.randrange(1, 4 if depth else 6)):
        lines += statement(vs, depth, pad)
    return lines


def body(vs, depth, pad, head=()):
    return [pad + "  " + h for h in head] + block(vs, depth + 1, pad + "  ")


def statement(vs, depth, pad):
    k = rnd.randrange(14)
    if depth >= 4:
        k = rnd.randrange(5)
    if k < 2:
        v = name("v")
        lines = [f"{pad}T {v} = {expression(vs)};"]
        vs.append(v)
        return lines
    if k < 4:
        return [pad + assign(vs)]
    if k == 4:  # another name for the same handle
        v = name("r")
        lines = [f"{pad}T& {v} = {rnd.choice(vs)};"] if rnd.randrange(2) else [f"{pad}T* p{v} = &{rnd.choice(vs)};", f"{pad}T& {v} = *p{v};"]
        vs.append(v)
        return lines
    if k < 7:
        lines = [f"{pad}cond({condition(vs)}, [&] {{"] + body(vs, depth, pad)
        if rnd.randrange(3):
            lines += [f"{pad}}}, [&] {{"] + body(vs, depth, pad)
        else:
            lines += [f"{pad}}}, [&] {{"]
        return lines + [pad + "});"]
    if k < 9:
        c = name("k")
        lines = [f"{pad}T {c} = 0.0;",
                 f"{pad}while_loop([&] {{ return both({c} < {rnd.randrange(1, 4)}.0, {condition(vs)}); }}, [&] {{"]
        return lines + body(vs + [], depth, pad, [f"{c} += 1.0;"]) + [pad + "});"]
    if k == 9:  # the state passed on
        c, s, v = name("k"), name("s"), name("v")
        lines = [f"{pad}Pair {s} = while_loop(Pair{{{expression(vs)}, 0.0}}, [&](const Pair& q) {{ return both(q.b < {rnd.randrange(1, 4)}.0, {condition(vs)}); }}, [&](const Pair& q) {{",
                 f"{pad}  T {v} = q.a;"]
        lines += block(vs + [v], depth + 1, pad + "  ")
        lines += [f"{pad}  return Pair{{{v}, q.b + 1.0}};", f"{pad}}});"]
        vs += [f"{s}.a", f"{s}.b"]
        return lines
    if k == 10:  # unrolled
        h = name("h")
        return [f"{pad}for (int {h} = 0; {h} < {rnd.randrange(1, 4)}; ++{h}) {{"] + body(vs, depth, pad) + [pad + "}"]
    if k == 11:  # both sides return a tree
        s, a = name("s"), name("a")
        lines = [f"{pad}Pair {s} = cond({condition(vs)}, [&] {{"]
        lines += body(vs, depth, pad) + [f"{pad}  return Pair{{{expression(vs)}, {expression(vs)}}};", f"{pad}}}, [&] {{"]
        lines += [f"{pad}  Pair {a}{{{expression(vs)}, {expression(vs)}}};"] + block(vs + [f"{a}.a", f"{a}.b"], depth + 1, pad + "  ")
        lines += [f"{pad}  return {a};", f"{pad}}});"]
        vs += [f"{s}.a", f"{s}.b"]
        return lines
    if k == 12:  # elements of a container
        c = name("c")
        lines = [f"{pad}std::vector<T> {c}(2, {expression(vs)});"]
        vs += [f"{c}[0]", f"{c}[1]"]
        return lines
    v = name("v")  # assigned on both paths only
    lines = [f"{pad}T {v} = 0.0;", f"{pad}cond({condition(vs)}, [&] {{ {v} = {expression(vs)}; }}, [&] {{ {v} = {expression(vs)}; }});"]
    vs.append(v)
    return lines


with open(out, "w", encoding="utf-8") as f:
    f.write('#include "tests/frontend/fuzz/fuzz.h"\nnamespace FUZZ_NAMESPACE {\n')
    for n in range(count):
        f.write(f"T f{n}(T a, T b) {{\n  T x = a, y = b, z = 1.0;\n")
        f.write("\n".join(block(["x", "y", "z"], 0, "  ")) + "\n  return x + 10.0 * y + 100.0 * z;\n}\n")
    f.write("std::vector<T (*)(T, T)> functions() { return {" + ", ".join(f"f{n}" for n in range(count)) + "}; }\n}\n")

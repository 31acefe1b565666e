#!/usr/bin/env python3
"""Random programs with native control flow, early exits among it, written three ways: as C++ over doubles (the referee), with
the loops of the library and break_if / continue_if, and with the entry points for rewritten code (burin/autograph.h), lowered
by the rules in docs/control-flow.md.
usage: generate_exits.py SEED COUNT OUT.cpp"""
import random
import sys

seed, count, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rnd = random.Random(seed)
fresh = 0


def name(prefix):
    global fresh
    fresh += 1
    return f"{prefix}{fresh}"


# -- programs as trees -----------------------------------------------------------------------------------------------------
# expressions: str | (op, a, b) | ("?", condition, a, b)     conditions: ("&&" | "||", c, d) | ("!", c) | (comparison, a, b)


def number():
    return f"{rnd.randrange(-3, 6)}.0"


def expression(vs, depth=0):
    k = rnd.randrange(7 if depth < 2 else 3)
    if k == 0:
        return number()
    if k <= 2:
        return rnd.choice(vs)
    if k == 3:
        return ("?", condition(vs, depth + 1), rnd.choice(vs), ("+", rnd.choice(vs), "1.0"))
    if k == 4:
        return ("*", rnd.choice(vs), "0.5")
    return (rnd.choice("+-"), rnd.choice(vs), expression(vs, depth + 1))


def condition(vs, depth=0):
    k = rnd.randrange(8)
    if k < 2 and depth < 2:
        return (rnd.choice(["&&", "||"]), condition(vs, depth + 1), condition(vs, depth + 1))
    if k == 2 and depth < 2:
        return ("!", condition(vs, depth + 1))
    return (rnd.choice(["<", "<=", ">", "==", "!="]), rnd.choice(vs), rnd.choice(vs + ["0.0", "2.0", "-1.0"]))


class Scope:
    """What a statement may use: variables; whether a loop is around; what an exit of a scan must hold to; whether the forms
    are there that only the entry points have (return, do)."""

    def __init__(self, vs, loop=False, guard=None, depth=0, entries=False):
        self.vs, self.loop, self.guard, self.depth, self.entries = list(vs), loop, guard, depth, entries

    def inside(self, more=(), **change):
        keys = dict(loop=self.loop, guard=self.guard, depth=self.depth + 1, entries=self.entries)
        keys.update(change)
        return Scope(self.vs + list(more), **keys)


def block(scope):
    scope = Scope(scope.vs, scope.loop, scope.guard, scope.depth, scope.entries)
    made = []
    for _ in range(rnd.randrange(1, 4 if scope.depth else 6)):
        made.append(statement(scope))
    return made


def exit_statement(scope):
    if scope.entries and (not scope.loop or rnd.random() < 0.3):
        return ("return", expression(scope.vs))
    return (rnd.choice(["break", "continue"]),)


def statement(scope):
    vs = scope.vs
    k = rnd.randrange(16)
    if scope.depth >= 3:
        k = rnd.choice([0, 1, 2, 3, 4])
    if k < 2:
        v = name("v")
        made = ("declare", v, expression(vs))
        vs.append(v)
        return made
    if k == 2:
        return ("assign", rnd.choice(vs), rnd.choice(["=", "+=", "-="]), expression(vs))
    if k < 6:
        if not scope.loop and not scope.entries:
            return ("assign", rnd.choice(vs), "=", expression(vs))
        c = condition(vs)
        if scope.guard:
            c = ("&&", scope.guard, c)
        before = block(scope.inside()) if scope.depth < 3 and rnd.randrange(3) == 0 else []
        return ("if", c, before + [exit_statement(scope)], [])
    if k < 8:
        return ("if", condition(vs), block(scope.inside()), block(scope.inside()) if rnd.randrange(3) else [])
    if k in (8, 9, 10):
        c = name("k")
        kind = ["while", "do" if scope.entries else "while", "forever"][k - 8]
        return (kind, c, rnd.randrange(1, 4), condition(vs), block(scope.inside(loop=True, guard=None)))
    if k in (11, 12):
        i = name("i")
        return ("for", i, rnd.randrange(0, 4), rnd.choice(["range", "step"]), block(scope.inside([i], loop=True, guard=None)))
    if k == 13:
        return ("host", name("h"), rnd.randrange(1, 4), block(scope.inside(loop=True, guard=None)))
    c, x, s = name("c"), name("x"), name("s")
    reverse = rnd.random() < 0.3
    first = "3.0" if reverse else "0.0"
    inner = scope.inside([c, x], loop=True, guard=("!=", f"{x}0", first), entries=False)  # its first trip reaches its end
    made = ("scan", s, c, x, reverse, expression(vs), block(inner), expression([c, x]))
    vs.append(s)
    return made


# -- expressions in each way -------------------------------------------------------------------------------------------------


class Native:
    def expression(self, e):
        if isinstance(e, str):
            return e
        if e[0] == "?":
            return f"({self.condition(e[1])} ? {self.expression(e[2])} : {self.expression(e[3])})"
        return f"({self.expression(e[1])} {e[0]} {self.expression(e[2])})"

    def condition(self, c):
        if c[0] in ("&&", "||"):
            return f"({self.condition(c[1])} {c[0]} {self.condition(c[2])})"
        if c[0] == "!":
            return f"!({self.condition(c[1])})"
        return f"({c[1]} {c[0]} {c[2]})"

    def block(self, b, pad):
        return [line for s in b for line in self.statement(s, pad)]

    def statement(self, s, pad):
        k, inner = s[0], pad + "  "
        if k == "declare":
            return [f"{pad}T {s[1]} = {self.expression(s[2])};"]
        if k == "assign":
            return [f"{pad}{s[1]} {s[2]} {self.expression(s[3])};"]
        if k in ("break", "continue"):
            return [f"{pad}{k};"]
        if k == "return":
            return [f"{pad}return {self.expression(s[1])};"]
        if k == "if":
            lines = [f"{pad}if ({self.condition(s[1])}) {{"] + self.block(s[2], inner)
            return lines + [pad + "} else {"] + self.block(s[3], inner) + [pad + "}"]
        if k == "while":
            head = [f"{pad}T {s[1]} = 0.0;", f"{pad}while ({s[1]} < {s[2]}.0 && {self.condition(s[3])}) {{", f"{inner}{s[1]} += 1.0;"]
            return head + self.block(s[4], inner) + [pad + "}"]
        if k == "do":
            head = [f"{pad}T {s[1]} = 0.0;", f"{pad}do {{", f"{inner}{s[1]} += 1.0;"]
            return head + self.block(s[4], inner) + [f"{pad}}} while ({s[1]} < {s[2]}.0 && {self.condition(s[3])});"]
        if k == "forever":
            head = [f"{pad}T {s[1]} = 0.0;", f"{pad}while (true) {{", f"{inner}{s[1]} += 1.0;", f"{inner}if ({s[1]} > {s[2]}.0) break;"]
            return head + self.block(s[4], inner) + [pad + "}"]
        if k == "for":
            return [f"{pad}for (T {s[1]}_ = 0; {s[1]}_ < {s[2]}; ++{s[1]}_) {{", f"{inner}T {s[1]} = {s[1]}_;"] + self.block(s[4], inner) + [pad + "}"]
        if k == "host":
            return [f"{pad}for (int {s[1]} = 0; {s[1]} < {s[2]}; ++{s[1]}) {{"] + self.block(s[3], inner) + [pad + "}"]
        _, v, c, x, reverse, init, body, y = s
        order = "3 - p" if reverse else "p"
        lines = [f"{pad}T {v} = {self.expression(init)}, {v}ys[4] = {{}};", f"{pad}for (int p = 0; p < 4; ++p) {{",
                 f"{inner}const T {x}0 = {order};", f"{inner}T {c} = {v}, {x} = {x}0;"]
        lines += self.block(body, inner) + [f"{inner}{v} = {c};", f"{inner}{v}ys[{order}] = {self.expression(y)};", pad + "}"]
        return lines + [f"{pad}for (int p = 0; p < 4; ++p) {v} = {v} + {v}ys[p] * (p + 1.0);"]


class Tensors(Native):
    """What the two ways over tensors share."""

    def scan(self, s, pad, body):
        _, v, c, x, reverse, init, _, y = s
        inner = pad + "  "
        lines = [f"{pad}auto {v}p = scan([&](const T& {c}0, const T& {x}0) {{", f"{inner}T {c} = {c}0, {x} = {x}0;"] + body
        lines += [f"{inner}return std::pair(T({c}), T({self.expression(y)}));",
                  f"{pad}}}, T({self.expression(init)}), positions(), {{.reverse = {str(reverse).lower()}}});"]
        return lines + [f"{pad}T {v} = {v}p.first;",
                        f"{pad}for (int p = 0; p < 4; ++p) {v} = {v} + row({v}p.second, p) * (p + 1.0);"]


class Public(Tensors):
    """cond, while_loop, for_loop, scan; break_if and continue_if."""

    def expression(self, e):
        if isinstance(e, str):
            return e
        if e[0] == "?":
            return f"cond({self.condition(e[1])}, [&] {{ return T({self.expression(e[2])}); }}, [&] {{ return T({self.expression(e[3])}); }})"
        return f"({self.expression(e[1])} {e[0]} {self.expression(e[2])})"

    def condition(self, c):
        if c[0] in ("&&", "||"):
            return f"({self.condition(c[1])} {c[0][0]} {self.condition(c[2])})"
        if c[0] == "!":
            return f"!{self.condition(c[1])}"
        return f"({c[1]} {c[0]} {c[2]})"

    def statement(self, s, pad):
        k, inner = s[0], pad + "  "
        if k in ("break", "continue"):
            return [f"{pad}{k}_if(true);"]
        if k == "if":
            if len(s[2]) == 1 and s[2][0][0] in ("break", "continue") and not s[3]:
                return [f"{pad}{s[2][0][0]}_if({self.condition(s[1])});"]
            lines = [f"{pad}cond({self.condition(s[1])}, [&] {{"] + self.block(s[2], inner)
            return lines + [f"{pad}}}, [&] {{"] + self.block(s[3], inner) + [pad + "});"]
        if k == "while":
            head = [f"{pad}T {s[1]} = 0.0;", f"{pad}while_loop([&] {{ return ({s[1]} < {s[2]}.0) & {self.condition(s[3])}; }}, [&] {{", f"{inner}{s[1]} += 1.0;"]
            return head + self.block(s[4], inner) + [pad + "}, {.max_trips = 4});"]
        if k == "forever":
            head = [f"{pad}T {s[1]} = 0.0;", f"{pad}while_loop([&] {{ return T(true); }}, [&] {{", f"{inner}{s[1]} += 1.0;", f"{inner}break_if({s[1]} > {s[2]}.0);"]
            return head + self.block(s[4], inner) + [pad + "}, {.max_trips = 5});"]
        if k == "for":
            return [f"{pad}for_loop({s[2]}, [&](const T& {s[1]}_) {{", f"{inner}T {s[1]} = cast({s[1]}_, f64);"] + self.block(s[4], inner) + [pad + "});"]
        if k == "host":  # decided by the host: unrolled
            return [f"{pad}int {s[1]} = 0;", f"{pad}while_loop([&] {{ return {s[1]}++ < {s[2]}; }}, [&] {{"] + self.block(s[3], inner) + [pad + "});"]
        if k == "scan":
            return self.scan(s, pad, self.block(s[6], inner))
        return Native.statement(self, s, pad)


class Entries(Tensors):
    """The entry points, lowered: exits are flags, what follows a statement that may leave is guarded by them."""

    def __init__(self):
        self.result, self.loops = None, []

    def expression(self, e):
        if isinstance(e, str):
            return e
        if e[0] == "?":
            return f"select_({self.condition(e[1])}, [&] {{ return T({self.expression(e[2])}); }}, [&] {{ return T({self.expression(e[3])}); }})"
        return f"({self.expression(e[1])} {e[0]} {self.expression(e[2])})"

    def condition(self, c):
        if c[0] in ("&&", "||"):
            return f"{'and_' if c[0] == '&&' else 'or_'}({self.condition(c[1])}, [&] {{ return {self.condition(c[2])}; }})"
        if c[0] == "!":
            return f"!({self.condition(c[1])})"
        return f"({c[1]} {c[0]} {c[2]})"

    def flags(self, s):
        """Of the exits that a statement takes out of itself."""
        found = []
        if leaves([s], "break"):
            found.append(self.loops[-1][0])
        if leaves([s], "continue"):
            found.append(self.loops[-1][1])
        if leaves([s], "return"):
            found.append(self.result)
        return found

    def block(self, b, pad):
        lines = []
        for n, s in enumerate(b):
            lines += self.statement(s, pad)
            flags = self.flags(s)
            if flags and n + 1 < len(b):
                return lines + [f"{pad}if_(vars(), go({', '.join(flags)}), [&] {{"] + self.block(b[n + 1:], pad + "  ") + [pad + "});"]
        return lines

    def body(self, b, pad, head=()):
        broken, skipped = self.loops[-1]
        lines = [f"{pad}ag::flag {skipped};"] if leaves(b, "continue") else []
        return lines + [pad + h for h in head] + self.block(b, pad)

    def statement(self, s, pad):
        k, inner = s[0], pad + "  "
        if k == "break":
            return [f"{pad}{self.loops[-1][0]}.set();"]
        if k == "continue":
            return [f"{pad}{self.loops[-1][1]}.set();"]
        if k == "return":
            return [f"{pad}{self.result}.set({self.expression(s[1])});"]
        if k == "if":
            lines = [f"{pad}if_(vars(), {self.condition(s[1])}, [&] {{"] + self.block(s[2], inner)
            return lines + ([f"{pad}}}, [&] {{"] + self.block(s[3], inner) if s[3] else []) + [pad + "});"]
        if k in ("while", "do", "forever", "for", "host"):
            return self.loop(s, pad)
        if k == "scan":  # its body is a function of its own
            self.loops.append((name("left"), name("next")))
            body = Public().block(s[6], inner)
            self.loops.pop()
            return self.scan(s, pad, body)
        return Native.statement(self, s, pad)

    def loop(self, s, pad):
        k, inner = s[0], pad + "  "
        body = s[3] if k == "host" else s[4]
        self.loops.append((name("left"), name("next")))
        broken = self.loops[-1][0]
        flags = [broken] if leaves(body, "break") or k == "forever" else []
        lines = [f"{pad}ag::flag {broken};"] if flags else []
        if leaves(body, "return"):
            flags.append(self.result)
        go = f"go({', '.join(flags)})"
        under = (lambda c: f"and_({go}, [&] {{ return {c}; }})") if flags else (lambda c: c)
        if k in ("while", "do"):
            lines += [f"{pad}T {s[1]} = 0.0;"]
            test = under(f"and_({s[1]} < {s[2]}.0, [&] {{ return {self.condition(s[3])}; }})")
            made = self.body(body, inner, [f"{s[1]} += 1.0;"])
            if k == "while":
                lines += [f"{pad}while_(vars(\"{s[1]}\", {s[1]}), [&] {{ return {test}; }}, [&] {{"] + made + [pad + "});"]
            else:
                lines += [f"{pad}do_while_(vars(\"{s[1]}\", {s[1]}), [&] {{"] + made + [f"{pad}}}, [&] {{ return {test}; }});"]
        elif k == "forever":
            lines += [f"{pad}T {s[1]} = 0.0;", f"{pad}while_(vars(), [&] {{ return {under('true')}; }}, [&] {{"]
            made = self.body(body, inner + "  ")
            lines += [f"{inner}{s[1]} += 1.0;", f"{inner}if_(vars(), {s[1]} > {s[2]}.0, [&] {{ {broken}.set(); }});",
                      f"{inner}if_(vars(), go({broken}), [&] {{"] + made + [inner + "});", pad + "});"]
        elif k == "for" and s[3] == "range":
            made = self.body(body, inner, [f"T {s[1]} = cast({s[1]}_, f64);"])
            head = f"each_until_(vars(), [&] {{ return {go}; }}, range({s[2]})" if flags else f"each_(vars(), range({s[2]})"
            lines += [f"{pad}{head}, [&](const T& {s[1]}_) {{"] + made + [pad + "});"]
        elif k == "for":
            lines += [f"{pad}T {s[1]}_ = 0.0;"]
            step = f"{s[1]}_ += 1.0;"
            if flags:
                step = f"if_(vars(), {go}, [&] {{ {step} }});"
            made = self.body(body, inner, [f"T {s[1]} = {s[1]}_;"])
            lines += [f"{pad}for_(vars(\"i\", {s[1]}_), [&] {{ return {under(f'{s[1]}_ < {s[2]}.0')}; }}, [&] {{ {step} }}, [&] {{"] + made + [pad + "});"]
        else:  # host
            made = self.body(body, inner + "  ")
            lines += [f"{pad}for (int {s[1]} = 0; {s[1]} < {s[2]}; ++{s[1]}) {{"]
            if flags:
                lines += [f"{inner}if_(vars(), {go}, [&] {{"] + made + [f"{inner}}});", f"{inner}if (stopped({', '.join(flags)})) break;"]
            else:
                lines += made
            lines += [pad + "}"]
        self.loops.pop()
        return lines

    def function(self, b):
        self.result = "returned"
        return ["  ag::ret<T> returned;"] + self.block(b + [("return", "(x + 10.0 * y + 100.0 * z)")], "  ") + ["  return returned.take();"]


def leaves(b, what):
    """Whether a block takes that exit out of itself."""
    for s in b:
        if s[0] == what:
            return True
        if s[0] == "if" and (leaves(s[2], what) or leaves(s[3], what)):
            return True
        if what == "return" and s[0] in ("while", "do", "forever", "for", "host") and leaves(s[3] if s[0] == "host" else s[4], what):
            return True
    return False


with open(out, "w", encoding="utf-8") as f:
    f.write('#include "tests/frontend/fuzz/fuzz.h"\nnamespace FUZZ_NAMESPACE {\n')
    public, entries = [], []
    for n in range(count):
        way = Public() if n % 2 else Entries()
        (public if n % 2 else entries).append(f"e{n}")
        b = block(Scope(["x", "y", "z"], entries=n % 2 == 0))
        head = f"T e{n}(T a, T b) {{\n  T x = a, y = b, z = 1.0;\n"
        native = Native().block(b, "  ") + ["  return x + 10.0 * y + 100.0 * z;"]
        tensors = way.block(b, "  ") + native[-1:] if n % 2 else way.function(b)
        f.write("#ifdef FUZZ_PLAIN\n" + head + "\n".join(native) + "\n}\n#else\n" + head + "\n".join(tensors) + "\n}\n#endif\n")
    f.write("std::vector<T (*)(T, T)> exits() { return {" + ", ".join(public) + "}; }\n")
    f.write("std::vector<T (*)(T, T)> entries() { return {" + ", ".join(entries) + "}; }\n}\n")

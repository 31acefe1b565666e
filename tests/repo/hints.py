# Every hint of the sources that holds code (a call or a braced value) is followed by a case of tests/errors/hints.cpp.
import re
import subprocess
import sys

# The argument of these that is a hint.
PLACES = {"violation": 3, "mistake": 3, "refusal": 1, "refuse": 2}
# Not C++ of ours: a system call.
EXCUSED = {"compile before fork(), or call exec after it"}


def until(text, at, stops):
    """The expression from `at` to one of `stops` outside of brackets and strings."""
    depth, quoted, end = 0, False, at
    while end < len(text):
        c = text[end]
        if quoted:
            end += c == "\\"
            quoted = c != '"'
        elif c == '"':
            quoted = True
        elif depth == 0 and c in stops:
            break
        else:
            depth += (c in "({[") - (c in ")}]")
        end += 1
    return text[at:end]


def arguments(text, at):
    found = []
    while True:
        found.append(until(text, at, ",)"))
        at += len(found[-1])
        if text[at : at + 1] != ",":
            return found
        at += 1


def hints(text):
    for m in re.finditer(r'"[a-z0-9-]+",\s*"",\s*', text):  # the last field of an Error
        yield until(text, m.end(), "}")
    for m in re.finditer(r"\bhint = ", text):
        yield until(text, m.end(), ";")
    for m in re.finditer(r"_hint\([^)]*\) \{", text):
        yield until(text, m.end(), "}")
    for m in re.finditer(r"\b(" + "|".join(PLACES) + r")\(", text):
        given = arguments(text, m.end())
        if len(given) > PLACES[m[1]]:
            yield given[PLACES[m[1]]]


def literals(expression):
    return re.findall(r'"((?:[^"\\]|\\.)*)"', re.sub(r'"\s*\n\s*"', "", expression))


def with_code(text):
    return [s for h in hints(text) for s in literals(h) if re.search(r"[\w>][({]|= \{", s) and s not in EXCUSED]


assert with_code('fail({code, "f", "tag", "", "write g(x)"}, at)') == ["write g(x)"]
assert with_code('hint = a ? "use h({" + n + "})" : "as it is (f)";') == ["use h({"]
assert with_code('return violation(q, "a", "m", "z(1)");') == ["z(1)"]

with open("tests/errors/hints.cpp", encoding="utf-8") as f:
    followed = re.sub(r'"\s*\n\s*"', "", f.read())
missing, seen = [], 0
for path in subprocess.run(["git", "ls-files", "frontend", "runtime", "compiler"], capture_output=True, text=True, check=True).stdout.split():
    if path.endswith((".cpp", ".h")):
        with open(path, encoding="utf-8") as f:
            pieces = with_code(f.read())
        seen += len(pieces)
        missing += [f"{path}: a hint with code is not followed in tests/errors/hints.cpp: {p}" for p in pieces if p not in followed]
if seen < 25:
    missing.append(f"only {seen} hints with code were found")
sys.exit("\n".join(missing) or None)

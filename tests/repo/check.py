# Checks that hold for the repository as text: dependency direction, exceptions, sizes, headers, environment, documents.
# Each check takes (path, text) or a set of files and yields findings, so that self_test.py can show that it finds something.
import os
import re
import subprocess
import sys

# Who may include what, first match wins: folder -> prefixes of the include path. Standard and C headers are always
# allowed; `<burin/...>` are the public headers. burin_rt <- burin_ops <- burin_graph <- {burin_compiler, burin}.
RT = ["runtime/core/", "runtime/device/", "burin/rt/", "burin/dtype.h", "xxhash.h"]
OPS = RT + ["runtime/ops/", "burin/dim.h", "burin/error.h"]
GRAPH = OPS + ["compiler/graph/", "google/protobuf/", "nettle/", "nlohmann/"]
MLIR = GRAPH + ["mlir/", "llvm/", "llvm-c/"]
DIALECT = MLIR + ["compiler/ir/", "compiler/ops/"]
NEUTRAL = ["compiler/codegen/" + f for f in ("plan/", "loops/", "Target.h", "CFunction.h", "Stopwatch.h")]
PUBLIC = ["burin/"]
# The rooms of the frontend: each sees itself, those named and nothing else of the frontend but public headers.
ROOMS = [
    ("value", [], []),
    ("execute", ["value"], ["compiler/driver/Compiler.h", "spdlog/"]),
    ("record", ["value"], ["frontend/ops.inc"]),
    ("rules", ["value", "record"], []),
    ("control", ["value", "record"], []),
    ("transform", ["value", "execute", "record", "rules", "control"], []),
    ("function", ["value", "execute", "record", "control", "transform"], []),
    ("library", ["value", "record"], []),
]
MAX_ROOM = 15  # files
LAYERS = [
    ("runtime/include/burin/rt/", ["burin/rt/"]),
    ("runtime/include/", ["burin/rt/", "burin/dtype.h", "burin/dim.h", "burin/error.h"]),
    ("runtime/core/", RT),
    ("runtime/device/", RT),
    ("runtime/ops/", OPS),
    ("compiler/graph/", GRAPH),
    ("compiler/ir/", DIALECT),
    ("compiler/ops/", DIALECT + ["compiler/codegen/plan/", "compiler/codegen/loops/"]),
    ("compiler/import/", DIALECT),
    # Code generation by what it knows: nothing above a target's folder names a target, but the line that registers it.
    ("compiler/codegen/plan/", DIALECT + ["compiler/codegen/plan/", "compiler/codegen/LinalgLowerings.inc", "compiler/codegen/LibraryLowerings.inc"]),
    ("compiler/codegen/loops/", DIALECT + ["compiler/codegen/plan/", "compiler/codegen/loops/", "compiler/codegen/LoopLowerings.inc", "compiler/codegen/RegisterLowerings.inc"]),
    ("compiler/codegen/host/", DIALECT + ["compiler/codegen/host/"]),
    ("compiler/codegen/null/", DIALECT + NEUTRAL + ["compiler/codegen/host/HostInterpreter.h", "compiler/codegen/null/"]),
    ("compiler/codegen/Targets.cpp", DIALECT + ["compiler/codegen/"]),
    ("compiler/codegen/Target.h", DIALECT + NEUTRAL),
    ("compiler/codegen/", DIALECT + ["compiler/codegen/"]),
    ("compiler/driver/Compiler.h", GRAPH),  # the façade: what the frontend sees names nothing of MLIR
    ("compiler/driver/", DIALECT + NEUTRAL + ["compiler/driver/", "passes/", "spdlog/"]),
    ("passes/", DIALECT + ["passes/"]),
    ("frontend/include/", PUBLIC),
    *[(f"frontend/{room}/", GRAPH + PUBLIC + [f"frontend/{r}/" for r in below + [room]] + extra) for room, below, extra in ROOMS],
    ("frontend/", ["only the rooms of the frontend hold code"]),
    ("tools/burin-tblgen/", ["mlir/TableGen/", "mlir/Tools/mlir-tblgen/", "mlir/Support/", "llvm/", "burin/dtype.h", "tools/burin-tblgen/"]),
    ("tools/burin-opt/", DIALECT + ["compiler/", "passes/"]),
    ("tools/burin-inspect/", GRAPH + ["tools/", "compiler/driver/Compiler.h"]),
    ("tools/", OPS + PUBLIC + ["tools/", "compiler/graph/", "compiler/driver/Compiler.h"]),
    ("examples/aot/", PUBLIC + ["predict.h", "step.h"]),  # written by burinc
    ("examples/", PUBLIC + ["examples/"]),  # and what examples share
]
# Exceptions live in the frontend and where programs call it.
THROWERS = ("frontend/", "tools/burinc/", "tools/burin-inspect/", "tests/", "examples/", "benchmarks/")
# And where memory may be exhausted at the C ABI of the runtime, which never unwinds.
NO_UNWIND = "runtime/core/no_unwind.h"
CODE = (".cpp", ".h", ".c", ".td", ".proto", ".py", ".cmake", ".cmake.in", ".py.in", ".sh")
MAX_LINES = 800  # only tables may be longer, and say so in their opening comment


def without_comments_and_strings(text):
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    keep_lines = lambda m: "\n" * m.group(0).count("\n")
    return re.sub(pattern, keep_lines, text, flags=re.S)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def includes(path, text):
    """Yields a finding for each include against the direction of the layers."""
    allowed = next((prefixes for folder, prefixes in LAYERS if path.startswith(folder)), None)
    if allowed is None or not path.endswith((".cpp", ".h", ".c")):
        return
    for m in re.finditer(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M):
        target = m.group(2)
        standard = m.group(1) == "<" and ("/" not in target or target.startswith(("sys/", "sanitizer/"))) and target != "xxhash.h"
        if standard or any(target.startswith(prefix) for prefix in allowed):
            continue
        yield f"{path}:{line_of(text, m.start())}: may not include {target}"


def exceptions(path, text):
    if not path.endswith((".cpp", ".h")) or path.startswith(THROWERS) or path == NO_UNWIND:
        return
    code = without_comments_and_strings(text)
    for m in re.finditer(r"\bthrow\b|\btry\s*\{|\bcatch\s*\(", code):
        yield f"{path}:{line_of(code, m.start())}: exceptions live in frontend/ only; return an Error"


def environment(path, text):
    if not path.endswith((".cpp", ".h")) or path.startswith(("tests/", "examples/", "benchmarks/")):
        return
    if path == "runtime/core/environment.cpp":
        return
    code = without_comments_and_strings(text)
    for m in re.finditer(r"\b(secure_)?getenv\b", code):
        yield f"{path}:{line_of(code, m.start())}: environment variables are read in runtime/core/environment.cpp only"


def made_once(path, text):
    """A function's static object that is made at run time has a lock, which a forked child may find taken for ever."""
    if not path.endswith((".cpp", ".h")) or not path.startswith(("runtime/", "frontend/")):
        return
    code = without_comments_and_strings(text)
    for m in re.finditer(r"^ +static (?!constinit|constexpr)[^;{}()=]*(= *(\[|\*? *new\b|\w[\w:<>]*\()|\bImmortal<)", code, re.M):
        yield f"{path}:{line_of(code, m.start())}: what a function makes once is a `static constinit Immortal` (runtime/core/immortal.h)"


def length(path, text):
    lines = text.count("\n")
    opening = "\n".join(text.split("\n")[:5]).lower()
    if path.endswith(CODE) and lines > MAX_LINES and "table" not in opening:
        yield f"{path}: {lines} lines, more than {MAX_LINES}, and not a table"


def rooms(files):
    """A room of the frontend is small enough to be seen at a glance."""
    for room, _, _ in ROOMS:
        count = sum(os.path.dirname(f) == f"frontend/{room}" for f in files)
        if count > MAX_ROOM:
            yield f"frontend/{room}: {count} files, more than {MAX_ROOM}"


def opening_comment(path, text):
    if not (path.endswith(CODE) or os.path.basename(path) in ("CMakeLists.txt", "dev", "run")):
        return
    lines = [l for l in text.split("\n") if not l.startswith("#!")]
    first = lines[0] if lines else ""
    is_comment = first.startswith(("//", "/*", '"""')) or (first.startswith("# ") and not path.endswith((".cpp", ".h")))
    if not is_comment:
        yield f"{path}:1: a file opens with two to four lines: what, why here, what it must not depend on"


def links(path, text, files):
    """Relative links of a document lead somewhere."""
    if not path.endswith(".md"):
        return
    folders = {os.path.dirname(f) for f in files}
    folders |= {"/".join(d.split("/")[:i]) for d in folders for i in range(1, d.count("/") + 1)}
    for m in re.finditer(r"\]\(([^)#\s]+)(#[^)]*)?\)", text):
        target = m.group(1)
        if re.match(r"[a-z]+:", target):
            continue
        resolved = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if resolved not in files and resolved.rstrip("/") not in folders:
            yield f"{path}:{line_of(text, m.start())}: link to {target}, which is not there"


def passes(contents):
    """A pass has one name: definition, file, test."""
    definitions = contents.get("passes/Passes.td", "")
    for name, flag in re.findall(r'def\s+(\w+)\s*:\s*Pass<"([\w-]+)"', definitions):
        expected = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        if flag != expected:
            yield f"passes/Passes.td: pass {name} has flag --{flag}, expected --{expected}"
        found = [f for f in contents if os.path.basename(f) == f"{name}.cpp" and f.startswith(("passes/", "compiler/"))]
        if not found:
            yield f"passes/Passes.td: pass {name} has no {name}.cpp"
        if not any(f.endswith(f"/{expected}.mlir") and f.startswith("tests/") for f in contents):
            yield f"passes/Passes.td: pass {name} has no test {expected}.mlir"


def readme_program(contents):
    """The README's program is the compiled example, line by line."""
    block = re.search(r"```cpp\n(.*?)```", contents.get("README.md", ""), re.S)
    if not block:
        return
    example = {l.strip() for l in contents.get("examples/quickstart.cpp", "").split("\n")}
    for line in block.group(1).split("\n"):
        if line.strip() and line.strip() not in example:
            yield f"README.md: `{line.strip()}` does not stand in examples/quickstart.cpp"


def table_of_checks(contents, count=50):
    """Each row of docs/tracing-checks.md is there, and has tests that exist, or a rule or an issue instead."""
    document = "docs/tracing-checks.md"
    rows = re.findall(r"^\| (\d+) \|[^\n|]*\|([^\n]*)\|$", contents.get(document, ""), re.M)
    if [int(number) for number, _ in rows] != list(range(1, count + 1)):
        yield f"{document}: its rows are not those from 1 to {count}, in order"
    for number, where in rows:
        tests = re.findall(r'\]\(\.\./(tests/[^)]+)\)(?: "([^"]+)")?', where)
        if not tests and not re.search(r"DESIGN §\d|issue \d", where):
            yield f"{document}: row {number} has no test, no rule and no issue"
        for file, name in tests:
            cases = [re.sub(r'"\s*"', "", m) for m in re.findall(r'TEST_CASE\(\s*"((?:[^"\\]|\\.|"\s*")*)"', contents.get(file, ""))]
            if file not in contents:
                yield f"{document}: row {number} names {file}, which is not there"
            elif name and name not in cases:
                yield f'{document}: row {number} names the test "{name}", which {file} does not have'


def class_definitions(text):
    """The qualified names of the classes that a file defines, but those of anonymous namespaces and function bodies."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", "", without_comments_and_strings(text), flags=re.M)
    scopes, head = [], 0  # of each open brace: the name it adds, "" for none, None where what is inside is nobody else's
    for m in re.finditer(r"[{};]", code):
        opening, head = code[head:m.start()].strip(), m.end()
        if m.group() == "}" and scopes:
            scopes.pop()
        if m.group() != "{":
            continue
        while t := re.match(r"template\s*<", opening):
            end, depth = t.end(), 1
            while depth and end < len(opening):
                depth += {"<": 1, ">": -1}.get(opening[end], 0)
                end += 1
            opening = opening[end:].strip()
        opening = re.sub(r"\balignas\s*\([^)]*\)|\[\[.*?\]\]|\bBURIN_API\b|\b(public|private|protected)\s*:(?!:)", " ", opening).strip()
        space = re.match(r"(?:inline\s+)?namespace\b\s*([\w:]*)$", opening)
        defined = re.match(r"(?:class|struct|union|enum(?:\s+class)?)\s+([\w:]+(?:<[^{}]*?>)?)\s*(?:final\s*)?(?::(?!:)[^(]*)?$", opening)
        if space:
            scopes.append(space.group(1) or None)
        elif opening == "extern":
            scopes.append("")
        elif defined:
            name = "::".join([s for s in scopes if s] + [re.sub(r"\s+", "", defined.group(1))])
            if None not in scopes:
                yield name
            scopes.append(re.sub(r"\s+", "", defined.group(1)))
        else:
            scopes.append(None)


def one_definition(contents):
    """Two classes of one name link, and the members of one are then called on the other."""
    where = {}
    for path, text in sorted(contents.items()):
        if path.endswith((".h", ".cpp")) and path.startswith(("runtime/", "compiler/", "passes/", "frontend/")):
            for name in set(class_definitions(text)):
                where.setdefault(name, []).append(path)
    for name, paths in sorted(where.items()):
        if len(paths) > 1:
            yield f"{paths[1]}: {name} is a class of {paths[0]} too"


def generated(path):
    if path.endswith((".inc", ".pb.h", ".pb.cc", ".o", ".so", ".a")) or path.startswith("build"):
        yield f"{path}: generated files are not committed"


def main():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True,
                            text=True, check=True)
    contents = {}
    for path in listed.stdout.split("\n"):
        if path and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as f:
                contents[path] = f.read()
    findings = list(passes(contents)) + list(readme_program(contents)) + list(table_of_checks(contents)) + list(rooms(contents))
    findings += one_definition(contents)
    for path, text in sorted(contents.items()):
        for check in (includes, exceptions, environment, made_once, length, opening_comment):
            findings += check(path, text)
        findings += links(path, text, set(contents))
        findings += generated(path)
    print("\n".join(findings) or f"{len(contents)} files checked")
    return 1 if findings or not contents else 0


if __name__ == "__main__":
    sys.exit(main())

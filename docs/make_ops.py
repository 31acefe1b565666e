#!/usr/bin/env python3
"""Writes docs/ops.md: what burin-tblgen says of the catalogue, then the functions made of its ops, from their header.

make_ops.py GENERATED [--check]: GENERATED is generated/docs/ops.md of a build folder. --check compares instead.
"""
import difflib
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
HEADER = "frontend/include/burin/composites.h"


def composites(text):
    """Yields (names, declarations, documentation) for each documented group of declarations."""
    body = text[text.index("namespace burin {") :]
    for doc, declarations in re.findall(r"((?:^///[^\n]*\n)+)((?:^BURIN_API[^;]*;\n)+)", body, re.M):
        lines = [" ".join(d.replace("BURIN_API ", "").split()) + ";" for d in declarations.split(";\n") if d.strip()]
        lines = [re.sub(r",? std::source_location where = [^;]*?\(\)\)", ")", l) for l in lines]
        names = list(dict.fromkeys(re.search(r"(\w+)\(", l).group(1) for l in lines))
        yield names, lines, " ".join(l[4:] for l in doc.strip().split("\n"))


def page(generated):
    with open(os.path.join(ROOT, HEADER), encoding="utf-8") as f:
        groups = list(composites(f.read()))
    out = [generated.rstrip("\n"), "", "# Composites", ""]
    out += [f"Functions of [{os.path.basename(HEADER)}](../{HEADER}), made of the ops above: they have their dtypes, derivatives,",
            "batching and code."]
    for names, lines, doc in groups:
        out += ["", "## " + ", ".join(names), "", doc, "", "```cpp", *lines, "```"]
    return "\n".join(out) + "\n"


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        made = page(f.read())
    path = os.path.join(ROOT, "docs/ops.md")
    if "--check" not in sys.argv[2:]:
        with open(path, "w", encoding="utf-8") as f:
            f.write(made)
        return 0
    with open(path, encoding="utf-8") as f:
        kept = f.read()
    diff = list(difflib.unified_diff(kept.split("\n"), made.split("\n"), "docs/ops.md", "as generated", lineterm="", n=1))
    print("\n".join(diff[:40] + ["docs/ops.md is out of date: ./dev docs"]) if diff else "docs/ops.md is true")
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main())

# Shows that each check of check.py finds what it is there for, and leaves alone what is right.
import unittest

import check


class Checks(unittest.TestCase):
    def found(self, findings):
        return len(list(findings))

    def test_the_runtime_may_not_include_the_graph(self):
        self.assertEqual(self.found(check.includes("runtime/core/pool.cpp", '#include "compiler/graph/graph.h"\n')), 1)
        self.assertEqual(self.found(check.includes("compiler/graph/hash.cpp", '#include "runtime/ops/buffer.h"\n')), 0)

    def test_the_frontend_sees_the_compiler_through_its_facade_only(self):
        self.assertEqual(self.found(check.includes("frontend/execute/a.cpp", '#include "compiler/driver/Pipeline.h"\n')), 1)
        self.assertEqual(self.found(check.includes("frontend/execute/a.cpp", '#include "compiler/driver/Compiler.h"\n')), 0)

    def test_public_headers_include_no_mlir_llvm_or_spdlog(self):
        for header in ("mlir/IR/Value.h", "llvm/ADT/StringRef.h", "spdlog/spdlog.h", "frontend/record/tape.h"):
            self.assertEqual(self.found(check.includes("frontend/include/burin/a.h", f"#include <{header}>\n")), 1, header)
        self.assertEqual(self.found(check.includes("frontend/include/burin/a.h", "#include <vector>\n")), 0)

    def test_passes_do_not_see_code_generation(self):
        self.assertEqual(self.found(check.includes("passes/Prune.cpp", '#include "compiler/codegen/cpu/Emitter.h"\n')), 1)

    def test_nothing_above_a_target_names_it(self):
        named = '#include "compiler/codegen/cpu/Emitter.h"\n'
        for path in ("compiler/driver/Compile.cpp", "compiler/codegen/plan/a.cpp", "compiler/codegen/loops/a.cpp",
                     "compiler/codegen/null/a.cpp", "compiler/ops/Index.cpp", "compiler/codegen/host/HostInterpreter.cpp",
                     "compiler/codegen/host/HostToLlvm.cpp"):
            self.assertEqual(self.found(check.includes(path, named)), 1, path)
        self.assertEqual(self.found(check.includes("compiler/driver/Compile.cpp", '#include "compiler/codegen/Target.h"\n')), 0)

    def test_exceptions_outside_the_frontend_are_found(self):
        self.assertEqual(self.found(check.exceptions("compiler/graph/a.cpp", "void f() { throw 1; }\n")), 1)
        self.assertEqual(self.found(check.exceptions("compiler/graph/a.cpp", "// we never throw\nauto s = \"try {\";\n")), 0)
        self.assertEqual(self.found(check.exceptions("frontend/execute/a.cpp", "void f() { throw 1; }\n")), 0)

    def test_what_a_function_makes_once_has_no_lock(self):
        for made in ("static const int n = [] { return 1; }();", "static T& t = *new T;", "static const bool b = detect();",
                     "static rt::Immortal<T> t;"):
            self.assertEqual(self.found(check.made_once("runtime/core/a.cpp", f"int f() {{\n  {made}\n}}\n")), 1, made)
        for fine in ("static constinit Immortal<T> t;", "static const char* p = nullptr;", "static T make(int n) {", "static std::once_flag once;"):
            self.assertEqual(self.found(check.made_once("runtime/core/a.cpp", f"int f() {{\n  {fine}\n}}\n")), 0, fine)

    def test_the_environment_is_read_in_one_file(self):
        self.assertEqual(self.found(check.environment("frontend/a.cpp", 'auto s = std::getenv("X");\n')), 1)
        self.assertEqual(self.found(check.environment("runtime/core/environment.cpp", 'auto s = std::getenv("X");\n')), 0)

    def test_long_files_are_found_unless_they_are_tables(self):
        self.assertEqual(self.found(check.length("a.cpp", "// what\n" + "x;\n" * 900)), 1)
        self.assertEqual(self.found(check.length("a.cpp", "// The table of ops.\n" + "x;\n" * 900)), 0)

    def test_a_file_without_an_opening_comment_is_found(self):
        self.assertEqual(self.found(check.opening_comment("a.cpp", "#include <vector>\n")), 1)
        self.assertEqual(self.found(check.opening_comment("a.py", "#!/usr/bin/env python3\n# What.\n")), 0)

    def test_dead_links_are_found(self):
        files = {"README.md", "docs/a.md"}
        self.assertEqual(self.found(check.links("README.md", "[x](docs/b.md)", files)), 1)
        self.assertEqual(self.found(check.links("README.md", "[x](docs/a.md) [y](docs/) [z](https://a.b)", files)), 0)

    def test_a_pass_has_one_name(self):
        td = {"passes/Passes.td": 'def FuseKernels : Pass<"fuse-kernels"> {}', "passes/FuseKernels.cpp": "",
              "tests/passes/fuse-kernels.mlir": ""}
        self.assertEqual(self.found(check.passes(td)), 0)
        del td["tests/passes/fuse-kernels.mlir"]
        self.assertEqual(self.found(check.passes(td)), 1)
        self.assertEqual(self.found(check.passes({"passes/Passes.td": 'def Prune : Pass<"prune-nodes">'})), 3)

    def test_the_table_of_checks_names_tests_that_exist(self):
        rows = '| 1 | a | [t](../tests/a/t.cpp) "one", [t](../tests/a/t.cpp) "two" |\n| 2 | b | DESIGN §4 |\n'
        contents = {"docs/tracing-checks.md": rows, "tests/a/t.cpp": 'TEST_CASE("one") {}\nTEST_CASE(\n  "t"\n  "wo", "[.]") {}'}
        self.assertEqual(self.found(check.table_of_checks(contents, 2)), 0)
        self.assertEqual(self.found(check.table_of_checks(contents, 3)), 1)
        contents["tests/a/t.cpp"] = 'TEST_CASE("one") {}'
        self.assertEqual(self.found(check.table_of_checks(contents, 2)), 1)
        contents["docs/tracing-checks.md"] = rows + "| 3 | c | somewhere |\n| 4 | d | [u](../tests/a/u.cpp) |\n"
        self.assertEqual(self.found(check.table_of_checks(contents, 4)), 3)

    def test_the_readme_shows_the_compiled_example(self):
        contents = {"README.md": "```cpp\nint a;\nint b;\n```", "examples/quickstart.cpp": "int a;\n"}
        self.assertEqual(self.found(check.readme_program(contents)), 1)

    def test_two_classes_of_one_name_are_found(self):
        one = "namespace a::b {\nstruct Extent { int x; };\n}\n"
        other = "namespace a {\nclass Extent;\nnamespace b {\ntemplate <class T> class Extent final : public Base<T> {};\n}\n}\n"
        apart = ["namespace a { struct Extent {}; }", "namespace a::b { class Extent; void f(struct Extent x) { struct Extent {}; } }",
                 "namespace a::b { namespace { struct Extent {}; } }", "namespace a::b { struct C { struct Extent {}; }; }",
                 "namespace a::b { Extent size() { return {}; } // struct Extent {\n}"]
        contents = lambda text: {"compiler/a.h": one, "compiler/b.cpp": text}
        self.assertEqual(self.found(check.one_definition(contents(other))), 1)
        for text in apart:
            self.assertEqual(self.found(check.one_definition(contents(text))), 0, text)

    def test_generated_files_are_found(self):
        self.assertEqual(self.found(check.generated("runtime/ops/OpKinds.inc")), 1)


if __name__ == "__main__":
    unittest.main()

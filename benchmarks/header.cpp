// What a user's file costs to compile: <burin/burin.h> and one function, `g++ -O2`, against an empty file.
#include "benchmarks/bench.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace burin::bench {

void suite(Rows& rows) {
  auto compile = [](const char* source) {
    std::string command =
        std::string(BURIN_BENCH_COMPILER " -std=c++20 -O2 -c -o /dev/null " BURIN_BENCH_INCLUDES " ") + source;
    if (std::system(command.c_str()) != 0) throw std::runtime_error("bench_header: " + command + " failed");
  };
  rows.add({.name = "user_file", .ours = [=] { compile(BURIN_BENCH_CHILD_SOURCE); }, .once = true});
}

}  // namespace burin::bench

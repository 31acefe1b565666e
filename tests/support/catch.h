// The one place that names the test framework: Catch2 2.13, as Debian 12 packages it. Tests include this header only, so
// a move to another version touches one file.
#pragma once
#include <catch2/catch.hpp>

#include <cstdio>

/// Leaves the running test case, saying why; `./dev test` lists these lines. (Catch2 2.13 has no SKIP.)
#define BURIN_SKIP(why)                                                                            \
  do {                                                                                             \
    std::printf("[SKIP] %s: %s\n", Catch::getResultCapture().getCurrentTestName().c_str(), (why)); \
    std::fflush(stdout);                                                                           \
    SUCCEED(why);                                                                                  \
    return;                                                                                        \
  } while (false)

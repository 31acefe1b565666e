// Texts for parts of a Graph, as its printed form, errors and the inspector spell them.
#pragma once
#include "compiler/graph/graph.h"

namespace burin {

std::string_view name(InputKind);
std::string to_string(const SourceLine&);  ///< `examples/mlp.cpp:12`
std::string to_string(const Attribute&);   ///< `[0, 1]`, `"label"`, `f32`; large constants by type and digest
std::string hex(std::array<std::uint64_t, 2> digest);  ///< 32 digits
/// Names come from files too: control characters as `\\x1b`, so that a text says what it says on any terminal and in any
/// generated file. `lines`: line ends stay.
std::string printable(std::string_view, bool lines = false);

}  // namespace burin

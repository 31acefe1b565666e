//===- Text.h - small helpers that every emitter uses -------------------------------------------------------------===//
// Quoting, joining, wrapping. Knows nothing of the catalogue.
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace burin::tblgen {

/// The head of a generated C++ file.
std::string banner(llvm::StringRef what);
/// A C++ string literal.
std::string quoted(llvm::StringRef text);
std::string join(llvm::ArrayRef<std::string> parts, llvm::StringRef separator);
/// `text` as lines of at most `width` characters behind `prefix`, words whole. Of a prefix `/// @param ` only the slashes
/// stand before the lines that follow.
std::string wrapped(llvm::StringRef text, llvm::StringRef prefix, unsigned width = 120);

} // namespace burin::tblgen

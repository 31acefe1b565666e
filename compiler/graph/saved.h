// Saved function: one file `.burin` with every trace of a function, its call schema and its weights.
// Container: magic, section table with sizes and checksums, then the sections `function` (saved.proto) and `weights`
// (safetensors). A reader never trusts a file: sizes are checked before use, graphs are verified, texts are bounded.
#pragma once
#include "compiler/graph/graph.h"

#include <string>
#include <vector>

namespace burin {

/// A leaf of an argument or result tree, in the order in which the tree is walked.
struct SavedLeaf {
  enum class Kind : std::uint8_t { tensor, host, length } kind = Kind::tensor;
  std::string path;    ///< `arg0.w1`
  std::string type;    ///< of a host value: its C++ type
  std::string text;    ///< of a host value or a length
  bool weak = false;   ///< a C++ number given for a tensor
  bool state = false;  ///< belongs to a by-reference parameter: also an output
  friend bool operator==(const SavedLeaf&, const SavedLeaf&) = default;
};

/// A value that calls of the function keep between them.
struct SavedVariable {
  std::string name;
  HostTensor value;
};
/// A state input that is no argument but a variable.
struct SavedBinding {
  std::uint32_t input;     ///< into the graph's inputs
  std::uint32_t variable;  ///< into SavedFunction::variables
};

struct SavedTrace {
  Graph graph;
  std::vector<SavedLeaf> arguments;       ///< its tensors are the graph's inputs but captures and variables, in order
  std::vector<SavedLeaf> results;         ///< its tensors are the outputs of kind result, in order
  std::vector<HostTensor> captures;       ///< values of the inputs of kind capture, in order
  std::vector<SavedBinding> variables{};  ///< by input, ascending
  /// By input of the graph: what it is given, `SavedTrace::variables` and `captures` being counted in order.
  enum class Source : std::uint8_t { argument, capture, variable };
  std::vector<Source> sources() const;
};

struct SavedFunction {
  std::string name;
  std::vector<SavedTrace> traces;
  std::vector<SavedVariable> variables{};
  std::string producer{};  ///< the version that wrote the file; filled when read
};

/// The file's bytes. Graphs and schemas are verified first: a file that is written can be read.
Result<std::vector<std::uint8_t>> serialise(const SavedFunction&);
/// Weights share `file`'s memory. Every graph that comes out has passed verify().
Result<SavedFunction> deserialise(const Buffer& file);

/// The file is complete or not there: written beside its place and renamed.
Result<void> write_saved(const SavedFunction&, const std::string& path);
Result<SavedFunction> read_saved(const std::string& path);

namespace detail {
/// All of a regular file, which may be anything. Errors have no prefix that says what it was read for.
Result<Buffer> read_bytes(const std::string& path);
/// Arguments are the inputs but captures and variables, results the outputs of kind result, captures and variables have the
/// types of their inputs.
Result<void> check_schema(const SavedTrace&, std::span<const SavedVariable>);
/// The section `function` alone, for tests that get past the checksum.
Result<SavedFunction> decode_function(std::span<const std::uint8_t> section, std::span<const std::uint8_t> weights,
                                      const Buffer& memory);
struct Sections {
  std::span<const std::uint8_t> function, weights;
};
Result<Sections> open_container(std::span<const std::uint8_t> file);
std::vector<std::uint8_t> make_container(std::span<const std::uint8_t> function, std::span<const std::uint8_t> weights);
}  // namespace detail

}  // namespace burin

// Trees as files: each tensor under the path that it has in the tree, in the safetensors format, which other tools read.
#pragma once
#include <burin/tree.h>

#include <string>
#include <utility>
#include <vector>

namespace burin {

/// Leaves that a file has under other names: a path of the tree, of one leaf or of all below it, and what stands there in the
/// file. Example: `{{"w1", "weight"}, {"layers[0]", "encoder.first"}}`; the path "" is the whole tree.
using RenamedLeaves = std::vector<std::pair<std::string, std::string>>;

namespace detail {
BURIN_API void save_leaves(const std::string& file, const FlatTree&, const std::source_location&);
/// The file's tensors in the order of the tree's leaves.
BURIN_API std::vector<Tensor> load_leaves(const std::string& file, const FlatTree& like, const RenamedLeaves&,
                                          const std::source_location&);
}  // namespace detail

/// Writes the tensors of a tree under their paths (`layers[0].w`; "value" where the tree is a Tensor), with dtypes and shapes, as
/// a safetensors file. The file is complete or not there. Maps give their keys as names where these are texts or integers.
/// Host values are not written.
/// Throws InvalidArgument [tree-file] where two leaves have one path or a name is no UTF-8, [undefined] for a leaf without a
/// value, [file] where it cannot be written; TraceError in a trace.
/// Example: `save_tree("params.safetensors", params);`
template <class T>
void save_tree(const std::string& file, const T& tree, std::source_location where = std::source_location::current()) {
  detail::save_leaves(file, tree_flatten(tree), where);
}

/// A tree like `like` with the tensors of a file, found by the names of its leaves, in whatever order these have; host values are
/// those of `like`. A leaf of `like` that holds nothing takes any dtype and shape. The tensors have memory of their own.
/// Throws InvalidArgument [tree-file], one that lists all leaves that the file lacks, has besides, or has of another type;
/// [corrupt-file] for a file that is no safetensors or tells what cannot be, [file] where it cannot be read.
/// Example: `params = load_tree("params.safetensors", params);`
template <class T>
T load_tree(const std::string& file, const T& like, const RenamedLeaves& renamed = {},
            std::source_location where = std::source_location::current()) {
  return tree_unflatten(like, detail::load_leaves(file, tree_flatten(like), renamed, where), where);
}

}  // namespace burin

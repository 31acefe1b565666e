// save_tree and load_tree: which leaf has which name in the file, and what is wrong where tree and file do not fit.
// The format is compiler/graph/safetensors.h's.
#include <burin/tree_file.h>

#include "compiler/graph/safetensors.h"
#include "frontend/record/recorder.h"
#include "frontend/value/in_flight.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace burin::detail {

namespace {

constexpr std::size_t most_listed = 12;

Error refusal(std::string message, std::string hint = {}) {
  return {ErrorCode::invalid_argument, std::move(message), "tree-file", "", std::move(hint)};
}

// JSON is UTF-8: other bytes would come back as other names.
bool is_utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    const std::size_t more = c < 0x80 ? 0 : c >> 5 == 6 ? 1 : c >> 4 == 14 ? 2 : c >> 3 == 30 ? 3 : s.size();
    if (more >= s.size() - i) return false;
    std::uint32_t code = more == 0 ? c : c & (0x3fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(s[i + k]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3fu);
    }
    constexpr std::uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += more + 1;
  }
  return true;
}

std::string name_of(const std::string& path) { return path.empty() ? "value" : path; }

// `path` below `subtree`: what follows it, or nothing where it is not.
std::optional<std::string_view> below(std::string_view path, std::string_view subtree) {
  if (!path.starts_with(subtree)) return std::nullopt;
  path.remove_prefix(subtree.size());
  if (!subtree.empty() && !path.empty() && path[0] != '.' && path[0] != '[') return std::nullopt;
  return path;
}

// The name that a leaf has in the file: by the longest of the renamed paths above it.
std::string renamed_leaf(const std::string& path, const RenamedLeaves& renamed, std::vector<bool>& used) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < renamed.size(); ++i)
    if (below(path, renamed[i].first)) {
      used[i] = true;
      if (!best || renamed[i].first.size() > renamed[*best].first.size()) best = i;
    }
  if (!best) return name_of(path);
  const auto& [from, to] = renamed[*best];
  const std::string rest(*below(path, from));
  return to + (from.empty() && !rest.empty() && rest[0] != '[' && !to.empty() ? "." : "") + rest;
}

std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < most_listed; ++i) text += (i ? "; " : "") + items[i];
  return items.size() > most_listed ? text + "; and " + std::to_string(items.size() - most_listed) + " more" : text;
}

HostTensor copied(const HostTensor& from, const std::string& file, const std::source_location& where) {
  HostTensor to{from.type, Buffer::allocate(from.num_bytes())};
  if (!to.buffer)
    fail({ErrorCode::device, "load_tree: no memory for the tensors of '" + file + "'", "out-of-memory", "", ""}, where);
  if (from.num_bytes() > 0)
    std::memcpy(to.buffer.mutable_data(), from.buffer.data(), static_cast<std::size_t>(from.num_bytes()));
  return to;
}

}  // namespace

void save_leaves(const std::string& file, const FlatTree& tree, const std::source_location& where) {
  std::vector<NamedTensor> tensors;
  std::set<std::string> names;
  for (std::size_t i = 0; i < tree.leaves.size(); ++i) {
    const std::string name = name_of(tree.paths[i]);
    const Content c = HandleAccess::read(tree.leaves[i]);
    if (!c.defined())
      fail({ErrorCode::invalid_argument, "save_tree: " + name + " holds nothing", "undefined", "", "assign it first"},
           where);
    if (c.node.get()->traced())
      fail({ErrorCode::trace, "save_tree: " + name + " is being traced and has no value yet", "no-value", "",
            "return the tree, and save what the call gives"},
           where);
    if (!is_utf8(name) || name == "__metadata__")
      fail(refusal("save_tree: leaf " + std::to_string(i) + " has a name that no file can hold",
                   "name it in UTF-8, and not __metadata__"),
           where);
    if (!names.insert(name).second)
      fail(refusal("save_tree: two leaves are called " + name, "give the elements of maps keys without . and ["),
           where);
    tensors.push_back({name, read_value(*c.node.get())});
  }
  if (auto ok = write_tensor_file(tensors, file); !ok) {
    ok.error().message.insert(0, "save_tree: ");
    fail(std::move(ok.error()), where);
  }
}

std::vector<Tensor> load_leaves(const std::string& file, const FlatTree& like, const RenamedLeaves& renamed,
                                const std::source_location& where) {
  auto read = read_tensor_file(file);
  if (!read) {
    read.error().message.insert(0, "load_tree: ");
    fail(std::move(read.error()), where);
  }
  std::map<std::string, const HostTensor*> in_file;
  for (const NamedTensor& t : *read) in_file[t.name] = &t.value;

  std::vector<Tensor> found;
  std::vector<std::string> wrong, missing, extra;
  std::vector<bool> used(renamed.size());
  std::set<std::string> taken;
  for (std::size_t i = 0; i < like.leaves.size(); ++i) {
    const std::string leaf = name_of(like.paths[i]), name = renamed_leaf(like.paths[i], renamed, used);
    const std::string said = leaf == name ? leaf : leaf + " ('" + name + "' in the file)";
    taken.insert(name);
    const auto it = in_file.find(name);
    if (it == in_file.end()) {
      missing.push_back(leaf);
      wrong.push_back(said + " is missing");
      continue;
    }
    const HostTensor& value = *it->second;
    const Content wanted = HandleAccess::read(like.leaves[i]);
    if (wanted.defined() && type_of(wanted.node) != value.type)
      wrong.push_back(said + " is " + to_string(value.type) + ", expected " + to_string(type_of(wanted.node)));
    else if (wrong.empty())  // where the leaf is
      found.push_back(HandleAccess::make(
          make_on(wanted.defined() ? wanted.node.get()->device : scope_device, copied(value, file, where), where)));
  }
  for (auto& [name, value] : in_file)
    if (!taken.contains(name)) {
      extra.push_back(name);
      wrong.push_back("'" + name + "' (" + to_string(value->type) + ") is no leaf of the tree");
    }
  for (std::size_t i = 0; i < renamed.size(); ++i)
    if (!used[i]) wrong.push_back("the renamed " + renamed[i].first + " is no leaf of the tree");
  if (wrong.empty()) return found;
  std::string hint;
  if (!missing.empty() && !extra.empty())
    hint = "of a leaf that was renamed give both names: load_tree(file, like, {{\"" + missing[0] + "\", \"" + extra[0] +
           "\"}})";
  fail(refusal("load_tree: '" + file + "' does not fit the tree: " + listed(wrong), std::move(hint)), where);
}

}  // namespace burin::detail

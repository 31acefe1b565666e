// Keys: made from the leaves of a call, compared with them, and explained. See function_state.h.
#include "frontend/function/function_state.h"

#include "runtime/core/warning.h"

#include <algorithm>
#include <limits>

namespace burin::detail {

namespace {

std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
  h ^= x + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
  return h * 0xff51afd7ed558ccdu;
}
std::uint64_t mix(std::uint64_t h, std::string_view s) {
  for (unsigned char c : s) h = (h ^ c) * 0x100000001b3u;
  return mix(h, s.size());
}

bool same_host(const KeyField& f, const Leaf& l) {
  if (f.kind != l.kind || f.host_kind != l.host_kind || f.bits != l.bits || f.type != l.type) return false;
  return l.kind != Leaf::Kind::host || l.host_kind != HostValue::Kind::text || f.text == l.text;
}

constexpr std::int8_t no_name = -1, expression = -2;
constexpr Dim unbound = Dim::from_word(std::numeric_limits<std::int64_t>::min());

// Compares one size with what the key says; binds a name that stands there for the first time.
bool fit(const Key& key, const KeyField& f, std::size_t axis, Dim given, Dim* bound) {
  Dim wanted = f.tensor.shape[axis];
  if (wanted == given && f.size_name[axis] == no_name) return true;
  if (f.size_name[axis] == no_name) return false;
  if (f.size_name[axis] == expression) {
    std::vector<DimBinding> bindings;
    for (std::size_t n = 0; n < key.names.size(); ++n)
      if (bound[n] != unbound) bindings.push_back({key.names[n], bound[n]});
    return substitute(wanted, bindings) == given;
  }
  Dim& b = bound[static_cast<std::size_t>(f.size_name[axis])];
  if (b == unbound) b = given;
  return b == given;
}

bool fits(const Key& key, const KeyField& f, const TensorType& given, bool weak, Dim* bound) {
  if (given.shape.size() != f.tensor.shape.size()) return false;
  if (given.dtype != f.tensor.dtype &&
      !(f.from_signature && weak && given.shape.empty() && category(given.dtype) <= category(f.tensor.dtype)))
    return false;
  if (!f.from_signature && weak != f.weak) return false;
  for (std::size_t i = 0; i < given.shape.size(); ++i)
    if (!fit(key, f, i, given.shape[i], bound)) return false;
  return true;
}

// ` with n = 4`: what the arguments before have bound.
std::string sizes_so_far(const Key& key, const std::vector<Dim>& bound) {
  std::string text;
  for (std::size_t n = 0; n < key.names.size(); ++n)
    if (bound[n] != unbound)
      text += (text.empty() ? " with " : ", ") + key.names[n] + " = " + burin::to_string(bound[n]);
  return text;
}

// Says for each size of the field which name it is.
void index_names(Key& key, KeyField& f) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < f.tensor.shape.size(); ++i) {
    Dim d = f.tensor.shape[i];
    names.clear();
    collect_names(d, names);
    for (auto& n : names)
      if (std::find(key.names.begin(), key.names.end(), n) == key.names.end()) key.names.push_back(n);
    if (names.empty()) f.size_name[i] = no_name;
    else if (names.size() > 1 || burin::to_string(d) != names[0]) f.size_name[i] = expression;
    else
      f.size_name[i] =
          static_cast<std::int8_t>(std::find(key.names.begin(), key.names.end(), names[0]) - key.names.begin());
  }
}

void hash_fields(Key& key) {
  std::uint64_t h = mix(key.level, key.fields.size());
  for (auto& k : key.fields) {
    h = mix(h, static_cast<std::uint64_t>(k.kind) | static_cast<std::uint64_t>(k.host_kind) << 8 |
                   std::uint64_t{k.weak} << 16);
    h = mix(h, k.bits);
    if (k.kind == Leaf::Kind::tensor) {
      h = mix(h, static_cast<std::uint64_t>(k.tensor.dtype));
      for (Dim d : k.tensor.shape) h = mix(h, static_cast<std::uint64_t>(d.word()));
    } else {
      h = mix(mix(h, std::string_view(k.text)), k.type);
    }
  }
  key.hash = h;
}

}  // namespace

std::string to_string(const KeyField& f) {
  switch (f.kind) {
    case Leaf::Kind::tensor: return to_string(f.tensor) + (f.weak ? " (weak)" : "");
    case Leaf::Kind::length: return std::to_string(f.bits) + (f.bits == 1 ? " element" : " elements");
    case Leaf::Kind::host: break;
  }
  switch (f.host_kind) {
    case HostValue::Kind::boolean: return f.bits ? "true" : "false";
    case HostValue::Kind::integer:
      return std::to_string(static_cast<std::int64_t>(f.bits)) +
             (f.type == "int" ? "" : " (" + std::string(f.type) + ")");
    case HostValue::Kind::real: {
      std::string s = std::to_string(__builtin_bit_cast(double, f.bits));
      while (s.size() > 3 && s.back() == '0' && s[s.size() - 2] != '.') s.pop_back();
      return s + (f.type == "double" ? "" : " (" + std::string(f.type) + ")");
    }
    case HostValue::Kind::text: return "\"" + f.text + "\"";
  }
  return "?";
}

void finish_key(Key& key) {
  key.names.clear();
  for (auto& k : key.fields)
    if (k.kind == Leaf::Kind::tensor) index_names(key, k);
  hash_fields(key);
}

Error signature_count(const FunctionState& f, std::size_t tensors) {
  return {ErrorCode::invalid_argument,
          f.name + ": the arguments hold " + std::to_string(tensors) + " tensors; the input signature names " +
              std::to_string(f.options.signature.size()),
          "signature", "",
          "give a spec for each tensor, in order, or name some by path: spec<f32>(\"arg1\", {\"batch\"})"};
}

bool by_path(const FunctionState& f) { return !f.options.signature.empty() && !f.options.signature[0].path.empty(); }
const Spec* spec_of(const FunctionState& f, std::size_t position, const std::string& path) {
  const auto& signature = f.options.signature;
  if (!by_path(f)) return position < signature.size() ? &signature[position] : nullptr;
  auto it = std::find_if(signature.begin(), signature.end(), [&](const Spec& s) { return s.path == path; });
  return it == signature.end() ? nullptr : &*it;
}
void check_paths(const FunctionState& f, const std::vector<std::string>& tensors) {
  if (!by_path(f)) return;
  for (const Spec& s : f.options.signature) {
    if (std::find(tensors.begin(), tensors.end(), s.path) != tensors.end()) continue;
    std::string list;
    for (auto& t : tensors) list += (list.empty() ? "" : ", ") + t;
    fail({ErrorCode::invalid_argument,
          f.name + ": the input signature names " + s.path + ", which is no tensor of the arguments", "signature", "",
          tensors.empty() ? "they hold none" : "there are " + list},
         f.where);
  }
}

Key make_key(const FunctionState& f, std::span<const Leaf> leaves, Mode mode, const std::vector<std::string>& paths) {
  Key key;
  key.level = mode.level;
  key.device = mode.device;
  key.by_scope = true;  // until an argument tells
  const auto& signature = f.options.signature;
  std::vector<std::string> tensors;
  for (std::size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i].kind == Leaf::Kind::tensor) tensors.push_back(paths[i]);
  if (!signature.empty() && !by_path(f) && tensors.size() != signature.size())
    fail(signature_count(f, tensors.size()), f.where);
  check_paths(f, tensors);
  std::size_t next = 0;
  std::vector<Dim> bound(max_names, unbound);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Leaf& l = leaves[i];
    KeyField k{l.kind};
    k.state = l.state;
    k.donated = l.donated;
    if (l.kind == Leaf::Kind::tensor) {
      Content c = HandleAccess::raw(*l.tensor);
      if (!c.defined())
        fail({ErrorCode::invalid_argument, f.name + ": " + paths[i] + " is undefined; nothing was assigned to it",
              "undefined", "", ""},
             f.where);
      check_usable(c, l.tensor, f.where);
      if (const Node& n = *c.node.get(); !mode.in_trace && !n.number && !n.stands_in && !n.traced()) {
        if (!key.by_scope && n.device != key.device) fail(mixed_devices(f.name, key.device, n.device), f.where);
        key.device = n.device;
        key.by_scope = false;
      }
      k.tensor = type_of(c.node);
      k.weak = c.weak;
      const Spec* spec = spec_of(f, next++, paths[i]);
      if (spec || c.node.get()->stands_in) {
        if (spec) k.tensor = spec->type;
        k.weak = false;
        k.from_signature = true;
        index_names(key, k);
        if (key.names.size() > max_names)
          fail({ErrorCode::invalid_argument, f.name + ": the input signature has more than 16 named sizes", "signature",
                "", ""},
               f.where);
        const std::vector<Dim> sizes_before = bound;
        if (!fits(key, k, type_of(c.node), c.weak, bound.data()))
          fail({ErrorCode::invalid_argument,
                f.name + ": " + paths[i] + " is " + burin::to_string(type_of(c.node)) +
                    "; the input signature asks for " + burin::to_string(k.tensor) + sizes_so_far(key, sizes_before),
                "signature", "", ""},
               f.where);
      }
    } else {
      k.host_kind = l.host_kind;
      k.bits = l.bits;
      k.text = l.text;
      k.type = l.type;
    }
    key.fields.push_back(std::move(k));
  }
  hash_fields(key);
  return key;
}

// Whether the call runs on a device that the key's code is for, where not all is as when it was traced: C++ numbers are on no
// device, another device of the same kind and chip will do. Values on several are make_key's to refuse.
static bool device_fits(const Key& key, std::span<const Leaf> leaves, Mode mode) {
  if (mode.in_trace) return key.device == mode.device;
  int device = -1;
  for (const Leaf& l : leaves) {
    if (l.kind != Leaf::Kind::tensor) continue;
    const Node& n = *HandleAccess::node(*l.tensor).get();
    if (n.number || n.stands_in || n.traced()) continue;
    if (device >= 0 && device != n.device) return false;
    device = n.device;
  }
  if (device < 0) return key.device == mode.device;
  return same_class(key.device, static_cast<std::uint8_t>(device));
}

bool matches(const Key& key, std::span<const Leaf> leaves, Mode mode, Dim* bound) {
  if (key.level != mode.level || key.fields.size() != leaves.size()) return false;
  // All of it 0 in the common case: arguments where they were when it was traced.
  unsigned elsewhere = (mode.in_trace | key.by_scope) ? key.device ^ mode.device : 0u;
  for (std::size_t n = 0; n < key.names.size(); ++n) bound[n] = unbound;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const KeyField& f = key.fields[i];
    const Leaf& l = leaves[i];
    if (l.kind != Leaf::Kind::tensor) {
      if (!same_host(f, l)) return false;
      continue;
    }
    if (f.kind != Leaf::Kind::tensor) return false;
    const Node* n = HandleAccess::node(*l.tensor).get();
    if (!n || n->maybe_undefined || !fits(key, f, n->value.type, HandleAccess::weak(*l.tensor), bound)) return false;
    elsewhere |= (n->device ^ key.device) | (n->number ? mode.device : 0u);
  }
  return elsewhere == 0 || device_fits(key, leaves, mode);
}

// A number, and no enum: that has the name of a type that nobody can make a Scalar of.
static bool is_number(const KeyField& f) {
  if (f.host_kind == HostValue::Kind::real) return true;
  constexpr std::string_view words[] = {"int", "long", "short", "char", "signed", "unsigned"};
  return f.host_kind == HostValue::Kind::integer &&
         std::find(std::begin(words), std::end(words), f.type.substr(0, f.type.find(' '))) != std::end(words);
}

// `spec<f32>("arg1", {"n0", 4})`: what would have served both types.
static std::string spec_text(const std::string& path, const TensorType& was, const TensorType& is, const Key& key,
                             std::vector<std::pair<std::pair<Dim, Dim>, std::string>>& names) {
  std::string text = "spec<" + std::string(name(is.dtype)) + ">(\"" + path + "\", {";
  for (std::size_t d = 0; d < is.shape.size(); ++d) {
    text += d ? ", " : "";
    if (is.shape[d] == was.shape[d]) {
      text += burin::to_string(is.shape[d]);
      continue;
    }
    const std::pair change(was.shape[d], is.shape[d]);
    auto it = std::find_if(names.begin(), names.end(), [&](auto& n) { return n.first == change; });
    if (it == names.end()) {
      std::string fresh;
      for (std::size_t n = 0; fresh.empty(); ++n) {
        const std::string name = "n" + std::to_string(n);
        const bool taken = std::find(key.names.begin(), key.names.end(), name) != key.names.end() ||
                           std::any_of(names.begin(), names.end(), [&](auto& k) { return k.second == name; });
        if (!taken) fresh = name;
      }
      it = names.insert(it, {change, fresh});
    }
    text += "\"" + it->second + "\"";
  }
  return text + "})";
}

std::string explain_trace(FunctionState& f, const Entry& made, std::span<const std::shared_ptr<const Entry>> before) {
  if (before.empty()) return "trace of \"" + f.name + "\": the first one";
  // Fields are compared by path: a container that grew moves those behind it.
  auto find = [](const Entry& e, const std::string& path, Leaf::Kind kind) {  // an optional's two share a path
    const KeyField* found = nullptr;
    for (std::size_t i = 0; i < e.paths.size(); ++i)
      if (e.paths[i] == path && (!found || e.key.fields[i].kind == kind)) found = &e.key.fields[i];
    return found;
  };
  auto known = [](const Entry& e, const std::string& path) {
    return std::find(e.paths.begin(), e.paths.end(), path) != e.paths.end();
  };
  auto same = [](const KeyField& p, const KeyField& q) { return p.same_kind(q) && to_string(p) == to_string(q); };
  const Entry* nearest = nullptr;
  std::size_t fewest = ~std::size_t{0};
  for (auto& e : before) {
    std::size_t differ = (e->key.level != made.key.level) + (e->key.device != made.key.device);
    for (std::size_t i = 0; i < made.paths.size(); ++i) {
      const KeyField* was = find(*e, made.paths[i], made.key.fields[i].kind);
      differ += !was || !same(*was, made.key.fields[i]);
    }
    for (auto& path : e->paths) differ += !known(made, path);
    if (differ <= fewest) {  // the latest of equals
      fewest = differ;
      nearest = e.get();
    }
  }
  std::string text = "retrace of \"" + f.name + "\":";
  std::string hint, specs;
  std::vector<std::pair<std::pair<Dim, Dim>, std::string>> names;  // by change: what changed alike is one size
  if (level_of(nearest->key.level) != level_of(made.key.level)) text += " another level;";
  if (nearest->key.device != made.key.device)
    text += " device: " + device_name(nearest->key.device) + " -> " + device_name(made.key.device) + ";";
  if (is_checked(nearest->key.level) != is_checked(made.key.level))
    text += is_checked(made.key.level) ? " check mode: off -> on;" : " check mode: on -> off;";
  for (std::size_t i = 0; i < made.paths.size(); ++i) {
    const std::string& path = made.paths[i];
    const KeyField& is = made.key.fields[i];
    const KeyField* old = find(*nearest, path, is.kind);
    if (!old) {
      text += " " + path + ": new, " + to_string(is) + ";";
      continue;
    }
    const KeyField& was = *old;
    if (same(was, is)) continue;
    if (is.kind == Leaf::Kind::length && was.kind == Leaf::Kind::length && hint.empty())
      hint = "a container's length is part of the key; one stacked tensor whose first size has a name needs one trace";
    std::string a = to_string(was), b = to_string(is);
    text += " " + path + ": " + a + " -> " + b + ";";
    if (is.kind == Leaf::Kind::host && was.kind == Leaf::Kind::host) {
      const bool number = is_number(is);
      std::string scalar =
          number ? "declare it Scalar<" + std::string(is.type) + "> where its value need not be known while tracing"
                 : "";
      if (fewest == 1) {
        auto it =
            std::find_if(f.static_retraces.begin(), f.static_retraces.end(), [&](auto& x) { return x.first == path; });
        if (it == f.static_retraces.end()) it = f.static_retraces.insert(it, {path, 0});
        if (++it->second == 2 && number)
          rt::warn(f.name + ": the static argument " + path + " caused its second retrace (" + a + " -> " + b + "); " +
                   scalar);
      }
      if (hint.empty()) hint = scalar;
    } else if (is.kind == Leaf::Kind::tensor && was.kind == Leaf::Kind::tensor && hint.empty()) {
      if (is.tensor.dtype != was.tensor.dtype) {
        hint = "cast the argument to one dtype";
      } else if (is.weak != was.weak && is.tensor == was.tensor) {
        hint = "a number is weakly typed, a result is not; begin with zeros(...), full(...) or cast(...) for one trace";
      } else if (is.tensor.shape.is_static() && was.tensor.shape.is_static() &&
                 is.tensor.shape.rank() == was.tensor.shape.rank() && is.tensor.shape != was.tensor.shape) {
        specs += (specs.empty() ? "" : ", ") + spec_text(path, was.tensor, is.tensor, made.key, names);
      }
    }
  }
  if (hint.empty() && !specs.empty())
    hint = f.options.signature.empty() ? "name the size in an input signature: .signature = {" + specs + "}"
                                       : "add to the input signature: " + specs;
  for (auto& path : nearest->paths)
    if (!known(made, path)) text += " " + path + ": gone;";
  if (!text.empty() && text.back() == ';') text.pop_back();
  return hint.empty() ? text : text + "\n  hint: " + hint;
}

}  // namespace burin::detail

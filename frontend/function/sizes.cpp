// Traces for named sizes without an input signature: which sizes get a name, and whether such a trace serves a call.
#include "frontend/execute/log.h"
#include "frontend/function/tracer.h"

#include <algorithm>
#include <map>
#include <set>

namespace burin::detail {

namespace {

// How many sizes differ; none where the keys differ in more than sizes.
std::optional<std::size_t> differing_sizes(const Key& a, const Key& b) {
  if (a.level != b.level || a.device != b.device || a.fields.size() != b.fields.size()) return std::nullopt;
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    const KeyField &x = a.fields[i], &y = b.fields[i];
    if (!x.same_kind(y) || x.bits != y.bits || x.text != y.text || x.weak != y.weak || x.state != y.state)
      return std::nullopt;
    if (x.kind != Leaf::Kind::tensor) continue;
    if (x.tensor.dtype != y.tensor.dtype || x.tensor.shape.size() != y.tensor.shape.size()) return std::nullopt;
    for (std::size_t d = 0; d < x.tensor.shape.size(); ++d) count += x.tensor.shape[d] != y.tensor.shape[d];
  }
  return count;
}

// The sizes that are numbers.
std::vector<Dim> numbers_of(const Key& key) {
  std::vector<Dim> numbers;
  for (const KeyField& k : key.fields)
    for (Dim d : k.tensor.shape)
      if (d.is_known() && std::find(numbers.begin(), numbers.end(), d) == numbers.end()) numbers.push_back(d);
  return numbers;
}

// Whether a size with a name is what another one is too, so that the host sees equal sizes where the trace has two.
bool coincide(std::span<const Dim> bound, std::span<const Dim> numbers) {
  for (std::size_t i = 0; i < bound.size(); ++i)
    if (std::find(bound.begin(), bound.begin() + static_cast<std::ptrdiff_t>(i), bound[i]) !=
            bound.begin() + static_cast<std::ptrdiff_t>(i) ||
        std::find(numbers.begin(), numbers.end(), bound[i]) != numbers.end())
      return true;
  return false;
}

}  // namespace

std::optional<Key> name_sizes(const Key& key, std::span<const std::shared_ptr<const Entry>> before) {
  const Key* nearest = nullptr;
  std::size_t fewest = 0;
  for (auto& e : before)
    if (auto n = differing_sizes(e->key, key); n && *n && (!nearest || *n <= fewest)) {  // the latest of equals
      nearest = &e->key;
      fewest = *n;
    }
  if (!nearest || !key.names.empty()) return std::nullopt;
  Key named = key;
  // Sizes that changed alike are taken for one: a batch of rows and a batch of labels.
  std::map<std::pair<std::int64_t, std::int64_t>, Dim> names;
  std::set<std::int64_t> differed;
  bool all_named = true;
  for (std::size_t i = 0; i < key.fields.size(); ++i) {
    KeyField& k = named.fields[i];
    for (std::size_t d = 0; d < k.tensor.shape.size(); ++d) {
      const Dim was = nearest->fields[i].tensor.shape[d], is = k.tensor.shape[d];
      if (was == is) continue;
      differed.insert(was.word());
      all_named &= !was.is_known();
      auto [it, fresh] = names.try_emplace({was.word(), is.word()});
      if (fresh) it->second = Dim("n" + std::to_string(names.size() - 1));
      k.tensor.shape[d] = it->second;
    }
  }
  if (all_named && names.size() == differed.size())
    return std::nullopt;  // that trace exists; its guards refuse the call
  if (names.size() > max_names) return std::nullopt;
  std::vector<Dim> bound;
  for (auto& [change, name] : names) bound.push_back(Dim::from_word(change.second));
  if (coincide(bound, numbers_of(named))) return std::nullopt;
  finish_key(named);
  return named;
}

bool guards_allow(const Entry& e, const Dim* bound) {
  if (e.numbers && coincide({bound, e.key.names.size()}, *e.numbers)) return false;
  if (e.graph->guards().empty()) return true;
  std::vector<DimBinding> bindings;
  for (std::size_t i = 0; i < e.key.names.size(); ++i) bindings.push_back({e.key.names[i], bound[i]});
  for (auto& g : e.graph->guards())
    if (decide(g, bindings) == false) return false;
  return true;
}

std::shared_ptr<Entry> trace_named(FunctionState& f, Call& call, const Key& named,
                                   const std::vector<std::string>& paths, Call::TraceThunk trace, void* user) {
  auto refused = [&](const std::string& why) {
    log_to(Log::trace, Severity::info,
           [&] { return "\"" + f.name + "\" is not traced for named sizes (reduce_retracing): " + why; });
    return nullptr;
  };
  std::shared_ptr<Entry> entry;
  try {
    entry = trace_entry(f, call, named, paths, trace, user);
    entry->numbers = numbers_of(named);
  } catch (const BurinError& e) { return refused(e.error.text()); }
  Dim bound[max_names];
  if (!matches(named, call.leaves(), Mode{named.level, named.device}, bound) || !guards_allow(*entry, bound))
    return refused("its guards do not allow the sizes of this call");
  return entry;
}

}  // namespace burin::detail

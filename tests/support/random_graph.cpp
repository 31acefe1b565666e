// The generator: grows a graph op by op from a pool of values; whatever the shape rules accept is taken.
#include "tests/support/random_graph.h"

#include "compiler/graph/prune.h"
#include "compiler/graph/sizes.h"
#include "tests/support/elements.h"

#include <algorithm>
#include <random>

namespace burin::test {
namespace {

using Values = std::vector<ValueId>;

class Generator {
 public:
  Generator(std::uint64_t seed, const RandomOptions& options) : random_(seed), options_(options) {
    // Small sizes, one and the empty tensor among them, and some that are no multiple of a vector.
    const std::int64_t choices[] = {0, 1, 2, 3, 5, 8, 17, 33};
    for (auto& b : bindings_) b.value = choices[pick(options.tiny ? 2 : std::size(choices))];
  }

  Case run() {
    const std::size_t inputs = 2 + pick(4);
    for (std::size_t i = 0; i < inputs; ++i) add_input();
    for (int i = 0; i < options_.ops; ++i) step(0);
    // The latest values are the likeliest to need the others.
    const std::size_t outputs = 1 + pick(3);
    for (std::size_t i = 0; i < outputs; ++i)
      graph_.add_output(OutputKind::result, pool_[pool_.size() - 1 - std::min(pick(4) + i, pool_.size() - 1)], "");
    if (options_.states) add_states();
    graph_.name = "random";
    return {std::move(graph_), std::move(inputs_)};
  }

 private:
  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }
  bool chance(std::size_t percent) { return pick(100) < percent; }
  const TensorType& type(ValueId v) const { return graph_.type(v); }

  // -- types and data ----------------------------------------------------------------------------------------------
  Dim random_size() {
    const std::int64_t sizes[] = {1, 1, 2, 3, 4, 4, 7, 8, 16, 19, 0};
    if (options_.named_sizes && chance(35)) return Dim(bindings_[pick(2)].name);
    if (options_.tiny) return chance(90) ? 1 : 0;
    return sizes[pick(chance(5) ? 11 : 10)];
  }
  Dtype random_dtype() {
    const Dtype common[] = {f32, f32, f32, f32, i32, i32, Dtype::boolean};
    return chance(55) ? common[pick(std::size(common))] : static_cast<Dtype>(pick(num_dtypes));
  }
  Shape random_shape() {
    Shape s;
    const std::size_t ranks[] = {0, 1, 1, 2, 2, 2, 3, 4, 6};
    for (std::size_t i = ranks[pick(std::size(ranks))]; i > 0; --i)
      s.push_back(i > 3 && !options_.tiny ? Dim(1 + static_cast<std::int64_t>(pick(2))) : random_size());
    return s;
  }
  /// Whole numbers and quarters near zero: sums and products of a few of them are exact in every dtype of floats.
  HostTensor data(const TensorType& t) {
    HostTensor h{substitute(t, bindings_), {}};
    h.buffer = Buffer::allocate(h.num_bytes());
    for (std::int64_t i = 0; i < h.num_elements(); ++i) {
      const int n = static_cast<int>(pick(9)) - 4;
      const double x = is_floating(t.dtype) && chance(30) ? n / 4.0 : n;
      set_element(h, i, x);
    }
    return h;
  }
  void add_input() {
    TensorType t{random_dtype(), random_shape()};
    InputKind kind = chance(20) ? InputKind::capture : InputKind::argument;
    if (options_.states && chance(80)) kind = InputKind::state;
    if (kind == InputKind::capture) t = substitute(t, bindings_);  // a capture is bound to one value
    pool_.push_back(graph_.add_input(kind, t, "in" + std::to_string(inputs_.size())));
    inputs_.push_back(data(t));
  }

  void add_states() {
    for (std::uint32_t k = 0; k < graph_.inputs().size(); ++k) {
      if (graph_.inputs()[k].kind != InputKind::state || chance(15)) continue;
      Values fitting;
      for (ValueId v : pool_)
        if (type(v) == type(graph_.inputs()[k].value)) fitting.push_back(v);
      graph_.add_output(OutputKind::state, fitting[pick(fitting.size())], "", k);
    }
  }

  // -- ops -----------------------------------------------------------------------------------------------------------
  /// Appends if the shape rule accepts it, without guards that the sizes at hand break.
  bool op(OpKind kind, Values operands, Attributes attributes = {}) {
    std::vector<TensorType> types;
    for (ValueId v : operands) types.push_back(type(v));
    std::vector<Guard> guards;
    auto results = infer_types(kind, {types, attributes, chance(30) ? &guards : nullptr});
    if (!results) return false;
    for (const Guard& g : guards)
      if (decide(g, bindings_) != true) return false;
    const auto known = graph_.size_names();
    for (const TensorType& t : *results) {
      std::vector<std::string> used;
      for (Dim d : t.shape) collect_names(d, used);
      for (const std::string& name : used)
        if (std::find(known.begin(), known.end(), name) == known.end()) return false;
      const auto n = substitute(t.shape.num_elements(), bindings_);
      if (!n.is_known() || n.value() > 40000) return false;
    }
    for (const Guard& g : guards) graph_.add_guard(g);
    const OpId id = graph_.append(block_, kind, operands, std::move(attributes), *results, line());
    for (std::uint32_t i = 0; i < results->size(); ++i) pool_.push_back(graph_.result(graph_.op(id), i));
    return true;
  }
  std::uint32_t line() {
    return chance(50) ? graph_.intern_line({"random.cpp", "random", static_cast<std::uint32_t>(1 + pick(30)), 1}) : 0;
  }

  ValueId any() {
    return pool_[chance(60) ? pool_.size() - 1 - pick(std::min<std::size_t>(6, pool_.size())) : pick(pool_.size())];
  }
  template <class F> ValueId any_where(F accepts) {
    for (int i = 0; i < 12; ++i)
      if (ValueId v = any(); accepts(v)) return v;
    return ValueId::none;
  }
  ValueId constant(const TensorType& t) {
    if (!t.shape.is_static()) return ValueId::none;
    return op(OpKind::constant, {}, {make_constant(data(t))}) ? pool_.back() : ValueId::none;
  }
  /// A value of that dtype: from the pool, by a cast, or a scalar constant.
  ValueId of_dtype(Dtype dtype) {
    if (ValueId v = any_where([&](ValueId x) { return type(x).dtype == dtype; }); v != ValueId::none) return v;
    if (chance(50) && op(OpKind::cast, {any()}, {dtype})) return pool_.back();
    return constant({dtype, {}});
  }
  /// The same, with a shape that broadcasts with `like`.
  ValueId matching(Dtype dtype, const Shape& like) {
    auto fits = [&](ValueId v) {
      if (type(v).dtype != dtype) return false;
      const Shape& s = type(v).shape;
      for (std::size_t i = 0; i < std::min(s.size(), like.size()); ++i) {
        const Dim a = s[s.size() - 1 - i], b = like[like.size() - 1 - i];
        if (a != b && a != Dim(1) && b != Dim(1)) return false;
      }
      return true;
    };
    if (ValueId v = any_where(fits); v != ValueId::none) return v;
    Shape s;
    const std::size_t skip = like.empty() ? 0 : pick(like.size() + 1);
    for (std::size_t i = skip; i < like.size(); ++i) s.push_back(like[i].is_known() && chance(70) ? like[i] : Dim(1));
    return constant({dtype, s});
  }

  void step(int depth) {
    for (int tries = 0; tries < 8; ++tries) {
      const std::size_t kind = pick(100);
      bool done = false;
      if (kind < 52) done = elementwise();
      else if (kind < 64) done = reduction();
      else if (kind < 82) done = movement();
      else if (kind < 88) done = product();
      else if (kind < 92) done = indexing();
      else if (kind < 94) done = creation();
      else if (kind < 95) done = options_.prints && op(OpKind::print, {any()}, {"p" + std::to_string(pick(100))});
      else if (options_.regions && depth < 2) done = kind < 98 ? branch(depth) : loop(depth);
      if (done) return;
    }
  }

  /// From the catalogue, so that a new elementwise op is covered without a line here.
  bool elementwise() {
    static const std::vector<const OpInfo*> ops = [] {
      std::vector<const OpInfo*> list;
      for (const OpInfo& info : catalogue())
        if (info.elementwise) list.push_back(&info);
      return list;
    }();
    if (chance(12)) return op(OpKind::cast, {any()}, {random_dtype()});
    const OpInfo& info = *ops[pick(ops.size())];
    // The shared dtype follows a value at hand that its class takes.
    Dtype shared = f32;
    Shape like;
    for (const DtypeClass& c : info.operand_dtypes) {
      if (!c.shared) continue;
      const ValueId v = any_where([&](ValueId x) { return c.contains(type(x).dtype); });
      if (v == ValueId::none) return false;
      shared = type(v).dtype;
      like = type(v).shape;
    }
    if (info.mnemonic == "exp") {  // kept in range, or infinities drown everything
      const ValueId x = of_dtype(shared), four = constant({shared, {}});
      return x != ValueId::none && four != ValueId::none && op(OpKind::min, {x, four}) && op(info.kind, {pool_.back()});
    }
    Values operands;
    for (const DtypeClass& c : info.operand_dtypes) {
      Dtype want = shared;
      if (!c.shared)
        for (int t = 0; t < num_dtypes; ++t)
          if (c.contains(static_cast<Dtype>(t))) want = static_cast<Dtype>(t);
      operands.push_back(matching(want, like));
      if (operands.back() == ValueId::none) return false;
      if (type(operands.back()).shape.size() > like.size()) like = type(operands.back()).shape;
    }
    return op(info.kind, operands);
  }

  bool reduction() {
    const ValueId x = any_where([&](ValueId v) { return type(v).dtype != Dtype::boolean && !type(v).shape.empty(); });
    if (x == ValueId::none) return false;
    const std::size_t rank = type(x).shape.size();
    if (chance(20) && is_floating(type(x).dtype)) return softmax(x, static_cast<std::int64_t>(pick(rank)));
    if (chance(20)) return op(OpKind::argmin, {x}, {static_cast<std::int64_t>(pick(rank))});
    std::vector<std::int64_t> axes;
    for (std::size_t i = 0; i < rank; ++i)
      if (chance(55)) axes.push_back(static_cast<std::int64_t>(i));
    return op(chance(60) ? OpKind::reduce_sum : OpKind::reduce_max, {x}, {axes, chance(50)});
  }

  /// Reductions that are read back over what they reduced: one kernel in several passes.
  bool softmax(ValueId x, std::int64_t axis) {
    const Attributes along{std::vector<std::int64_t>{axis}, true};
    if (!op(OpKind::reduce_max, {x}, along) || !op(OpKind::sub, {x, pool_.back()})) return false;
    if (!op(OpKind::exp, {pool_.back()})) return false;
    const ValueId e = pool_.back();
    return op(OpKind::reduce_sum, {e}, along) && op(OpKind::div, {e, pool_.back()});
  }

  bool movement() {
    const ValueId x = any();
    const Shape s = type(x).shape;
    switch (pick(7)) {
      case 0: {
        std::vector<std::int64_t> permutation(s.size());
        for (std::size_t i = 0; i < s.size(); ++i) permutation[i] = static_cast<std::int64_t>(i);
        std::shuffle(permutation.begin(), permutation.end(), random_);
        return op(OpKind::transpose, {x}, {permutation});
      }
      case 1: {
        std::vector<Dim> to(s.begin(), s.end());
        for (Dim& d : to)
          if (d == Dim(1) && chance(70)) d = random_size();
        if (to.size() < 4 && chance(50)) to.insert(to.begin(), random_size());
        return op(OpKind::broadcast_to, {x}, {to});
      }
      case 2: {
        std::vector<Dim> to;
        if (s.empty() || chance(30)) to = {s.num_elements()};
        else {  // join two neighbours, or put in a one
          to.assign(s.begin(), s.end());
          const std::size_t i = pick(to.size());
          if (i + 1 < to.size() && chance(60)) {
            to[i] = to[i] * to[i + 1];
            to.erase(to.begin() + static_cast<std::ptrdiff_t>(i) + 1);
          } else if (to.size() < 6) {
            to.insert(to.begin() + static_cast<std::ptrdiff_t>(i), Dim(1));
          }
        }
        return op(OpKind::reshape, {x}, {to});
      }
      case 3: {
        const ValueId y =
            any_where([&](ValueId v) { return type(v).dtype == type(x).dtype && type(v).shape.size() == s.size(); });
        if (s.empty() || y == ValueId::none) return false;
        Values parts{x, y};
        while (chance(30)) parts.push_back(chance(50) ? x : y);  // now and then more than are read in place
        return op(OpKind::concatenate, parts, {static_cast<std::int64_t>(pick(s.size()))});
      }
      case 4:
      case 5: {
        std::vector<Dim> starts, sizes;
        std::vector<std::int64_t> strides;
        for (Dim d : s) {
          const std::int64_t n = d.is_known() ? d.value() : 0,
                             start = n > 0 ? static_cast<std::int64_t>(pick(static_cast<std::size_t>(n))) : 0;
          const std::int64_t stride = 1 + static_cast<std::int64_t>(pick(3));
          if (!d.is_known() && chance(50)) {  // all but the first, or the last
            starts.push_back(pick(2));
            strides.push_back(1);
            sizes.push_back(d - 1);
            continue;
          }
          const bool whole = !d.is_known() || chance(40);
          starts.push_back(whole ? 0 : start);
          strides.push_back(whole ? 1 : stride);
          sizes.push_back(whole ? d : Dim(pick(static_cast<std::size_t>((n - start + stride - 1) / stride) + 1)));
        }
        return op(OpKind::slice, {x}, {starts, sizes, chance(50) ? strides : std::vector<std::int64_t>(s.size(), 1)});
      }
      default: {
        const ValueId known = any_where([&](ValueId v) { return type(v) == TensorType{type(x).dtype, {}}; });
        const ValueId fill = known != ValueId::none && chance(50) ? known : constant({type(x).dtype, {}});
        std::vector<Dim> low, high;
        std::vector<std::int64_t> interior;
        for (std::size_t i = 0; i < s.size(); ++i) {
          low.push_back(chance(50) ? 0 : pick(3));
          high.push_back(chance(50) ? 0 : pick(3));
          interior.push_back(chance(20) ? 1 : 0);
        }
        return fill != ValueId::none &&
               op(OpKind::pad, {x, fill}, {low, high, chance(40) ? interior : std::vector<std::int64_t>()});
      }
    }
  }

  bool product() {
    const ValueId x =
        any_where([&](ValueId v) { return type(v).dtype != Dtype::boolean && type(v).shape.size() >= 2; });
    if (x == ValueId::none) return false;
    const ValueId y = any_where([&](ValueId v) { return type(v).dtype == type(x).dtype && type(v).shape.size() >= 2; });
    if (y != ValueId::none && op(OpKind::matmul, {x, y})) return true;
    const Dim k = type(x).shape.back();
    const ValueId w = k.is_known() ? constant({type(x).dtype, {k, 1 + pick(9)}}) : ValueId::none;
    if (w != ValueId::none) return op(OpKind::matmul, {x, w});
    std::vector<std::int64_t> swapped;
    for (std::size_t i = 0; i < type(x).shape.size(); ++i) swapped.push_back(static_cast<std::int64_t>(i));
    std::swap(swapped[swapped.size() - 1], swapped[swapped.size() - 2]);
    return op(OpKind::transpose, {x}, {swapped}) && op(OpKind::matmul, {x, pool_.back()});
  }

  /// Indices in range: constants below the axis's size.
  bool indexing() {
    const ValueId x = any_where([&](ValueId v) {
      const Shape& s = type(v).shape;
      return type(v).dtype != Dtype::boolean && !s.empty() && s.size() < 5 && s[0].is_known() && s[0].value() > 0;
    });
    if (x == ValueId::none) return false;
    HostTensor indices{{chance(50) ? i32 : i64, {1 + pick(6)}}, {}};
    indices.buffer = Buffer::allocate(indices.num_bytes());
    for (std::int64_t i = 0; i < indices.num_elements(); ++i)
      set_element(indices, i, static_cast<double>(pick(static_cast<std::size_t>(type(x).shape[0].value()))));
    const Dim count = indices.type.shape[0];
    if (!op(OpKind::constant, {}, {make_constant(std::move(indices))})) return false;
    const ValueId places = pool_.back();
    if (chance(60)) return op(OpKind::gather, {x, places}, {std::int64_t{0}});
    std::vector<Dim> to(type(x).shape.begin(), type(x).shape.end());
    to[0] = count;
    const ValueId one = constant({type(x).dtype, {}});
    return op(OpKind::broadcast_to, {one}, {to}) &&
           op(OpKind::scatter_add, {x, places, pool_.back()}, {std::int64_t{0}});
  }

  bool creation() {
    const Shape s = random_shape();
    const std::vector<Dim> dims(s.begin(), s.end());
    if (chance(30)) {
      const ValueId key = constant({u32, {2}}), counter = constant({u32, {4}});
      return op(OpKind::random_bits, {key, counter}, {dims});
    }
    return !s.empty() && op(OpKind::iota, {}, {dims, static_cast<std::int64_t>(pick(s.size())), random_dtype()});
  }

  // -- regions -------------------------------------------------------------------------------------------------------
  /// Grows a region; its values leave the pool at the end.
  template <class F> BlockId region(BlockId block, F fill) {
    const BlockId outer = block_;
    const std::size_t height = pool_.size();
    block_ = block;
    const Values yields = fill();
    graph_.set_yields(block, yields);
    block_ = outer;
    pool_.resize(height);
    return block;
  }
  /// The latest value of that type; there is one, because `targets` are in the pool.
  ValueId of_type(const TensorType& t) {
    const std::size_t skip = pick(3);
    ValueId found = ValueId::none;
    std::size_t seen = 0;
    for (std::size_t i = pool_.size(); i-- > 0;)
      if (type(pool_[i]) == t) {
        found = pool_[i];
        if (seen++ == skip) break;
      }
    return found;
  }
  std::vector<TensorType> types_of(const Values& values) {
    std::vector<TensorType> r;
    for (ValueId v : values) r.push_back(type(v));
    return r;
  }
  void append_region_op(OpKind kind, const Values& operands, const std::vector<TensorType>& results,
                        std::vector<BlockId> regions) {
    const OpId id = graph_.append(block_, kind, operands, region_attributes(kind), results, line(), std::move(regions));
    for (std::uint32_t i = 0; i < results.size(); ++i) pool_.push_back(graph_.result(graph_.op(id), i));
  }
  void fill(int depth) {
    for (std::size_t i = 1 + pick(4); i > 0; --i) step(depth + 1);
  }

  bool branch(int depth) {
    ValueId condition = any_where([&](ValueId v) { return type(v).dtype == Dtype::boolean && type(v).shape.empty(); });
    if (condition == ValueId::none) condition = constant({Dtype::boolean, {}});
    Values targets;
    for (std::size_t i = 1 + pick(3); i > 0; --i) targets.push_back(any());
    const auto types = types_of(targets);
    std::vector<BlockId> regions;
    for (int side = 0; side < 2; ++side)
      regions.push_back(region(graph_.add_block(block_), [&] {
        if (side == 0 || chance(70)) fill(depth);
        Values yields;
        for (const TensorType& t : types) yields.push_back(of_type(t));
        return yields;
      }));
    append_region_op(OpKind::if_, {condition}, types, regions);
    return true;
  }

  bool loop(int depth) {
    const ValueId zero = scalar(0), one = scalar(1), trips = scalar(static_cast<int>(pick(4)));
    Values inits{zero};
    for (std::size_t i = 1 + pick(2); i > 0; --i) inits.push_back(any());
    const auto carried = types_of(inits);
    const BlockId test = graph_.add_block(block_);
    Values arguments;
    for (const TensorType& t : carried) arguments.push_back(graph_.add_argument(test, t));
    std::vector<TensorType> handed;
    region(test, [&] {
      pool_.insert(pool_.end(), arguments.begin() + 1, arguments.end());
      if (chance(30)) step(depth + 1);
      Values yields;
      op(OpKind::less, {arguments[0], trips});
      yields.push_back(pool_.back());
      yields.insert(yields.end(), arguments.begin(), arguments.end());
      if (chance(30)) yields.push_back(any());  // what the test made is handed on too
      handed = types_of(Values(yields.begin() + 1, yields.end()));
      return yields;
    });
    const BlockId body = graph_.add_block(block_);
    Values given;
    for (const TensorType& t : handed) given.push_back(graph_.add_argument(body, t));
    region(body, [&] {
      pool_.insert(pool_.end(), given.begin() + 1, given.end());
      fill(depth);
      Values yields;
      op(OpKind::add, {given[0], one});
      yields.push_back(pool_.back());
      pool_.pop_back();
      for (std::size_t i = 1; i < carried.size(); ++i) yields.push_back(of_type(carried[i]));
      return yields;
    });
    append_region_op(OpKind::while_, inits, handed, {test, body});
    return true;
  }
  ValueId scalar(int n) {
    HostTensor h{{i32, {}}, Buffer::allocate(4)};
    set_element(h, 0, n);
    op(OpKind::constant, {}, {make_constant(std::move(h))});
    return pool_.back();
  }

  std::mt19937_64 random_;
  RandomOptions options_;
  Graph graph_;
  BlockId block_ = BlockId::top;
  Values pool_;
  std::vector<HostTensor> inputs_;
  DimBinding bindings_[2] = {{"n", 0}, {"m", 0}};
};

}  // namespace

Case random_case(std::uint64_t seed, const RandomOptions& options) { return Generator(seed, options).run(); }

}  // namespace burin::test

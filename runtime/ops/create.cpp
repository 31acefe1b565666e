// constant iota cast print: ops that make, convert or show a tensor. Shape rules, then the referee's kernels.
#include "runtime/ops/scalar.h"
#include "runtime/ops/shape_rules.h"

namespace burin::shape_rules {

Types constant(const ShapeQuery& q) {
  return std::vector<TensorType>{attribute<std::shared_ptr<const Constant>>(q, 0)->value.type};
}

Types iota(const ShapeQuery& q) {
  auto shape = sizes_attribute(q, 0);
  if (!shape) return shape.error();
  std::int64_t axis = attribute<std::int64_t>(q, 1);
  if (axis < 0 || axis >= shape->rank())
    return violation(q, "axis",
                     "axis " + std::to_string(axis) + " is out of range: shape is " + to_string(*shape) +
                         "; expected " +
                         (shape->rank() == 0 ? "one size or more" : "0 to " + std::to_string(shape->rank() - 1)));
  if (q.dtypes[0] == Dtype::boolean)
    return violation(q, "dtype", "dtype is bool, which cannot count; expected " + to_string(numeric_dtypes));
  return one(q, *shape);
}

/// For ops without results.
Types nothing(const ShapeQuery&) { return std::vector<TensorType>{}; }

}  // namespace burin::shape_rules

namespace burin::reference {

/// Shares the constant's bytes: they are immutable.
void constant(std::span<const HostTensor>, std::span<HostTensor> results, const Attributes& attributes,
              const KernelSink&) {
  results[0] = std::get<std::shared_ptr<const Constant>>(attributes[0])->value;
}

void iota(std::span<const HostTensor>, std::span<HostTensor> results, const Attributes& attributes, const KernelSink&) {
  auto axis = static_cast<int>(std::get<std::int64_t>(attributes[1]));
  scalar::Sizes sizes(results[0].type.shape);
  std::int64_t inner = sizes.product(axis + 1, sizes.rank);
  visit<numeric_dtypes>(results[0].type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* out = static_cast<scalar::Stored<T>*>(results[0].buffer.mutable_data());
    for (std::int64_t i = 0, n = sizes.count(); i < n; ++i) {
      std::int64_t at = i / inner % sizes[axis];
      if constexpr (std::is_same_v<scalar::Value<T>, double>) out[i] = scalar::store<T>(static_cast<double>(at));
      else out[i] = scalar::store<T>(scalar::Value<T>(at));
    }
  });
}

namespace {

/// One element from type F to type T; docs/numerics.md has the table.
template <class T, class F> scalar::Value<T> convert(scalar::Value<F> x) {
  using To = scalar::Value<T>;
  if constexpr (std::is_same_v<To, scalar::Value<F>>) return x;
  else if constexpr (std::is_same_v<To, bool>) return !(x == scalar::Value<F>(0));
  else if constexpr (std::is_same_v<F, bool>) return x ? To(1) : To(0);
  else if constexpr (std::is_same_v<To, double>) return static_cast<double>(x.value);
  else if constexpr (std::is_same_v<scalar::Value<F>, double>) {
    return To(scalar::saturate<T>(x));
  } else return To(x.value);
}

}  // namespace

void cast(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes&, const KernelSink&) {
  std::int64_t n = results[0].num_elements();
  visit(operands[0].type.dtype, [&]<class F>(std::type_identity<F>) {
    visit(results[0].type.dtype, [&]<class T>(std::type_identity<T>) {
      auto* in = static_cast<const scalar::Stored<F>*>(operands[0].buffer.data());
      auto* out = static_cast<scalar::Stored<T>*>(results[0].buffer.mutable_data());
      for (std::int64_t i = 0; i < n; ++i) {
        // 64 bits to less than a double must round once: a double in between would round first.
        constexpr bool wide = is_integer(dtype_of<F>) && dtype_info(dtype_of<F>).digits > 53;
        if constexpr (wide && std::is_same_v<T, float>) out[i] = static_cast<float>(in[i]);
        else if constexpr (wide && is_narrow_float(dtype_of<T>)) out[i] = scalar::to_narrow_exactly<T>(in[i]);
        else out[i] = scalar::store<T>(convert<T, F>(scalar::load<F>(in[i])));
      }
    });
  });
}

void print(std::span<const HostTensor> operands, std::span<HostTensor>, const Attributes& attributes,
           const KernelSink& sink) {
  if (sink.print) sink.print(sink.self, std::get<std::string>(attributes[0]), operands[0]);
}

}  // namespace burin::reference

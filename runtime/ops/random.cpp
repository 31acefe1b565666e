// random_bits: shape rule, then the referee: Philox 4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3,
// SC 2011, section 3.3).
#include "runtime/ops/scalar.h"
#include "runtime/ops/shape_rules.h"

namespace burin::shape_rules {

Types random_bits(const ShapeQuery& q) {
  const Shape &key = q.operands[0].shape, &counter = q.operands[1].shape;
  if (key.rank() != 1 || counter.rank() != 1 || !same_size(q, key[0], 2) || !same_size(q, counter[0], 4))
    return violation(q, "shape-mismatch", operand_text(q) + "; expected u32[2] and u32[4]");
  auto shape = sizes_attribute(q, 0);
  if (!shape) return shape.error();
  return one(q, *shape);
}

}  // namespace burin::shape_rules

namespace burin::reference {

namespace {

using Words = std::array<std::uint32_t, 4>;

Words philox(Words c, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0], p1 = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key1, static_cast<std::uint32_t>(p0)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c;
}

}  // namespace

void random_bits(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes&,
                 const KernelSink&) {
  auto *key = operands[0].data<std::uint32_t>(), *counter = operands[1].data<std::uint32_t>();
  auto* out = static_cast<std::uint32_t*>(results[0].buffer.mutable_data());
  std::uint64_t low = counter[0] | std::uint64_t{counter[1]} << 32;
  Words words{};
  for (std::int64_t i = 0, n = results[0].num_elements(); i < n; ++i) {
    if (i % 4 == 0) {
      std::uint64_t at = low + static_cast<std::uint64_t>(i / 4);
      words = philox({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at >> 32), counter[2], counter[3]},
                     key[0], key[1]);
    }
    out[i] = words[static_cast<std::size_t>(i % 4)];
  }
}

}  // namespace burin::reference

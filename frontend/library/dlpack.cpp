// Tensors from and to other libraries by DLPack.
#include "frontend/library/dlpack.h"

#include "frontend/record/recorder.h"

#include <cstring>
#include <optional>

namespace burin {

namespace {

std::optional<Dtype> from_dlpack(DLDataType t) {
  if (t.lanes != 1) return std::nullopt;
  switch (t.code) {
    case kDLInt: return t.bits == 32 ? std::optional(i32) : t.bits == 64 ? std::optional(i64) : std::nullopt;
    case kDLUInt: return t.bits == 8 ? std::optional(u8) : t.bits == 32 ? std::optional(u32) : std::nullopt;
    case kDLFloat: return t.bits == 32 ? std::optional(f32) : t.bits == 64 ? std::optional(f64) : std::nullopt;
    case kDLBfloat: return t.bits == 16 ? std::optional(bf16) : std::nullopt;
    case kDLBool: return t.bits == 8 ? std::optional(boolean) : std::nullopt;
    default: return std::nullopt;
  }
}
DLDataType to_dlpack_type(Dtype d) {
  auto bits = static_cast<std::uint8_t>(byte_size(d) * 8);
  if (d == boolean) return {kDLBool, 8, 1};
  if (d == bf16) return {kDLBfloat, 16, 1};
  if (is_floating(d)) return {kDLFloat, bits, 1};
  return {static_cast<std::uint8_t>(is_signed(d) ? kDLInt : kDLUInt), bits, 1};
}

bool dense(const DLTensor& t) {
  if (!t.strides) return true;
  std::int64_t want = 1;
  for (int i = t.ndim; i-- > 0;) {
    if (t.shape[i] != 1 && t.strides[i] != want) return false;
    want *= t.shape[i];
  }
  return true;
}

void copy_strided(const DLTensor& t, int axis, const std::uint8_t* from, std::int64_t size, std::uint8_t*& to) {
  if (axis == t.ndim) {
    std::memcpy(to, from, static_cast<std::size_t>(size));
    to += size;
    return;
  }
  std::int64_t stride = size;  // in bytes
  if (t.strides) stride = t.strides[axis] * size;
  else
    for (int a = axis + 1; a < t.ndim; ++a) stride *= t.shape[a];
  for (std::int64_t i = 0; i < t.shape[axis]; ++i) copy_strided(t, axis + 1, from + i * stride, size, to);
}

}  // namespace

Tensor Tensor::from_dlpack(DLManagedTensor* managed) {
  std::shared_ptr<DLManagedTensor> owner(managed, [](DLManagedTensor* m) {
    if (m && m->deleter) m->deleter(m);
  });
  auto refuse = [](std::string why, const char* tag) {
    detail::fail({ErrorCode::invalid_argument, "from_dlpack: " + why, tag, "", ""}, {});
  };
  if (!managed) refuse("the tensor is null", "null");
  const DLTensor& t = managed->dl_tensor;
  if (t.device.device_type != kDLCPU)
    refuse("the tensor is not in host memory (device type " + std::to_string(t.device.device_type) + ")", "device");
  auto dtype = burin::from_dlpack(t.dtype);
  if (!dtype)
    refuse(
        "no dtype of ours has code " + std::to_string(t.dtype.code) + " and " + std::to_string(t.dtype.bits) + " bits",
        "dtype");
  if (t.ndim < 0 || t.ndim > max_rank)
    refuse("the rank is " + std::to_string(t.ndim) + "; expected at most " + std::to_string(max_rank), "rank");
  for (int i = 0; i < t.ndim; ++i)
    if (t.shape[i] < 0)
      refuse("size " + std::to_string(t.shape[i]) + " in dim " + std::to_string(i) + "; expected 0 or more",
             "negative-size");
  TensorType type{*dtype, Shape::of({t.shape, static_cast<std::size_t>(t.ndim)})};
  std::int64_t bytes = type.shape.num_elements().value() * byte_size(*dtype);
  const auto* data = static_cast<const std::uint8_t*>(t.data) + t.byte_offset;
  bool aligned = reinterpret_cast<std::uintptr_t>(data) % static_cast<std::size_t>(byte_size(*dtype)) == 0;
  if (dense(t) && aligned)
    return detail::HandleAccess::make(detail::make_eager({type, Buffer::adopt(data, bytes, [owner] {})}));
  HostTensor copy{type, Buffer::allocate(bytes)};
  if (!copy.buffer)
    detail::fail({ErrorCode::device, "out of memory: " + to_string(type) + " does not fit", "out-of-memory", "", ""},
                 {});
  auto* to = static_cast<std::uint8_t*>(copy.buffer.mutable_data());
  copy_strided(t, 0, data, byte_size(*dtype), to);
  return detail::HandleAccess::make(detail::make_eager(std::move(copy)));
}

DLManagedTensor* Tensor::to_dlpack() const {
  struct Export {
    DLManagedTensor managed{};
    Buffer buffer;
    std::vector<std::int64_t> shape;
  };
  auto e = std::make_unique<Export>();
  const void* data = data_as(dtype(), std::source_location::current());
  e->buffer = node_.get()->value.buffer;
  for (Dim d : shape()) e->shape.push_back(d.value());
  e->managed.dl_tensor = {const_cast<void*>(data), {kDLCPU, 0}, rank(), to_dlpack_type(dtype()),
                          e->shape.data(),         nullptr,     0};
  e->managed.manager_ctx = e.get();
  e->managed.deleter = [](DLManagedTensor* m) { std::default_delete<Export>()(static_cast<Export*>(m->manager_ctx)); };
  return &e.release()->managed;
}

}  // namespace burin

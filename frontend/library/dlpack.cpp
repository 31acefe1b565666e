// Tensors from and to other libraries by DLPack.
#include "frontend/library/dlpack.h"

#include "frontend/record/recorder.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace burin {

namespace {

std::optional<Dtype> from_dlpack(DLDataType t) {
  for (int i = 0; i < num_dtypes && t.lanes == 1; ++i)
    if (auto d = static_cast<Dtype>(i); dtype_info(d).dlpack == t.code && dtype_info(d).bits == t.bits) return d;
  return std::nullopt;
}
DLDataType to_dlpack_type(Dtype d) {
  return {static_cast<std::uint8_t>(dtype_info(d).dlpack), static_cast<std::uint8_t>(dtype_info(d).bits), 1};
}
/// What a type that no dtype of ours has is called.
std::string unknown_type(DLDataType t) {
  for (const ReservedDtype& reserved : reserved_dtypes)
    if (t.lanes == 1 && reserved.dlpack == t.code && reserved.bits == t.bits)
      return "the elements are " + std::string(reserved.name) + ", a dtype that burin does not have yet";
  return "no dtype of ours has code " + std::to_string(t.code) + " and " + std::to_string(t.bits) + " bits";
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
  if (!dtype) refuse(unknown_type(t.dtype), "dtype");
  if (t.ndim < 0 || t.ndim > max_rank)
    refuse("the rank is " + std::to_string(t.ndim) + "; expected at most " + std::to_string(max_rank), "rank");
  for (int i = 0; i < t.ndim; ++i)
    if (t.shape[i] < 0)
      refuse("size " + std::to_string(t.shape[i]) + " in dim " + std::to_string(i) + "; expected 0 or more",
             "negative-size");
  TensorType type{*dtype, Shape::of({t.shape, static_cast<std::size_t>(t.ndim)})};
  if (num_bytes(type).is_overflow()) refuse("no memory can hold " + to_string(type), "too-large");
  const std::int64_t size = num_bytes(type).value(), element = bytes(*dtype, 1);
  const auto* data = static_cast<const std::uint8_t*>(t.data) + t.byte_offset;
  bool aligned = reinterpret_cast<std::uintptr_t>(data) % static_cast<std::size_t>(element_alignment(*dtype)) == 0;
  if (dense(t) && aligned)
    return detail::HandleAccess::make(detail::make_eager(HostTensor{type, Buffer::adopt(data, size, [owner] {})}));
  HostTensor copy{type, Buffer::allocate(size)};
  if (!copy.buffer)
    detail::fail({ErrorCode::device, "out of memory: " + to_string(type) + " does not fit", "out-of-memory", "", ""},
                 {});
  auto* to = static_cast<std::uint8_t*>(copy.buffer.mutable_data());
  if (size > 0) copy_strided(t, 0, data, element, to);
  return detail::HandleAccess::make(detail::make_eager(std::move(copy)));
}

DLManagedTensor* Tensor::to_dlpack() const {
  struct Export {
    DLManagedTensor managed{};
    DeviceBuffer buffer;
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

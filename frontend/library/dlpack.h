// The ABI of DLPack v0 (github.com/dmlc/dlpack, Apache-2.0), the part that tensors on the CPU need: declared here so that
// nothing has to be installed. The layout is fixed by that specification.
#pragma once
#include <cstdint>

extern "C" {
enum DLDeviceType { kDLCPU = 1 };
struct DLDevice {
  std::int32_t device_type, device_id;
};
enum DLDataTypeCode { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLBool = 6 };
struct DLDataType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: dense, row-major
  std::uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor* self);
};
}

// Between the catalogue's types and attributes and MLIR's.
#include "compiler/ir/Types.h"

#include "mlir/IR/Builders.h"

#include <cstring>

using namespace mlir;

namespace burin::ir {

mlir::Type toMlir(MLIRContext *context, Dtype dtype) {
  const DtypeInfo &row = dtype_info(dtype);
  auto width = static_cast<unsigned>(row.bits);
  switch (row.kind) {
  case DtypeKind::boolean:
    return IntegerType::get(context, 1);
  case DtypeKind::unsigned_integer:
    return IntegerType::get(context, width, IntegerType::Unsigned);
  case DtypeKind::signed_integer:
    return IntegerType::get(context, width);
  case DtypeKind::floating:
    for (FloatType type : std::initializer_list<FloatType>{BFloat16Type::get(context), Float16Type::get(context),
                                                           Float32Type::get(context), Float64Type::get(context)})
      if (type.getWidth() == width && type.getFPMantissaWidth() == static_cast<unsigned>(row.digits)) return type;
  }
  llvm_unreachable("a dtype that MLIR has no type for");
}

std::optional<Dtype> toDtype(mlir::Type type) {
  for (int i = 0; i < num_dtypes; ++i)
    if (auto dtype = static_cast<Dtype>(i); toMlir(type.getContext(), dtype) == type) return dtype;
  return std::nullopt;
}

bool isNarrowFloat(mlir::Type type) {
  auto real = dyn_cast<FloatType>(type);
  return real && real.getWidth() < 32;
}

RankedTensorType toMlir(MLIRContext *context, const TensorType &type) {
  SmallVector<int64_t> sizes;
  SmallVector<int64_t> words;
  bool known = true;
  for (Dim dim : type.shape) {
    sizes.push_back(dim.is_known() ? dim.value() : ShapedType::kDynamic);
    words.push_back(dim.word());
    known &= dim.is_known();
  }
  mlir::Attribute encoding;
  if (!known) encoding = DimsAttr::get(context, words);
  return RankedTensorType::get(sizes, toMlir(context, type.dtype), encoding);
}

std::optional<TensorType> toTensorType(mlir::Type type) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  if (!ranked || ranked.getRank() > max_rank) return std::nullopt;
  auto dtype = toDtype(ranked.getElementType());
  if (!dtype) return std::nullopt;
  TensorType result{*dtype, {}};
  auto dims = dyn_cast_or_null<DimsAttr>(ranked.getEncoding());
  for (auto [i, size] : llvm::enumerate(ranked.getShape())) {
    if (!ShapedType::isDynamic(size))
      result.shape.push_back(size);
    else if (dims && i < dims.size())
      result.shape.push_back(dims.dim(i));
    else
      return std::nullopt;
  }
  return result;
}

DenseElementsAttr toElements(MLIRContext *context, const HostTensor &value) {
  RankedTensorType type = toMlir(context, value.type);
  if (value.type.dtype == Dtype::boolean) {
    SmallVector<bool> bits;
    for (std::int64_t i = 0; i < value.num_elements(); ++i) bits.push_back(value.data<std::uint8_t>()[i] != 0);
    return DenseElementsAttr::get(type, ArrayRef<bool>(bits));
  }
  return DenseElementsAttr::getFromRawBuffer(
      type, ArrayRef<char>(value.data<char>(), static_cast<std::size_t>(value.num_bytes())));
}

HostTensor toHostTensor(DenseElementsAttr elements) {
  HostTensor value;
  value.type = *toTensorType(elements.getType());
  value.buffer = Buffer::allocate(value.num_bytes());
  if (!value.buffer) return value;
  auto *out = static_cast<char *>(value.buffer.mutable_data());
  if (value.type.dtype == Dtype::boolean) {
    for (bool bit : elements.getValues<bool>()) *out++ = bit ? 1 : 0;
    return value;
  }
  ArrayRef<char> raw = elements.getRawData();
  auto step = static_cast<std::size_t>(bytes(value.type.dtype, 1));
  for (std::int64_t i = 0; i < value.num_elements(); ++i)
    std::memcpy(out + static_cast<std::size_t>(i) * step,
                raw.data() + (elements.isSplat() ? 0 : static_cast<std::size_t>(i) * step), step);
  return value;
}

mlir::Attribute toMlir(MLIRContext *context, const Attribute &attribute) {
  Builder b(context);
  struct Convert {
    Builder &b;
    mlir::Attribute operator()(std::int64_t v) { return b.getI64IntegerAttr(v); }
    mlir::Attribute operator()(double v) { return b.getF64FloatAttr(v); }
    mlir::Attribute operator()(bool v) { return b.getBoolAttr(v); }
    mlir::Attribute operator()(Dtype v) { return TypeAttr::get(toMlir(b.getContext(), v)); }
    mlir::Attribute operator()(const std::string &v) { return b.getStringAttr(v); }
    mlir::Attribute operator()(const std::vector<std::int64_t> &v) { return b.getDenseI64ArrayAttr(v); }
    mlir::Attribute operator()(const std::vector<Dim> &v) { return DimsAttr::get(b.getContext(), ArrayRef<Dim>(v)); }
    mlir::Attribute operator()(const std::shared_ptr<const Constant> &v) {
      if (v->value.num_elements() <= maxInlineElements) return toElements(b.getContext(), v->value);
      return BlobAttr::get(b.getContext(), v->digest[0], v->digest[1], toMlir(b.getContext(), v->value.type));
    }
  };
  return std::visit(Convert{b}, attribute);
}

std::optional<Attribute> toAttribute(mlir::Attribute attribute, AttributeKind kind, bool withData) {
  switch (kind) {
  case AttributeKind::i64:
    if (auto a = dyn_cast<IntegerAttr>(attribute); a && a.getType().isSignlessInteger(64)) return a.getInt();
    break;
  case AttributeKind::f64:
    if (auto a = dyn_cast<FloatAttr>(attribute); a && a.getType().isF64()) return a.getValueAsDouble();
    break;
  case AttributeKind::boolean:
    if (auto a = dyn_cast<BoolAttr>(attribute)) return Attribute(std::in_place_type<bool>, a.getValue());
    break;
  case AttributeKind::dtype:
    if (auto a = dyn_cast<TypeAttr>(attribute))
      if (auto dtype = toDtype(a.getValue())) return *dtype;
    break;
  case AttributeKind::string:
    if (auto a = dyn_cast<StringAttr>(attribute)) return a.getValue().str();
    break;
  case AttributeKind::i64_list:
    if (auto a = dyn_cast<DenseI64ArrayAttr>(attribute))
      return std::vector<std::int64_t>(a.asArrayRef().begin(), a.asArrayRef().end());
    break;
  case AttributeKind::dim_list:
    if (auto a = dyn_cast<DimsAttr>(attribute)) {
      std::vector<Dim> dims;
      for (unsigned i = 0; i < a.size(); ++i) dims.push_back(a.dim(i));
      return dims;
    }
    break;
  case AttributeKind::constant: {
    auto shell = std::make_shared<Constant>();
    if (auto a = dyn_cast<DenseElementsAttr>(attribute)) {
      if (withData) return make_constant(toHostTensor(a));
      if (auto type = toTensorType(a.getType())) {
        shell->value.type = *type;
        return std::shared_ptr<const Constant>(std::move(shell));
      }
    } else if (auto a = dyn_cast<BlobAttr>(attribute)) {
      shell->value.type = *toTensorType(a.getType());
      shell->digest = {a.getHigh(), a.getLow()};
      return std::shared_ptr<const Constant>(std::move(shell));
    }
    break;
  }
  }
  return std::nullopt;
}

std::optional<Attributes> toAttributes(Operation *op, const OpInfo &info, bool withData, StringRef *missing) {
  Attributes result;
  result.reserve(info.attributes.size());
  for (const AttributeSpec &spec : info.attributes) {
    mlir::Attribute attribute = op->getAttr(StringRef(spec.name.data(), spec.name.size()));
    auto value = attribute ? toAttribute(attribute, spec.kind, withData) : std::nullopt;
    if (!value) {
      if (missing) *missing = StringRef(spec.name.data(), spec.name.size());
      return std::nullopt;
    }
    result.push_back(std::move(*value));
  }
  return result;
}

} // namespace burin::ir

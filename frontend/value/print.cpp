// Printing tensors as NumPy does: nested brackets, aligned columns, shortest digits up to six, long axes summarised.
#include "frontend/value/print.h"

#include "frontend/value/node.h"
#include "runtime/core/print.h"

#include <charconv>
#include <cmath>
#include <ostream>

namespace burin {

namespace detail {

namespace {

constexpr std::int64_t summary_above = 1000, edge = 3;

std::string real_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char buffer[32];
  auto r = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::general, 6);
  std::string s(buffer, r.ptr);
  if (s.find_first_of(".e") == std::string::npos) s += ".";
  return s;
}

std::string element(const HostTensor& t, std::int64_t i) {
  return burin::visit(t.type.dtype, [&]<class T>(std::type_identity<T>) -> std::string {
    if constexpr (std::is_same_v<T, bool>) return t.data<std::uint8_t>()[i] ? "true" : "false";
    else if constexpr (is_narrow_float(dtype_of<T>)) return real_text(static_cast<float>(t.data<T>()[i]));
    else if constexpr (is_floating(dtype_of<T>)) return real_text(t.data<T>()[i]);
    else return std::to_string(t.data<T>()[i]);
  });
}

class Printer {
 public:
  explicit Printer(const HostTensor& t) : t_(t), summarise_(brackets_or_elements(t) > summary_above) {}
  std::string run() {
    if (t_.type.shape.empty()) return element(t_, 0);
    if (t_.num_elements() > 0) visit(0, 0, [&](std::int64_t i) { width_ = std::max(width_, element(t_, i).size()); });
    emit(0, 0);
    return std::move(out_);
  }

 private:
  static std::int64_t brackets_or_elements(const HostTensor& t) {
    std::int64_t n = 1;
    for (Dim d : t.type.shape) {
      if (d.value() == 0) break;
      if (__builtin_mul_overflow(n, d.value(), &n)) return INT64_MAX;
    }
    return n;
  }
  std::int64_t size(int axis) const { return t_.type.shape[static_cast<std::size_t>(axis)].value(); }
  std::int64_t stride(int axis) const {
    std::int64_t s = 1;
    if (t_.num_elements() == 0) return 0;
    for (int a = axis + 1; a < t_.type.shape.rank(); ++a) s *= size(a);
    return s;
  }
  bool skips(int axis) const { return summarise_ && size(axis) > 2 * edge; }
  template <class F> void visit(int axis, std::int64_t at, const F& f) {
    for (std::int64_t i = 0; i < size(axis); ++i) {
      if (skips(axis) && i == edge) i = size(axis) - edge;
      if (axis + 1 == t_.type.shape.rank()) f(at + i);
      else visit(axis + 1, at + i * stride(axis), f);
    }
  }
  void emit(int axis, std::int64_t at) {
    int rank = t_.type.shape.rank();
    bool last = axis + 1 == rank;
    std::string gap = last ? ", "
                           : "," + std::string(static_cast<std::size_t>(rank - axis - 1), '\n') +
                                 std::string(static_cast<std::size_t>(axis) + 1, ' ');
    out_ += "[";
    for (std::int64_t i = 0; i < size(axis); ++i) {
      if (i) out_ += gap;
      if (skips(axis) && i == edge) {
        out_ += "..." + gap;
        i = size(axis) - edge;
      }
      if (last) {
        std::string e = element(t_, at + i);
        out_ += std::string(width_ - e.size(), ' ') + e;
      } else {
        emit(axis + 1, at + i * stride(axis));
      }
    }
    out_ += "]";
  }

  const HostTensor& t_;
  bool summarise_;
  std::size_t width_ = 0;
  std::string out_;
};

}  // namespace

std::string format(const HostTensor& t) { return Printer(t).run(); }

// The runtime's sink and format, so that a print is the same eagerly and compiled.
void print_value(std::string_view label, const HostTensor& t) {
  std::int64_t sizes[max_rank];
  for (std::size_t i = 0; i < t.type.shape.size(); ++i) sizes[i] = t.type.shape[i].value();
  rt::print_value(label.data(), static_cast<std::int64_t>(label.size()), static_cast<std::int32_t>(t.type.dtype),
                  t.type.shape.rank(), sizes, t.buffer.data());
}

}  // namespace detail

std::string to_string(const Tensor& t) {
  detail::Content c = detail::HandleAccess::raw(t);
  if (!c.defined()) return "undefined";
  const detail::Node& n = *c.node.get();
  if (n.traced()) return n.untyped ? "undefined" : "<traced " + to_string(n.value.type) + ">";
  return detail::format(detail::read_value(n));
}
std::ostream& operator<<(std::ostream& os, const Tensor& t) { return os << to_string(t); }
std::ostream& operator<<(std::ostream& os, Dtype t) { return os << name(t); }
std::ostream& operator<<(std::ostream& os, Dim d) { return os << to_string(d); }
std::ostream& operator<<(std::ostream& os, const Shape& s) { return os << to_string(s); }
std::ostream& operator<<(std::ostream& os, const TensorType& t) { return os << to_string(t); }

}  // namespace burin

// The public ops: bodies generated from the catalogue, and the operators that stand for some of them.
#include <burin/composites.h>
#include <burin/ops.h>

#include "frontend/record/dispatch.h"
#include "frontend/record/recorder.h"

namespace burin {

#include "frontend/ops.inc"

Tensor operator+(const Arg& a, const Arg& b) { return add(a, b); }
Tensor operator-(const Arg& a, const Arg& b) { return sub(a, b); }
Tensor operator*(const Arg& a, const Arg& b) { return mul(a, b); }
Tensor operator/(const Arg& a, const Arg& b) { return div(a, b); }
Tensor operator-(const Arg& x) { return neg(x); }
Tensor operator<(const Arg& a, const Arg& b) { return less(a, b); }
Tensor operator>(const Arg& a, const Arg& b) { return less(b, a); }
Tensor operator<=(const Arg& a, const Arg& b) { return less_equal(a, b); }
Tensor operator>=(const Arg& a, const Arg& b) { return less_equal(b, a); }
Tensor operator==(const Arg& a, const Arg& b) { return equal(a, b); }
Tensor operator!=(const Arg& a, const Arg& b) { return not_equal(a, b); }
// An operator of a Tensor alone cannot have an Arg (it would compete with the built-in one), so the line is the operand's.
Tensor operator!(const Tensor& x) {
  const detail::Node* n = detail::HandleAccess::node(x).get();
  return logical_not(Arg(x, n ? n->where : std::source_location{}));
}
Tensor operator&(const Arg& a, const Arg& b) { return logical_and(a, b); }
Tensor operator|(const Arg& a, const Arg& b) { return logical_or(a, b); }

Tensor& Tensor::operator+=(const Arg& o) { return *this = add(Arg(*this, o.where()), o); }
Tensor& Tensor::operator-=(const Arg& o) { return *this = sub(Arg(*this, o.where()), o); }
Tensor& Tensor::operator*=(const Arg& o) { return *this = mul(Arg(*this, o.where()), o); }
Tensor& Tensor::operator/=(const Arg& o) { return *this = div(Arg(*this, o.where()), o); }

}  // namespace burin

// What the templates of optimizers.h share: the checks of an update, and Adam's arithmetic.
#include <burin/optimizers.h>

#include "frontend/record/eager.h"
#include "frontend/record/recorder.h"

namespace burin::detail {

void check_companions(const char* who, const Leaves& params, std::initializer_list<Companion> companions,
                      const Tensor& step, const std::source_location& where) {
  const auto refuse = [&](const std::string& what, const char* tag, const char* hint) {
    fail({ErrorCode::invalid_argument, std::string(who) + ": " + what, tag, "", hint}, where);
  };
  const char* make = "make the state with init(params)";
  if (!step.defined() || step.type() != TensorType{i64, {}})
    refuse("the state's step is " + (step.defined() ? to_string(step.type()) : "undefined") + "; expected i64[]",
           "state", make);
  for (std::size_t i = 0; i < params.tensors.size(); ++i) {
    const Tensor& p = *params.tensors[i];
    if (!p.defined()) refuse(params.paths[i] + " holds nothing", "undefined", "assign it first");
    if (!is_floating(p.dtype()))
      refuse(params.paths[i] + " is " + to_string(p.type()) + "; expected dtype " + to_string(floating_dtypes), "dtype",
             "cast it, or keep it in a tree of its own: a derivative is taken by floats");
    for (const Companion& c : companions) {
      const Tensor& t = *c.leaves.tensors[i];
      const bool is_state = &c != companions.begin();
      if (t.defined() && t.type() == p.type()) continue;
      refuse("the " + std::string(c.what) + " of " + params.paths[i] + " is " +
                 (t.defined() ? to_string(t.type()) : "undefined") + "; expected " + to_string(p.type()),
             !t.defined() ? "undefined" : "shape-mismatch", is_state ? make : "");
    }
  }
}

Tensor no_steps(const Leaves& params) {
  const DeviceOf device(params.tensors.empty() ? Tensor() : *params.tensors[0]);
  return zeros({}, i64);
}

AdamStep::AdamStep(const Tensor& learning_rate, double beta1, double beta2, double epsilon, double weight_decay,
                   const Tensor& step)
    : beta1(beta1),
      beta2(beta2),
      epsilon(epsilon) {
  // In f64, whatever the parameters are: 1 - β2^step loses most of its digits at first.
  const Tensor count = cast(step, f64), wide = cast(learning_rate, f64);
  rate = wide / (1.0 - pow(beta1, count));
  variance = 1.0 / (1.0 - pow(beta2, count));
  if (weight_decay != 0) decay = wide * weight_decay;
}

void AdamStep::operator()(Tensor& p, const Tensor& g, Tensor& m, Tensor& v) const {
  const Dtype t = p.dtype();
  m = m * beta1 + g * (1 - beta1);
  v = v * beta2 + g * g * (1 - beta2);
  const Tensor step = cast(rate, t) * m / (sqrt(v * cast(variance, t)) + epsilon);
  p = (decay.defined() ? p - p * cast(decay, t) : p) - step;
}

}  // namespace burin::detail

// Optimisers as functions on trees: an aggregate of options, a state made by `init`, and `update`, which assigns parameters and
// state. Eagerly and inside burin::function alike; there, by-reference arguments are updated in place (docs/training.md).
#pragma once
#include <burin/ops.h>
#include <burin/tree.h>

namespace burin {
namespace detail {

/// A tree that belongs to the parameters: the gradients, or a part of the state.
struct Companion {
  const char* what;
  Leaves leaves;
};
/// Throws InvalidArgument [undefined, shape-mismatch, state] naming the parameter where a companion has not its type.
BURIN_API void check_companions(const char* who, const Leaves& params, std::initializer_list<Companion>,
                                const Tensor& step, const std::source_location&);

/// The step of a state before the first update: 0, beside the parameters.
BURIN_API Tensor no_steps(const Leaves& params);

/// What the leaves of an Adam step share: f64 scalars.
struct AdamStep {
  double beta1, beta2, epsilon;
  Tensor rate, variance,
      decay;  // learning rate over 1 - β1^step; 1 over 1 - β2^step; learning rate · decay, or undefined
  BURIN_API AdamStep(const Tensor& learning_rate, double beta1, double beta2, double epsilon, double weight_decay,
                     const Tensor& step);
  BURIN_API void operator()(Tensor& p, const Tensor& g, Tensor& m, Tensor& v) const;
};

template <class P, class State>
void adam_update(const char* who, const auto& o, double weight_decay, P& params, const P& gradients, State& state,
                 const std::source_location& where) {
  SourceScope scope(where);
  check_trees(who, params, gradients, state.mean, state.variance);
  check_companions(
      who, leaves_of(params, "params"),
      {{"gradient", leaves_of(gradients)}, {"mean", leaves_of(state.mean)}, {"variance", leaves_of(state.variance)}},
      state.step, where);
  state.step = state.step + 1;
  const AdamStep one(o.learning_rate, o.beta1, o.beta2, o.epsilon, weight_decay, state.step);
  each_leaf(one, params, gradients, state.mean, state.variance);
}

}  // namespace detail

// Every optimiser: `init(params)` gives the state: zeros like the parameters and `step`, i64[], the number of updates made.
// `update(params, gradients, state)` adds 1 to it and assigns params and the state. Params, gradients and the trees of the
// state are of one type, with float tensors of the same shapes and dtypes; else InvalidArgument [tree, undefined, state,
// shape-mismatch, dtype]. The learning rate is a 0-d tensor: in an argument of a compiled function it may change from call to call
// without a new trace; the other options are static. What a compiled function captures is bound while tracing, options too.
// Differentiable. Thread safety: as for plain values.

/// p <- p - learning_rate · g
/// Example: `Sgd sgd{.learning_rate = 0.1};  auto state = sgd.init(p);  sgd.update(p, gradients, state);`
struct Sgd {
  Scalar<double> learning_rate = 0.01;

  struct State {
    Tensor step;
  };
  template <class P> State init(const P& params) const { return {detail::no_steps(detail::leaves_of(params))}; }
  template <class P>
  void update(P& params, const P& gradients, State& state,
              std::source_location where = std::source_location::current()) const {
    SourceScope scope(where);
    detail::check_trees("Sgd::update", params, gradients);
    detail::check_companions("Sgd::update", detail::leaves_of(params, "params"),
                             {{"gradient", detail::leaves_of(gradients)}}, state.step, where);
    state.step = state.step + 1;
    const auto one = [&](Tensor& p, const Tensor& g) { p = p - cast(learning_rate, p.dtype()) * g; };
    detail::each_leaf(one, params, gradients);
  }
};

/// v <- momentum · v + g;  p <- p - learning_rate · v; with `nesterov` p <- p - learning_rate · (momentum · v + g).
/// (Sutskever et al., On the importance of initialization and momentum in deep learning, 2013, with the rate outside of v.)
/// Example: `Momentum momentum{.learning_rate = 0.05, .nesterov = true};`
struct Momentum {
  Scalar<double> learning_rate = 0.01;
  double momentum = 0.9;
  bool nesterov = false;

  template <class P> struct State {
    P velocity;
    Tensor step;
  };
  template <class P> State<P> init(const P& params) const {
    return {tree_zeros_like(params), detail::no_steps(detail::leaves_of(params))};
  }
  template <class P>
  void update(P& params, const P& gradients, State<P>& state,
              std::source_location where = std::source_location::current()) const {
    SourceScope scope(where);
    detail::check_trees("Momentum::update", params, gradients, state.velocity);
    detail::check_companions(
        "Momentum::update", detail::leaves_of(params, "params"),
        {{"gradient", detail::leaves_of(gradients)}, {"velocity", detail::leaves_of(state.velocity)}}, state.step,
        where);
    state.step = state.step + 1;
    const auto one = [&](Tensor& p, const Tensor& g, Tensor& v) {
      v = v * momentum + g;
      p = p - cast(learning_rate, p.dtype()) * (nesterov ? v * momentum + g : v);
    };
    detail::each_leaf(one, params, gradients, state.velocity);
  }
};

/// m <- β1 m + (1 - β1) g;  v <- β2 v + (1 - β2) g²;  p <- p - learning_rate · m̂ / (√v̂ + epsilon), where m̂ = m / (1 - β1^step)
/// and v̂ = v / (1 - β2^step). (Kingma and Ba, Adam, 2015, algorithm 1.)
/// Example: `Adam adam;  auto state = adam.init(p);  adam.update(p, gradients, state);`
struct Adam {
  Scalar<double> learning_rate = 0.001;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

  template <class P> struct State {
    P mean, variance;
    Tensor step;
  };
  template <class P> State<P> init(const P& params) const {
    return {tree_zeros_like(params), tree_zeros_like(params), detail::no_steps(detail::leaves_of(params))};
  }
  template <class P>
  void update(P& params, const P& gradients, State<P>& state,
              std::source_location where = std::source_location::current()) const {
    detail::adam_update("Adam::update", *this, 0, params, gradients, state, where);
  }
};

/// Adam, with learning_rate · weight_decay · p taken from each parameter besides.
/// (Loshchilov and Hutter, Decoupled weight decay regularization, 2019, algorithm 2 with a constant schedule.)
/// Example: `AdamW adam{.learning_rate = 3e-4, .weight_decay = 0.1};`
struct AdamW {
  Scalar<double> learning_rate = 0.001;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;

  template <class P> using State = Adam::State<P>;
  template <class P> State<P> init(const P& params) const { return Adam().init(params); }
  template <class P>
  void update(P& params, const P& gradients, State<P>& state,
              std::source_location where = std::source_location::current()) const {
    detail::adam_update("AdamW::update", *this, weight_decay, params, gradients, state, where);
  }
};

}  // namespace burin

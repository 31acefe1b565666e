// The text of the error that a call gives, or "no error".
#pragma once
#include <burin/burin.h>

#include <string>

template <class E = burin::BurinError, class F> std::string error_of(F&& f) {
  try {
    f();
  } catch (const E& e) { return e.error.message + " [" + e.error.tag + "]"; }
  return "no error";
}
/// The same words eagerly and traced: what both say, or the two texts.
template <class E = burin::BurinError, class F> std::string error_in_both(F&& f, const burin::Tensor& x) {
  std::string eager = error_of<E>([&] { f(x); });
  auto traced = burin::function([&](const burin::Tensor& t) { return burin::Tensor(f(t)); },
                                {.name = "probe", .level = burin::Level::graph});
  std::string late = error_of<E>([&] { traced(x); });
  std::string again = error_of<E>([&] { traced(x); });  // a failed trace leaves no poison
  if (late != again) return "traced: " + late + " | again: " + again;
  return eager == late ? eager : "eager: " + eager + " | traced: " + late;
}

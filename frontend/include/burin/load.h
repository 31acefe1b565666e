// Functions read from files.
#pragma once
#include <burin/call.h>
#include <burin/device.h>

#include <optional>

namespace burin {

/// How a file is loaded.
struct LoadOptions {
  Level level = Level::full;
  /// Where its weights are and it runs; by default where the loader is: the device of the scope. What the function ran on
  /// when it was saved does not matter.
  std::optional<Device> device{};
};

/// A function read from a file: its traces, the tensors that they captured, and Variables of its own, which begin with the
/// values saved. The callable is not needed. Copies share the Variables.
/// Thread safety: may be called from several threads; calls that update Variables run one after the other.
class BURIN_API LoadedFunction {
 public:
  /// The tensors of the arguments, as the saved function took them, in any trees; gives the results' tensors in order, then
  /// those of by-reference parameters. Throws InvalidArgument where no saved trace has these types.
  template <class... A> std::vector<Tensor> operator()(const A&... arguments) const {
    std::vector<Tensor> leaves;
    [[maybe_unused]] auto add = [&](const auto& x) {
      detail::Stored<decltype(x)> tree = x;
      for (auto* t : detail::leaves_of(tree).tensors) leaves.push_back(*t);
    };
    (add(arguments), ...);
    return call(leaves);
  }
  std::vector<Tensor> call(std::span<const Tensor> leaves) const;
  const std::string& name() const;
  std::vector<std::shared_ptr<const Graph>> graphs() const;

 private:
  friend BURIN_API LoadedFunction load(const std::string&, const LoadOptions&, std::source_location);
  struct State;
  std::shared_ptr<const State> state_;
};
/// Reads what FunctionBase::save wrote. Throws InvalidArgument for a file that is missing, truncated or corrupted.
/// Example: `auto mlp = load("mlp.burin");  Tensor y = mlp(params, x)[0];`
BURIN_API LoadedFunction load(const std::string& file, Level level = Level::full,
                              std::source_location where = std::source_location::current());
/// Example: `auto mlp = load("mlp.burin", {.device = Device::cpu()});`
BURIN_API LoadedFunction load(const std::string& file, const LoadOptions&,
                              std::source_location where = std::source_location::current());

}  // namespace burin

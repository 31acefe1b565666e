// For tests: a Graph compiled to an image, mapped by burin_rt and called on host tensors.
#pragma once
#include "compiler/driver/Compiler.h"
#include "compiler/graph/print.h"

#include "tests/support/catch.h"
#include "tests/support/elements.h"

#include <burin/rt/rt.h>

#include <cmath>
#include <sstream>

namespace burin::test {

class CompiledGraph {
 public:
  CompiledGraph(const Graph& graph, compiler::Options::Level level, const std::string& target = "host")
      : graph_(graph) {
    compiler::Request request;
    request.graph = &graph;
    request.options.level = level;
    request.options.target = target;
    request.explain = true;
    auto image = compiler::burin_compiler_api(compiler::api_version)->compile(request);
    if (!image) {
      text_ = image.error().text();
      return;
    }
    blobs_ = image->blobs;
    report = image->report;
    std::ostringstream os;
    os << to_string(graph) << "\n";
    for (const auto& stage : report.stages)
      if (stage.name.find("outline") != std::string::npos || stage.name.find("plan") != std::string::npos)
        os << stage.text << "\n";
    text_ = os.str();
    char message[256] = "";
    if (burin_rt_image_load(image->bytes.data(), image->bytes.size(), &image_, message, sizeof message) != BURIN_RT_OK)
      text_ += message;
  }
  ~CompiledGraph() { burin_rt_image_unload(image_); }
  CompiledGraph(const CompiledGraph&) = delete;
  CompiledGraph& operator=(const CompiledGraph&) = delete;

  bool ok() const { return image_ != nullptr; }
  const std::string& text() const { return text_; }
  compiler::Report report;

  /// Results in signature order. `in_place`: outputs to state have the memory of the input that they overwrite.
  std::vector<HostTensor> run(const std::vector<HostTensor>& inputs, bool in_place = false, int* status = nullptr) {
    std::vector<std::string> names = graph_.size_names();
    std::vector<DimBinding> bindings;
    std::vector<std::int64_t> sizes(names.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Shape declared = graph_.type(graph_.inputs()[i].value).shape;
      for (std::size_t d = 0; d < declared.size(); ++d)
        for (std::size_t n = 0; n < names.size(); ++n)
          if (declared[d] == Dim(names[n])) sizes[n] = inputs[i].type.shape[d].value();
    }
    for (std::size_t n = 0; n < names.size(); ++n) bindings.push_back({names[n], sizes[n]});
    std::vector<void*> buffers;
    for (const HostTensor& input : inputs) buffers.push_back(const_cast<void*>(input.buffer.data()));
    for (const auto& blob : blobs_) buffers.push_back(const_cast<void*>(blob->value.buffer.data()));
    std::vector<HostTensor> results;
    for (const Output& output : graph_.outputs()) {
      TensorType type = graph_.type(output.value);
      for (std::size_t d = 0; d < type.shape.size(); ++d) type.shape[d] = substitute(type.shape[d], bindings);
      HostTensor result{type, {}};
      bool same = in_place && output.kind == OutputKind::state;
      result.buffer = same ? inputs[*output.overwrites].buffer : Buffer::allocate(result.num_bytes());
      buffers.push_back(const_cast<void*>(result.buffer.data()));
      results.push_back(std::move(result));
    }
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(1);
    int code = burin_rt_image_entry(image_)(buffers.data(), sizes.data(), ctx);
    burin_rt_ctx_release(ctx);
    if (status) *status = code;
    else REQUIRE(code == BURIN_RT_OK);
    return results;
  }

 private:
  const Graph& graph_;
  burin_rt_image* image_ = nullptr;
  std::vector<std::shared_ptr<const Constant>> blobs_;
  std::string text_;
};

/// Types equal, floats within `tolerance` of max(1, |b|), everything else exactly.
inline bool close(const HostTensor& a, const HostTensor& b, double tolerance) {
  if (a.type != b.type) return false;
  const Dtype t = a.type.dtype;
  if (is_narrow_float(t)) tolerance = std::max(tolerance, 2.5 * epsilon_of(t));
  for (std::int64_t i = 0; i < a.num_elements(); ++i) {
    double x = element(a, i), y = element(b, i);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (x == y || (is_floating(t) && std::fabs(x - y) <= tolerance * std::max(1.0, std::fabs(y)))) continue;
    UNSCOPED_INFO("element " << i << ": " << x << ", expected " << y);
    return false;
  }
  return true;
}

}  // namespace burin::test

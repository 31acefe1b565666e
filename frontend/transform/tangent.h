// Forward mode: a tape that computes tangents while ops run. What it records is heard by tapes further out, so that it
// nests with itself and with reverse mode.
#pragma once
#include "frontend/transform/gradient.h"

namespace burin::detail {

class Tangents final : public Tape {
 public:
  void set(const Content& value, Content tangent) { tangents_.insert_or_assign(identity(value), std::move(tangent)); }
  /// The tangent of a value, or nothing: zero.
  const Content* find(const Content& value) const {
    auto at = tangents_.find(identity(value));
    return at == tangents_.end() ? nullptr : &at->second;
  }

  void note(const NotedOp&) override;
  bool watches(std::span<const Content>) const override;
  bool takes(const RegionOp&) const override;
  std::vector<Content> carry_out(const RegionOp&) override;
  std::optional<std::vector<Content>> carry_out_call(const std::shared_ptr<const CallableGraph>&,
                                                     const std::vector<Content>& inputs,
                                                     const std::source_location&) override;  // calls.cpp

 private:
  std::vector<Content> loop(const RegionOp&);
  std::vector<Content> branch(const RegionOp&);
  std::vector<Content> remat(const RegionOp&);
  /// Values in `kept_` live as long as the tape: an identity is only good while its value lives.
  void keep(const Content& value, Content tangent) {
    kept_.push_back(value);
    set(value, std::move(tangent));
  }

  std::unordered_map<Identity, Content, IdentityHash> tangents_;
  std::vector<Content> kept_;
};

/// A graph over values and tangents: takes the inputs, then the tangents of the active ones; gives the results, then the
/// tangents of those in `moved`.
Graph pushforward_graph(const Graph&, const std::vector<bool>& active, std::vector<std::size_t>& moved,
                        const std::source_location&);

}  // namespace burin::detail

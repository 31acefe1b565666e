// The importer: a Graph becomes a module with `func.func @main` in the `burin` dialect. Driven by the catalogue alone;
// no op is named here.
#pragma once
#include "compiler/graph/graph.h"
#include "compiler/ir/Types.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace burin::ir {

/// Constants above maxInlineElements, by digest: the only place that holds their data during a compile.
class BlobTable {
public:
  /// The position of the blob; the same digest is entered once.
  unsigned add(std::shared_ptr<const Constant> blob);
  /// The position of a blob that was added; -1 for an unknown digest.
  int find(BlobAttr) const;
  const std::vector<std::shared_ptr<const Constant>> &blobs() const { return Blobs; }

private:
  std::vector<std::shared_ptr<const Constant>> Blobs;
};

/// What the importer marks beyond the graph itself.
struct ImportOptions {
  bool markAllOps = false; ///< check mode: every op keeps its position, since every op may fault
};

/// Source lines become locations (`NameLoc` of the function around a `FileLineColLoc`). Ops that may fault keep their
/// position in the graph as `burin.op`. The context must have the dialects loaded.
mlir::OwningOpRef<mlir::ModuleOp> importGraph(const Graph &, mlir::MLIRContext *, BlobTable &,
                                              const ImportOptions & = {});

} // namespace burin::ir

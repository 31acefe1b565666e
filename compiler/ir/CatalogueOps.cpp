// The op classes that mlir-tblgen makes of the catalogue. Alone in a unit: nothing else waits for them to compile.
#include "compiler/ir/Dialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "compiler/ops/BurinOps.cpp.inc"

namespace burin::ir {

void BurinDialect::registerCatalogue() {
  addOperations<
#define GET_OP_LIST
#include "compiler/ops/BurinOps.cpp.inc"
      >();
  indexCatalogue();
}

} // namespace burin::ir

// The importer: a Graph becomes a module with `func.func @main` in the `burin` dialect.
#include "compiler/ir/Import.h"

#include "compiler/graph/interpret.h"
#include "compiler/graph/sizes.h"
#include "compiler/ir/ArenaAttributes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace burin::ir {

unsigned BlobTable::add(std::shared_ptr<const Constant> blob) {
  for (auto [i, have] : llvm::enumerate(Blobs))
    if (have->digest == blob->digest) return static_cast<unsigned>(i);
  Blobs.push_back(std::move(blob));
  return static_cast<unsigned>(Blobs.size() - 1);
}

int BlobTable::find(BlobAttr attribute) const {
  for (auto [i, blob] : llvm::enumerate(Blobs))
    if (blob->digest[0] == attribute.getHigh() && blob->digest[1] == attribute.getLow()) return static_cast<int>(i);
  return -1;
}

namespace {

StringRef ref(std::string_view text) { return {text.data(), text.size()}; }

class Importer {
public:
  Importer(const Graph &graph, MLIRContext *context, BlobTable &blobs, const ImportOptions &options)
      : Source(graph), B(context), Blobs(blobs), Options(options), Values(graph.num_values()),
        SizeNames(graph.size_names()) {
    for (const Guard &guard : graph.guards())
      if (guard.kind == Guard::Kind::equal) unify(substitute(guard.lhs, Equal), substitute(guard.rhs, Equal));
  }

  OwningOpRef<ModuleOp> run() {
    Location loc = NameLoc::get(B.getStringAttr(Source.name));
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    SmallVector<mlir::Type> inputs, outputs;
    for (const Input &input : Source.inputs()) inputs.push_back(typeOf(input.value));
    for (const Output &output : Source.outputs()) outputs.push_back(typeOf(output.value));
    auto main = func::FuncOp::create(loc, "main", B.getFunctionType(inputs, outputs));
    module->push_back(main);
    SmallVector<mlir::Attribute> sizes;
    for (const std::string &size : SizeNames) sizes.push_back(B.getStringAttr(size));
    if (!sizes.empty()) {
      main->setAttr(sizesAttrName, B.getArrayAttr(sizes));
      main->setAttr(checksAttrName, checks());
    }

    mlir::Block *entry = main.addEntryBlock();
    for (auto [i, input] : llvm::enumerate(Source.inputs())) {
      bind(input.value, entry->getArgument(static_cast<unsigned>(i)));
      static constexpr StringLiteral kinds[] = {"argument", "capture", "state", "donated"};
      if (input.kind != InputKind::argument)
        main.setArgAttr(static_cast<unsigned>(i), inputKindAttrName,
                        B.getStringAttr(kinds[static_cast<unsigned>(input.kind)]));
    }
    B.setInsertionPointToEnd(entry);
    importOps(BlockId::top);
    SmallVector<Value> results;
    for (auto [i, output] : llvm::enumerate(Source.outputs())) {
      results.push_back(value(output.value));
      if (output.overwrites)
        main.setResultAttr(static_cast<unsigned>(i), stateOutputAttrName,
                           B.getI32IntegerAttr(static_cast<int>(*output.overwrites)));
    }
    func::ReturnOp::create(B, loc, results);
    return module;
  }

private:
  /// What guards say is equal has one name, or a number, from here on: they are checked before the program runs.
  void unify(Dim a, Dim b) {
    for (auto [from, to] : {std::pair(a, b), std::pair(b, a)})
      for (const std::string &name : SizeNames) {
        std::vector<std::string> mentioned;
        collect_names(to, mentioned);
        if (a == b || from != Dim(name) || llvm::is_contained(mentioned, name)) continue;
        DimBinding binding{name, to};
        for (DimBinding &known : Equal) known.value = substitute(known.value, {&binding, 1});
        Equal.push_back(binding);
        return;
      }
  }
  TensorType tensorTypeOf(ValueId v) const {
    const TensorType &type = Source.type(v);
    return Equal.empty() ? type : substitute(type, Equal);
  }
  mlir::Type typeOf(ValueId v) { return toMlir(B.getContext(), tensorTypeOf(v)); }

  /// Every op's results with named sizes, the largest of those with the same ones: also what never gets memory, since its
  /// elements are counted.
  ArrayAttr checks() {
    struct Check {
      SmallVector<Dim> named; // sorted
      std::int64_t bytes;     // times the named sizes
      ValueId value;
    };
    SmallVector<Check> list;
    for (std::uint32_t i = 0; i < Source.num_ops(); ++i) {
      const Op &op = Source.op(OpId{i});
      for (std::uint32_t r = 0; r < op.num_results; ++r) {
        TensorType type = tensorTypeOf(Source.result(op, r));
        Check check{{}, bytes(type.dtype, 1), Source.result(op, r)};
        for (Dim dim : type.shape)
          if (!dim.is_known())
            check.named.push_back(dim);
          else if (__builtin_mul_overflow(check.bytes, dim.value(), &check.bytes))
            check.bytes = INT64_MAX;
        if (check.named.empty()) continue;
        llvm::sort(check.named, [](Dim a, Dim b) { return a.word() < b.word(); });
        auto *known = llvm::find_if(list, [&](const Check &c) { return c.named == check.named; });
        if (known == list.end())
          list.push_back(check);
        else if (known->bytes < check.bytes)
          *known = check;
      }
    }
    SmallVector<mlir::Attribute> all;
    for (const Check &check : list) {
      OpId op = Source.defining_op(check.value);
      std::string what = std::string(op_info(Source.op(op).kind).mnemonic) + ": no memory for the result " +
                         to_string(Source.type(check.value)) + "\n" + place_of(Source, op);
      SmallVector<Dim> factors{Dim(check.bytes)};
      factors.append(check.named);
      all.push_back(B.getArrayAttr({B.getStringAttr(what), DimsAttr::get(B.getContext(), factors)}));
    }
    return B.getArrayAttr(all);
  }

  void bind(ValueId v, Value value) { Values[index(v)] = value; }
  Value value(ValueId v) const { return Values[index(v)]; }

  Location location(std::uint32_t line) {
    auto [it, fresh] = Locations.try_emplace(line, UnknownLoc::get(B.getContext()));
    if (!fresh || line == 0) return it->second;
    const SourceLine &source = Source.line(line);
    Location loc = FileLineColLoc::get(B.getStringAttr(ref(source.file)), source.line, source.column);
    if (!source.function.empty()) loc = NameLoc::get(B.getStringAttr(ref(source.function)), loc);
    return it->second = loc;
  }

  OperationName nameOf(const OpInfo &info) {
    auto &name = Names[static_cast<unsigned>(info.kind)];
    if (!name) name = OperationName("burin." + std::string(info.mnemonic), B.getContext());
    return *name;
  }

  void importOps(BlockId block) {
    for (OpId id : Source.block(block).ops) importOp(id);
  }

  void importOp(OpId id) {
    const Op &op = Source.op(id);
    const OpInfo &info = op_info(op.kind);
    if (region_kind(op.kind) == RegionKind::scope) return importScope(op);
    OperationState state(location(op.line), nameOf(info));
    for (ValueId operand : Source.operands(op)) state.operands.push_back(value(operand));
    for (std::uint32_t i = 0; i < op.num_results; ++i) state.types.push_back(typeOf(Source.result(op, i)));
    Attributes replaced;
    if (!Equal.empty() && mentions_sizes(op.attributes)) replaced = substitute(op.attributes, Equal);
    for (auto [spec, attribute] : llvm::zip(info.attributes, replaced.empty() ? op.attributes : replaced)) {
      if (auto *constant = std::get_if<std::shared_ptr<const Constant>>(&attribute))
        if ((*constant)->value.num_elements() > maxInlineElements) Blobs.add(*constant);
      state.addAttribute(ref(spec.name), toMlir(B.getContext(), attribute));
    }
    if (has(own_effects(op), Effect::may_fault) || Options.markAllOps)
      state.addAttribute(opAttrName, B.getI32IntegerAttr(static_cast<int>(index(id))));
    for (std::size_t i = 0; i < op.regions.size(); ++i) state.addRegion();
    Operation *made = B.create(state);
    for (std::uint32_t i = 0; i < op.num_results; ++i) bind(Source.result(op, i), made->getResult(i));
    for (auto [region, block] : llvm::zip(made->getRegions(), op.regions)) importRegion(region, block, made->getLoc());
  }

  /// What runs of it stands in its place.
  void importScope(const Op &op) {
    const burin::Block &body = Source.block(op.regions[0]);
    for (auto [argument, operand] : llvm::zip(body.arguments, Source.operands(op))) bind(argument, value(operand));
    importOps(op.regions[0]);
    for (std::uint32_t i = 0; i < op.num_results; ++i) bind(Source.result(op, i), value(body.yields[i]));
  }

  void importRegion(Region &region, BlockId id, Location loc) {
    OpBuilder::InsertionGuard guard(B);
    const burin::Block &block = Source.block(id);
    mlir::Block *made = B.createBlock(&region);
    for (ValueId argument : block.arguments) bind(argument, made->addArgument(typeOf(argument), loc));
    importOps(id);
    SmallVector<Value> yields;
    for (ValueId yielded : block.yields) yields.push_back(value(yielded));
    YieldOp::create(B, loc, yields);
  }

  const Graph &Source;
  OpBuilder B;
  BlobTable &Blobs;
  const ImportOptions &Options;
  std::vector<Value> Values;
  std::vector<std::string> SizeNames;
  std::vector<DimBinding> Equal;
  llvm::DenseMap<std::uint32_t, Location> Locations;
  llvm::DenseMap<unsigned, std::optional<OperationName>> Names;
};

} // namespace

OwningOpRef<ModuleOp> importGraph(const Graph &graph, MLIRContext *context, BlobTable &blobs,
                                  const ImportOptions &options) {
  return Importer(graph, context, blobs, options).run();
}

} // namespace burin::ir

// The text of the header that burinc writes. Everything in it that comes from the saved function is escaped: a file may be
// anybody's, the header is compiled.
#include "compiler/driver/AotHeader.h"

#include "compiler/graph/print.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

#include <dlfcn.h>

namespace burin::compiler {
namespace {

/// Whether C and C++ allow a function of this name: the header is read by both.
bool isIdentifier(const std::string &name) {
  static constexpr llvm::StringRef Taken =
      " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class "
      "compl "
      "concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default "
      "delete "
      "do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long main "
      "mutable "
      "namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast "
      "requires restrict return short signed sizeof static static_assert static_cast struct switch template this "
      "thread_local throw true try typedef typeid typename typeof union unsigned using virtual void volatile wchar_t "
      "while xor xor_eq ";
  return !Taken.contains(" " + name + " ") && !name.empty() && (llvm::isAlpha(name[0]) || name[0] == '_') &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// Whether the C library has a function or variable of this name; it is asked itself.
bool inCLibrary(const std::string &name) {
  for (const char *library : {"libc.so.6", "libm.so.6"}) {
    void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle) continue;
    const bool found = dlsym(handle, name.c_str()) != nullptr;
    dlclose(handle);
    if (found) return true;
  }
  // Its macros, which no library has, and those that compilers predefine.
  static constexpr llvm::StringRef Macros =
      " EOF NULL assert alloca errno fpclassify i386 isfinite isgreater isgreaterequal isless islessequal "
      "islessgreater "
      "isnormal isunordered linux offsetof setjmp signbit unix va_arg va_copy va_end va_start ";
  return Macros.contains(" " + name + " ");
}

/// For a C comment, which ends at the first end of comment in it.
std::string commentText(std::string_view text) {
  std::string out;
  for (char c : printable(text)) {
    if (!out.empty() && ((out.back() == '*' && c == '/') || (out.back() == '/' && c == '*'))) out += ' ';
    out += c;
  }
  return out;
}

/// Distinct enumerators `SYMBOL_NAME`.
class Enumerators {
public:
  Enumerators(const std::string &symbol, bool ownsState) : Prefix(symbol + "_") {
    for (const char *name : {"num_arguments", "num_results"}) Taken.insert(name);
    if (!ownsState) return;
    Taken.insert("num_variables");
    for (llvm::StringRef function : codegen::stateFunctions) Taken.insert(function.drop_front());
  }
  std::string operator()(std::string name) {
    for (char &c : name)
      if (!llvm::isAlnum(c)) c = '_';
    std::string wish = name;
    for (int n = 2; !Taken.insert(name).second; ++n) name = wish + "_" + std::to_string(n);
    return Prefix + name;
  }

private:
  std::string Prefix;
  llvm::StringSet<> Taken;
};

/// What the header says of variables that the object owns.
std::string stateText(const std::string &symbol, const std::string &variables) {
  return " *\n * The object owns the function's Variables, one copy for the process:\n" + variables +
         " * They begin with the values that were saved, and a call that succeeds updates them. Each of these, and a "
         "call,\n"
         " * has them to itself, and on failure leaves them as they were; the statuses are those below.\n"
         " *   " +
         symbol + "_init gives them the values that were saved.\n *   " + symbol +
         "_get copies one, by its number, to a tensor of its type.\n *   " + symbol +
         "_save writes all to a file, which is whole or not there; BURIN_RT_INVALID_ARGUMENT where it cannot be.\n *  "
         " " +
         symbol +
         "_load takes them from such a file: BURIN_RT_INVALID_ARGUMENT where it cannot be read or holds variables of\n"
         " *     other names, dtypes or shapes, BURIN_RT_CORRUPT where it is damaged or no such file, "
         "BURIN_RT_UNSUPPORTED where\n"
         " *     it has another version.\n";
}
std::string stateDeclarations(const std::string &symbol) {
  return "int32_t " + symbol + "_init(void);\nint32_t " + symbol +
         "_get(int64_t variable, const burin_rt_tensor* value);\nint32_t " + symbol +
         "_save(const char* path);\nint32_t " + symbol + "_load(const char* path);\n";
}

std::string joined(const std::vector<std::string> &words) { return llvm::join(words, ", "); }

} // namespace

Result<void> checkSymbol(const std::string &name) {
  std::string why;
  if (!isIdentifier(name))
    why = "is no C identifier";
  else if (name[0] == '_' || llvm::StringRef(name).ends_with("_t") || llvm::StringRef(name).starts_with("burin_"))
    why = "is reserved: names that begin with _ or burin_ or end with _t";
  else if (inCLibrary(name))
    why = "is a name of the C library, whose header and function it would clash with";
  else
    return {};
  return Error{ErrorCode::invalid_argument,
               "burinc: '" + printable(name) + "' " + why,
               "symbol",
               {},
               "name the C function with --symbol=NAME"};
}

const AotVariable *findVariable(const AotOptions &options, std::size_t input) {
  auto it = llvm::find_if(options.variables, [&](const AotVariable &v) { return v.input == input; });
  return it == options.variables.end() ? nullptr : &*it;
}

std::string headerText(const Graph &graph, const codegen::Target &target, const std::vector<std::string> &sizes,
                       const AotOptions &options) {
  const std::string &symbol = options.symbol;
  const bool owned = options.state == AotOptions::State::owned;
  const std::string guard = "BURINC_" + symbol + "_H";
  std::string arguments, results, list, outs, enumerators, variables;
  Enumerators enumerator(symbol, owned);
  int numArguments = 0, numResults = 0, numVariables = 0;
  for (auto [i, input] : llvm::enumerate(graph.inputs())) {
    if (input.kind == InputKind::capture) continue;
    const AotVariable *variable = findVariable(options, i);
    if (variable && owned) {
      const std::string number = std::to_string(numVariables++);
      variables +=
          " *   " + number + "  " + commentText(variable->name) + ": " + to_string(graph.type(input.value)) + "\n";
      enumerators += "  " + enumerator(variable->name) + " = " + number + ",\n";
      continue;
    }
    const std::string number = std::to_string(numArguments++);
    std::string name = variable ? variable->name : input.name;
    if (name.empty()) name = "argument" + number;
    const std::string typed = commentText(name) + ": " + to_string(graph.type(input.value));
    list += (list.empty() ? "" : ", ") + typed;
    const bool written =
        llvm::any_of(graph.outputs(), [&](const Output &o) { return o.kind == OutputKind::state && o.overwrites == i; });
    arguments += " *   arguments[" + number + "]  " + typed + (variable ? ", a Variable" : "") +
                 (written ? ", overwritten by the call" : ", only read") + "\n";
    enumerators += "  " + enumerator(name) + " = " + number + ",\n";
  }
  for (const Output &output : graph.outputs()) {
    if (output.kind == OutputKind::state) continue;
    const std::string number = std::to_string(numResults++);
    const std::string name = output.name.empty() ? "result" + number : output.name;
    outs += (outs.empty() ? "" : ", ") + to_string(graph.type(output.value));
    results += " *   results[" + number + "]  " + commentText(name) + ": " + to_string(graph.type(output.value)) +
               ", written\n";
  }
  return "/* Generated by burinc for " + target.name() +
         ". Link the object with burin_rt: -lburin_rt, or without shared libraries\n"
         " * -lburin_rt_static -lstdc++ -lm -lpthread.\n"
         " *\n * " +
         symbol + "(" + list + ") -> " + outs + "\n *\n" + arguments + results +
         (sizes.empty() ? ""
                        : " *   named sizes: " + joined(sizes) +
                              "; each follows from the arguments and is the same everywhere\n") +
         (owned ? stateText(symbol, variables) : "") +
         " *\n"
         " * Tensors are dense and row-major; every dtype, rank and size is checked first. The caller owns all memory "
         "and gives\n"
         " * results with their shapes; results share no memory with arguments. Any number of threads may call at "
         "once, as long\n"
         " * as they write to different memory.\n"
         " *\n"
         " * Returns BURIN_RT_OK (0), or BURIN_RT_INVALID_ARGUMENT (dtype, rank, size, null pointer), "
         "BURIN_RT_OUT_OF_MEMORY,\n"
         " * BURIN_RT_FAULT (an index out of range: overwritten arguments are as before), BURIN_RT_UNSUPPORTED (this "
         "processor or\n"
         " * burin_rt is not the one it was compiled for). burin_rt_last_error() says what was wrong." +
         (target.required().empty() ? "" : "\n * Needs the processor features " + joined(target.required()) + ".") +
         " */\n"
         "#ifndef " +
         guard + "\n#define " + guard +
         "\n\n#include <burin/rt/rt.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
         "enum {\n" +
         enumerators + (owned ? "  " + symbol + "_num_variables = " + std::to_string(numVariables) + ",\n" : "") +
         "  " + symbol + "_num_arguments = " + std::to_string(numArguments) + ",\n  " + symbol +
         "_num_results = " + std::to_string(numResults) +
         "\n};\n\n"
         "int32_t " +
         symbol + "(const burin_rt_tensor* arguments, const burin_rt_tensor* results);\n" +
         (owned ? stateDeclarations(symbol) : "") +
         "\n"
         "#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

} // namespace burin::compiler

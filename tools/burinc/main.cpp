// burinc: a saved function in; an object with a C function, a static or a shared library, and its C header out.
#include "compiler/driver/Compiler.h"
#include "compiler/graph/print.h"
#include "compiler/graph/saved.h"
#include "runtime/core/cpu_features.h"
#include "runtime/core/file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace burin;

namespace {

// Exit codes of our tools.
constexpr int user_error = 1, usage_error = 2, internal_error = 70;

constexpr const char *Help = R"(usage: burinc FILE.burin -o OUTPUT [options]

Compiles a saved function ahead of time. What is written follows from OUTPUT's ending:
  .o   an object with one C function        .a   a static library        .so  a shared library
and beside it OUTPUT with the ending .h: the C header, which says how to call it.
Programs that use it link burin_rt, nothing else of burin.

options:
  -o OUTPUT          where to write; required
  --target=TARGET    host (default), x86-64, x86-64-v2, x86-64-v3, x86-64-v4, aarch64, or a CPU name such as znver4
                     or cortex-a72; objects and static libraries can be for other machines
  --symbol=NAME      the C function's name; default: the function's own
  --trace=N          which trace of the function, from 0; needed where it has several
  --state=WHERE      needed where the function assigns Variables. arguments: each is an argument, which the call
                     overwrites. owned: the object holds them; NAME_init, NAME_get, NAME_save and NAME_load go beside NAME
  --no-fuse          one kernel an op, for comparison
  --report           what the compiler did, on stderr
  --help, --version

examples:
  burinc mlp.burin -o mlp.o
  burinc mlp.burin --target=x86-64-v4 --symbol=predict -o libpredict.so
  burinc mlp.burin --target=cortex-a72 -o mlp.o
  burinc step.burin --state=owned -o step.o

exit codes: 0 done, 1 the input is wrong or not supported, 2 wrong usage, 70 a bug of burinc
)";

struct Options {
  std::string input, output, symbol;
  std::optional<compiler::AotOptions::State> state;
  int trace = -1;
  bool report = false;
  compiler::Options compile;
};

int fail(int code, const std::string &message) {
  std::cerr << "burinc: " << printable(message, /*lines=*/true) << "\n"; // names in it may come from a file
  return code;
}
int fail(const Error &error) {
  fail(0, error.message.rfind("burinc: ", 0) == 0 ? error.text().substr(8) : error.text());
  return error.code == ErrorCode::internal ? internal_error : user_error;
}

/// Runs a program of the PATH; its exit code, or -1 where it cannot be started.
int run(std::vector<std::string> words) {
  std::vector<char *> argv;
  for (std::string &word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child;
  if (posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A private folder for what the system's tools read and write; removed with all that is in it.
class Workplace {
public:
  Workplace() {
    std::error_code ignored;
    std::string name = (std::filesystem::temp_directory_path(ignored) / "burinc-XXXXXX").string();
    if (mkdtemp(name.data())) Folder = name;
  }
  ~Workplace() {
    std::error_code ignored;
    if (!Folder.empty()) std::filesystem::remove_all(Folder, ignored);
  }
  Workplace(const Workplace &) = delete;
  Workplace &operator=(const Workplace &) = delete;
  const std::filesystem::path &folder() const { return Folder; }

private:
  std::filesystem::path Folder;
};

int cannotWrite(const std::filesystem::path &path, const std::string &why) {
  return fail(user_error, "cannot write " + path.string() + ": " + why);
}

int parse(int argc, char **argv, Options &options) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    auto value = [&](const std::string &flag) { return word.substr(flag.size()); };
    if (word == "-o") {
      if (++i == argc) return fail(usage_error, "-o needs a file name");
      options.output = argv[i];
    } else if (word.rfind("--target=", 0) == 0) {
      options.compile.target = value("--target=");
    } else if (word.rfind("--symbol=", 0) == 0) {
      options.symbol = value("--symbol=");
    } else if (word.rfind("--trace=", 0) == 0) {
      char *end = nullptr;
      long n = std::strtol(word.c_str() + 8, &end, 10);
      if (*end || end == word.c_str() + 8 || n < 0 || n > 1000000)
        return fail(usage_error, "--trace needs a number from 0");
      options.trace = static_cast<int>(n);
    } else if (word.rfind("--state=", 0) == 0) {
      if (value("--state=") == "arguments")
        options.state = compiler::AotOptions::State::arguments;
      else if (value("--state=") == "owned")
        options.state = compiler::AotOptions::State::owned;
      else
        return fail(usage_error, "--state is arguments or owned, not '" + value("--state=") + "'");
    } else if (word == "--no-fuse") {
      options.compile.level = compiler::Options::Level::no_fuse;
    } else if (word == "--report") {
      options.report = true;
    } else if (word.size() > 1 && word[0] == '-') {
      return fail(usage_error, "unknown option " + word + "; see burinc --help");
    } else if (options.input.empty()) {
      options.input = word;
    } else {
      return fail(usage_error, "one input file only, got " + options.input + " and " + word);
    }
  }
  if (options.input.empty()) return fail(usage_error, "no input file; see burinc --help");
  if (options.output.empty()) return fail(usage_error, "no output: give -o FILE.o, FILE.a or FILE.so");
  return 0;
}

/// The libburin_rt.so that burinc itself runs with: a library names it as what it needs, so that dlopen finds it.
std::string runtimeLibrary() {
  Dl_info info;
  void *symbol = dlsym(RTLD_DEFAULT, "burin_rt_last_error");
  return symbol && dladdr(symbol, &info) && info.dli_fname ? info.dli_fname : "";
}

/// The library that the system's ar or cc makes of the object, as bytes.
int makeLibrary(const std::filesystem::path &output, std::span<const std::byte> object, std::string &library) {
  Workplace work;
  if (work.folder().empty()) return cannotWrite(std::filesystem::temp_directory_path(), std::strerror(errno));
  const bool archive = output.extension() == ".a";
  const std::filesystem::path member = work.folder() / (output.stem().string() + ".burinc.o"),
                              made = work.folder() / output.filename();
  rt::Replacement file(member.string(), rt::Replacement::Kind::entry);
  if (!file.write(object) || !file.commit()) return cannotWrite(member, file.why());
  const int status = archive ? run({"ar", "rcs", made.string(), member.string()})
                             : run({"cc", "-shared", "-Wl,-soname," + output.filename().string(), "-o", made.string(),
                                    member.string(), "-Wl,--no-as-needed", runtimeLibrary()});
  std::ifstream in(made, std::ios::binary);
  library.assign(std::istreambuf_iterator<char>(in), {});
  if (status != 0 || !in || library.empty())
    return fail(user_error,
                std::string("the system's ") + (archive ? "ar" : "cc") + " did not make " + output.string());
  return 0;
}

/// Everything is made before anything takes its place: an object never stands beside another one's header.
int writeOutputs(const Options &options, const compiler::AotResult &result) {
  const std::filesystem::path output = options.output;
  std::filesystem::path headerPlace = output;
  headerPlace.replace_extension(".h");
  std::span<const std::byte> bytes = std::as_bytes(std::span(result.object));
  std::string library;
  if (output.extension() == ".so" && result.architecture != rt::architecture())
    return fail(user_error, "cannot link " + output.string() + " for " + result.architecture + " on this " +
                                std::string(rt::architecture()) +
                                " machine: write FILE.o or FILE.a, and link it with that machine's compiler");
  if (output.extension() != ".o") {
    if (int code = makeLibrary(output, bytes, library)) return code;
    bytes = std::as_bytes(std::span(library));
  }
  rt::Replacement code(output.string()), header(headerPlace.string());
  if (!code.write(bytes)) return cannotWrite(output, code.why());
  if (!header.write(std::as_bytes(std::span(result.header)))) return cannotWrite(headerPlace, header.why());
  if (!code.commit()) return cannotWrite(output, code.why());
  if (!header.commit()) return cannotWrite(headerPlace, header.why());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0) return std::fputs(Help, stdout), 0;
    if (std::strcmp(argv[i], "--version") == 0) return std::puts("burinc " BURIN_VERSION), 0;
  }
  Options options;
  if (int code = parse(argc, argv, options)) return code;
  std::string ending = std::filesystem::path(options.output).extension().string();
  if (ending != ".o" && ending != ".a" && ending != ".so")
    return fail(usage_error, "cannot tell what to write from '" + options.output + "': it ends in none of .o .a .so");

  auto saved = read_saved(options.input);
  if (!saved) return fail(saved.error());
  if (saved->traces.empty())
    return fail(user_error,
                options.input + " holds no trace: call the function, or give it a signature, before saving");
  if (options.trace < 0 && saved->traces.size() > 1) {
    std::string list;
    for (std::size_t t = 0; t < saved->traces.size(); ++t) {
      list += "\n  --trace=" + std::to_string(t) + ":";
      for (const Input &input : saved->traces[t].graph.inputs())
        if (input.kind != InputKind::capture) list += " " + to_string(saved->traces[t].graph.type(input.value));
    }
    return fail(user_error,
                options.input + " holds " + std::to_string(saved->traces.size()) + " traces; choose one:" + list);
  }
  auto trace = static_cast<std::size_t>(std::max(options.trace, 0));
  if (trace >= saved->traces.size())
    return fail(user_error, "--trace=" + std::to_string(trace) + ": the file holds traces 0 to " +
                                std::to_string(saved->traces.size() - 1));

  const SavedTrace &chosen = saved->traces[trace];
  if (!chosen.variables.empty() && !options.state)
    return fail(user_error, options.input + ": the function assigns the variable '" +
                                saved->variables[chosen.variables[0].variable].name +
                                "'; say where such state is: --state=arguments, each an argument that the call "
                                "overwrites, or --state=owned, in the object");
  if (chosen.variables.empty() && options.state)
    return fail(user_error, options.input + ": the function assigns no variable; leave --state out");
  compiler::Request request;
  request.graph = &chosen.graph;
  request.options = options.compile;
  request.explain = options.report;
  compiler::AotOptions aot;
  aot.symbol = options.symbol.empty() ? saved->name : options.symbol;
  aot.captures = chosen.captures;
  aot.state = options.state.value_or(aot.state);
  std::vector<bool> bound(saved->variables.size());
  for (const SavedBinding &b : chosen.variables) {
    const SavedVariable &variable = saved->variables[b.variable];
    if (bound[b.variable])
      return fail(user_error, options.input + ": the variable '" + variable.name + "' is two inputs of one trace");
    bound[b.variable] = true;
    aot.variables.push_back({b.input, variable.name, variable.value});
  }
  const compiler::Api *api = compiler::burin_compiler_api(compiler::api_version);
  if (!api) return fail(internal_error, "the compiler library is of another version");
  auto result = api->compile_aot(request, aot);
  if (!result) return fail(result.error());
  if (options.report) {
    for (const compiler::Remark &remark : result->report.remarks)
      std::cerr << remark.line.file << ":" << remark.line.line << ": " << remark.pass << ": " << remark.message << "\n";
    for (const compiler::Stage &stage : result->report.stages)
      std::cerr << stage.name << ": " << stage.milliseconds << " ms\n";
  }
  return writeOutputs(options, *result);
}

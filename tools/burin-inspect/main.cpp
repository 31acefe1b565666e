// burin-inspect: shows what a saved function holds and what the compiler makes of it.
// Exit status: 0, 1 for the user's mistakes (a bad file), 2 for wrong usage, 70 for ours.
#include "tools/burin-inspect/Inspect.h"

#include "compiler/graph/print.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

using namespace burin;
using namespace burin::inspect;

namespace {

constexpr int userError = 1, usageError = 2, internalError = 70;

void printHelp() {
  std::printf("Shows what a saved function holds and what the compiler makes of it.\n\n"
              "Usage: burin-inspect FILE.burin [views] [options]\n\nViews (default: --signature --graph):\n");
  for (const ViewInfo &v : views) std::printf("  --%-12s %s\n", v.option, v.help);
  std::printf("  --%-12s all of them\n", "all");
  std::printf(
      "\nOptions:\n"
      "  --trace N       only trace N, counted from 0\n"
      "  --json          one JSON object on standard output\n"
      "  --no-lines      the graph without source lines\n"
      "  --target CPU    what the compiler's views compile for: host (default), x86-64, x86-64-v3, x86-64-v4, ...\n"
      "  --no-fuse       compile one op a kernel\n"
      "  --help, --version\n\n"
      "Examples:\n"
      "  burin-inspect mlp.burin\n"
      "  burin-inspect mlp.burin --sizes --constants\n"
      "  burin-inspect mlp.burin --trace 0 --stages --target x86-64-v4\n"
      "  burin-inspect mlp.burin --json --graph | jq -r '.traces[0].graph.digest'\n");
}

int usage(const std::string &what) {
  std::fprintf(stderr, "burin-inspect: %s\n  hint: burin-inspect --help\n", what.c_str());
  return usageError;
}

int failed(const Error &e) {
  std::fprintf(stderr, "burin-inspect: %s\n", printable(e.text(), /*lines=*/true).c_str());
  return e.code == ErrorCode::internal ? internalError : userError;
}

/// Fills `options`; a message where the arguments make no sense.
std::string parse(const std::vector<std::string> &arguments, Options &options) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string &a = arguments[i];
    auto value = [&]() -> const std::string * { return i + 1 < arguments.size() ? &arguments[++i] : nullptr; };
    if (!a.starts_with("--")) {
      if (!options.file.empty()) return "more than one file: '" + options.file + "' and '" + a + "'";
      options.file = a;
    } else if (a == "--json") {
      options.json = true;
    } else if (a == "--no-lines") {
      options.lines = false;
    } else if (a == "--no-fuse") {
      options.compile.level = compiler::Options::Level::no_fuse;
    } else if (a == "--target") {
      const std::string *v = value();
      if (!v) return "--target needs a CPU";
      options.compile.target = *v;
    } else if (a == "--trace") {
      const std::string *v = value();
      std::size_t n = 0;
      if (!v || std::from_chars(v->data(), v->data() + v->size(), n).ptr != v->data() + v->size() || v->empty())
        return "--trace needs a number";
      options.trace = n;
    } else if (a == "--all") {
      for (const ViewInfo &info : views) options.shown.push_back(info.view);
    } else {
      const auto *info =
          std::find_if(std::begin(views), std::end(views), [&](const ViewInfo &v) { return a.substr(2) == v.option; });
      if (info == std::end(views)) return "unknown option '" + a + "'";
      options.shown.push_back(info->view);
    }
  }
  if (options.file.empty()) return "no file is given";
  if (options.shown.empty()) options.shown = {View::Signature, View::Graph};
  return {};
}

int run(const Options &options) {
  auto function = read_saved(options.file);
  if (!function) return failed(function.error());
  if (options.trace && *options.trace >= function->traces.size())
    return failed({ErrorCode::invalid_argument,
                   "--trace " + std::to_string(*options.trace) + ": '" + options.file + "' has " +
                       std::to_string(function->traces.size()) + " traces",
                   "trace", "", ""});
  const bool compiles = std::any_of(std::begin(views), std::end(views),
                                    [&](const ViewInfo &v) { return v.compiles && options.shows(v.view); });
  std::vector<compiler::Report> reports(function->traces.size());
  std::vector<Subject> subjects;
  for (std::size_t i = 0; i < function->traces.size(); ++i) {
    if (options.trace && *options.trace != i) continue;
    if (compiles) {
      auto report = compile(function->traces[i].graph, options.compile);
      if (!report) return failed(report.error());
      reports[i] = std::move(*report);
    }
    subjects.push_back({function->traces[i], i, &reports[i]});
  }
  const std::string out =
      options.json ? json(*function, options, subjects) : printable(text(*function, options, subjects), /*lines=*/true);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return std::fflush(stdout) == 0 ? 0 : userError;
}

} // namespace

bool Options::shows(View v) const { return std::find(shown.begin(), shown.end(), v) != shown.end(); }

int main(int argc, char **argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  for (const std::string &a : arguments) {
    if (a == "--help") {
      printHelp();
      return 0;
    }
    if (a == "--version") {
      std::printf("burin-inspect %s\n", BURIN_VERSION);
      return 0;
    }
  }
  Options options;
  if (std::string wrong = parse(arguments, options); !wrong.empty()) return usage(wrong);
  return run(options);
}

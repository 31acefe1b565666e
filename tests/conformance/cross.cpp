// The op records on another machine: burinc compiles them for AArch64, Debian's cross compiler links them with a C program and
// the burin_rt that CMake built for it, and qemu-aarch64 runs it.
#include "tests/support/record_functions.h"

#include <cstdio>
#include <sys/wait.h>

using namespace burin;
using namespace burin::test;

namespace {

const char* const target_folder = "/usr/aarch64-linux-gnu";

bool installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}
bool can_cross() {
  return installed("qemu-aarch64") && installed("aarch64-linux-gnu-gcc") && installed("aarch64-linux-gnu-g++") &&
         fs::exists(fs::path(target_folder) / "lib/libc.so.6");
}
#define NEED_CROSS_TOOLS() \
  if (!can_cross())        \
  BURIN_SKIP("qemu-user, gcc-aarch64-linux-gnu, g++-aarch64-linux-gnu or libc6-dev-arm64-cross is not installed")

/// Exit code, and what was written to stdout and stderr.
std::pair<int, std::string> run(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe);
  for (char buffer[512]; std::fgets(buffer, sizeof buffer, pipe);) text += buffer;
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text};
}

fs::path bin() { return fs::read_symlink("/proc/self/exe").parent_path(); }

/// burin_rt for AArch64, built beside this build once and again where a source has changed.
fs::path cross_runtime() {
  const fs::path build = bin().parent_path() / "cross-aarch64";
  auto [configured, why] = run("cmake -S . -B " + build.string() +
                               " -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake -DBURIN_RUNTIME_ONLY=ON "
                               "-DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1");
  if (configured != 0) FAIL(why);
  auto [built, log] = run("cmake --build " + build.string());
  if (built != 0) FAIL(log);
  return build / "lib";
}

void burinc(const Group& group, const std::string& target, const fs::path& stem) {
  auto written = write_saved(function_of(group), stem.string() + ".burin");
  if (!written) FAIL(written.error().text());
  shell((bin() / "burinc").string() + " --target=" + target + " " + stem.string() + ".burin -o " + stem.string() +
        ".o");
}

/// A program for AArch64 of the runner, the groups' objects and burin_rt.
fs::path link(const fs::path& folder, const std::vector<Group>& all, const std::string& target) {
  std::string objects, includes, table = "const function functions[] = {\n";
  for (const Group& group : all) {
    burinc(group, target, folder / group.symbol);
    objects += " " + (folder / group.symbol).string() + ".o";
    includes += "#include \"" + group.symbol + ".h\"\n";
    const std::string& s = group.symbol;
    table += "  {\"" + s + "\", " + s + ", " + s + "_num_arguments, " + s + "_num_results},\n";
  }
  std::ofstream(folder / "all.c") << "#include \"tests/conformance/cross_runner.c\"\n"
                                  << includes << table << "};\nconst int num_functions = " << all.size() << ";\n";
  const fs::path lib = cross_runtime();
  const fs::path program = folder / ("program-" + target);
  shell("aarch64-linux-gnu-gcc -std=c11 -Wall -Werror -I. -Iruntime/include -I" + folder.string() + " " +
        (folder / "all.c").string() + objects + " -o " + program.string() + " " +
        (lib / "libburin_rt_static.a").string() + " -lstdc++ -lpthread");
  return program;
}

/// Runs the program on all groups' arguments on a CPU of qemu's.
std::pair<int, std::string> emulate(const std::string& cpu, const fs::path& program, const fs::path& in,
                                    const fs::path& out) {
  return run("BURIN_NUM_THREADS=2 qemu-aarch64 -cpu " + cpu + " -L " + target_folder + " " + program.string() + " " +
             in.string() + " " + out.string());
}

void put(std::ofstream& file, std::int64_t word) { file.write(reinterpret_cast<const char*>(&word), sizeof word); }
void put(std::ofstream& file, const HostTensor& t, bool filled) {
  put(file, static_cast<std::int64_t>(t.type.dtype));
  put(file, t.type.shape.rank());
  for (Dim d : t.type.shape) put(file, d.value());
  put(file, t.num_bytes());
  if (filled) file.write(reinterpret_cast<const char*>(t.buffer.data()), static_cast<std::streamsize>(t.num_bytes()));
}

void write_arguments(const fs::path& path, const std::vector<Group>& all) {
  std::ofstream file(path, std::ios::binary);
  for (const Group& group : all) {
    for (const GoldenCase* c : group.cases)
      for (const HostTensor& input : c->inputs) put(file, input, true);
    for (const GoldenCase* c : group.cases) put(file, c->expected, false);
  }
  REQUIRE(file);
}

void compare_results(const fs::path& path, const std::vector<Group>& all) {
  std::ifstream file(path, std::ios::binary);
  for (const Group& group : all)
    for (const GoldenCase* c : group.cases) {
      HostTensor got{c->expected.type, Buffer::allocate(c->expected.num_bytes())};
      file.read(reinterpret_cast<char*>(got.buffer.mutable_data()), static_cast<std::streamsize>(got.num_bytes()));
      REQUIRE(file);
      if (std::string what = difference(got, c->expected, c->tolerance); !what.empty())
        FAIL_CHECK(c->title << ": " << what);
      auto referee = run_reference(c->kind, c->inputs, c->attributes);
      REQUIRE(referee);
      const Tolerance both{2 * c->tolerance.ulps, 2 * c->tolerance.rtol, 2 * c->tolerance.atol};
      if (std::string what = difference(got, referee->at(0), both); !what.empty())
        FAIL_CHECK(c->title << ": unlike the referee, " << what);
    }
  CHECK(file.peek() == std::ifstream::traits_type::eof());
}

}  // namespace

TEST_CASE("ops compiled for any AArch64 compute there what NumPy and the referee compute") {
  NEED_CROSS_TOOLS();
  const Folder folder;
  const auto all = groups();
  const fs::path program = link(folder.path, all, "aarch64"), in = folder.path / "in", out = folder.path / "out";
  write_arguments(in, all);
  auto [status, text] = emulate("cortex-a53", program, in, out);
  INFO(text);
  REQUIRE(status == 0);
  compare_results(out, all);
}

TEST_CASE("ops compiled for an AArch64 CPU use its features, which the runtime asks for") {
  NEED_CROSS_TOOLS();
  const Folder folder;
  std::vector<Group> some;
  for (Group& group : groups())
    if (group.symbol == "op_add" || group.symbol == "op_matmul" || group.symbol == "op_reduce_sum" ||
        group.symbol == "op_cast")
      some.push_back(std::move(group));
  REQUIRE(some.size() == 4);
  const fs::path program = link(folder.path, some, "neoverse-n1"), in = folder.path / "in", out = folder.path / "out";
  write_arguments(in, some);
  auto [status, text] = emulate("max", program, in, out);
  INFO(text);
  REQUIRE(status == 0);
  compare_results(out, some);
  auto [refused, why] = emulate("cortex-a53", program, in, out);
  CHECK(refused == 1);
  CHECK(why.find("op_add: this processor lacks dotprod [cpu-features]") != std::string::npos);
}

// The op records ahead of time: all cases of an op are one saved function, which burinc compiles to an object; the objects and
// their headers become one shared library, whose functions are called as a C program would call them.
#include "tests/support/record_functions.h"

#include <dlfcn.h>

using namespace burin;
using namespace burin::test;

namespace {

/// A tensor in a caller's memory: aligned to its element and no better, with guards on both sides.
class CallerTensor {
 public:
  CallerTensor(const HostTensor& value, bool filled)
      : value_(&value),
        bytes_(static_cast<std::size_t>(value.num_bytes())) {
    memory_.assign(64 + guard + bytes_ + guard, std::byte{0xa5});
    auto base = reinterpret_cast<std::uintptr_t>(memory_.data());
    auto size = static_cast<std::size_t>(element_alignment(value.type.dtype));
    at_ = memory_.data() + ((base + guard + 63) / 64 * 64 - base) + size;
    if (filled && bytes_) std::memcpy(at_, value.buffer.data(), bytes_);
    for (Dim d : value.type.shape) sizes_.push_back(d.value());
  }
  burin_rt_tensor tensor() {
    return {at_, static_cast<std::int32_t>(value_->type.dtype), static_cast<std::int32_t>(sizes_.size()),
            sizes_.data()};
  }
  HostTensor copy() const {
    HostTensor t{value_->type, Buffer::allocate(value_->num_bytes())};
    if (bytes_) std::memcpy(t.buffer.mutable_data(), at_, bytes_);
    return t;
  }
  bool guards_intact() const {
    for (const std::byte* p = memory_.data(); p != memory_.data() + memory_.size(); ++p)
      if ((p < at_ || p >= at_ + bytes_) && *p != std::byte{0xa5}) return false;
    return true;
  }

 private:
  static constexpr std::size_t guard = 128;
  const HostTensor* value_;
  std::size_t bytes_;
  std::vector<std::byte> memory_;
  std::byte* at_;
  std::vector<std::int64_t> sizes_;
};

using AotFunction = std::int32_t (*)(const burin_rt_tensor*, const burin_rt_tensor*);

void run_group(const Group& group, AotFunction function) {
  std::vector<CallerTensor> arguments, results;
  for (const GoldenCase* c : group.cases) {
    for (const HostTensor& input : c->inputs) arguments.emplace_back(input, true);
    results.emplace_back(c->expected, false);
  }
  std::vector<burin_rt_tensor> in, out;
  for (CallerTensor& t : arguments) in.push_back(t.tensor());
  for (CallerTensor& t : results) out.push_back(t.tensor());
  const std::int32_t status = function(in.data(), out.data());
  INFO(group.symbol << ": " << burin_rt_last_error());
  REQUIRE(status == BURIN_RT_OK);
  std::size_t argument = 0;
  for (std::size_t k = 0; k < group.cases.size(); ++k) {
    const GoldenCase& c = *group.cases[k];
    const HostTensor got = results[k].copy();
    if (std::string what = difference(got, c.expected, c.tolerance); !what.empty()) FAIL_CHECK(c.title << ": " << what);
    auto referee = run_reference(c.kind, c.inputs, c.attributes);
    REQUIRE(referee);
    const Tolerance both{2 * c.tolerance.ulps, 2 * c.tolerance.rtol, 2 * c.tolerance.atol};
    if (std::string what = difference(got, referee->at(0), both); !what.empty())
      FAIL_CHECK(c.title << ": unlike the referee, " << what);
    if (!results[k].guards_intact()) FAIL_CHECK(c.title << ": memory beside the result was written");
    for (const HostTensor& input : c.inputs) {
      const CallerTensor& given = arguments[argument++];
      if (!given.guards_intact() || !difference(given.copy(), input).empty())
        FAIL_CHECK(c.title << ": an argument was written");
    }
  }
}

void run_ahead_of_time(const std::string& target) {
  const Folder folder;
  const fs::path bin = fs::read_symlink("/proc/self/exe").parent_path(), lib = bin.parent_path() / "lib";
  const auto all = groups();
  std::string objects;
  std::ofstream table(folder.path / "all.c");
  for (const Group& group : all) {
    const fs::path stem = folder.path / group.symbol;
    auto written = write_saved(function_of(group), stem.string() + ".burin");
    if (!written) FAIL(written.error().text());
    shell((bin / "burinc").string() + " --target=" + target + " " + stem.string() + ".burin -o " + stem.string() +
          ".o");
    objects += " " + stem.string() + ".o";
    std::size_t arguments = 0;
    for (const GoldenCase* c : group.cases) arguments += c->inputs.size();
    table << "#include \"" << group.symbol << ".h\"\n"
          << "_Static_assert(" << group.symbol << "_num_arguments == " << arguments << ", \"arguments\");\n"
          << "_Static_assert(" << group.symbol << "_num_results == " << group.cases.size() << ", \"results\");\n"
          << "int32_t (*const the_" << group.symbol
          << ")(const burin_rt_tensor*, const burin_rt_tensor*) = " << group.symbol << ";\n";
  }
  table.close();
  const std::string library = (folder.path / "librecords.so").string();
  shell("cc -std=c11 -Wall -Werror -shared -fPIC -Iruntime/include -I" + folder.path.string() + " " +
        (folder.path / "all.c").string() + objects + " -o " + library + " -Wl,-z,defs -L" + lib.string() +
        " -lburin_rt -Wl,-rpath," + lib.string());
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) FAIL(::dlerror());
  for (const Group& group : all) {
    auto* function = static_cast<AotFunction*>(::dlsym(handle, ("the_" + group.symbol).c_str()));
    REQUIRE(function);
    run_group(group, *function);
  }
  CHECK(::dlclose(handle) == 0);
}

}  // namespace

TEST_CASE("ops compiled ahead of time for this machine compute what NumPy and the referee compute") {
  run_ahead_of_time("host");
}

TEST_CASE("ops compiled ahead of time for any x86-64 compute what NumPy and the referee compute") {
  run_ahead_of_time("x86-64");
}

// Saved functions: what is written is read back the same, and no file, however damaged, does harm.
#include "compiler/graph/saved.h"
#include "compiler/graph/interpret.h"
#include "compiler/graph/safetensors.h"

#include "tests/support/elements.h"
#include "tests/support/graphs.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <unistd.h>

using namespace burin;
using namespace burin::test;

namespace {

using Values = std::vector<ValueId>;
using Bytes = std::vector<std::uint8_t>;

HostTensor ramp(std::vector<std::int64_t> dims) {
  std::int64_t n = 1;
  for (std::int64_t d : dims) n *= d;
  std::vector<float> v;
  for (std::int64_t i = 0; i < n; ++i) v.push_back(static_cast<float>(i % 7) - 3);
  return tensor<float>(std::move(dims), v);
}

/// A graph with named sizes, a guard, lines, a loop, a branch, captures, state, most kinds of attributes.
SavedTrace rich_trace(const HostTensor& weights, Dim batch) {
  Builder b;
  b.graph.name = "rich";
  b.line = b.graph.intern_line({"examples/rich.cpp", "rich", 21, 5});
  const ValueId x = b.argument({f32, {batch, 16}}, "arg0");
  const ValueId w = b.graph.add_input(InputKind::capture, {f32, {16, 16}}, "w");
  const ValueId s = b.graph.add_input(InputKind::state, {f32, {}}, "arg1.count");
  b.graph.add_guard({Guard::Kind::at_least, batch, 1});
  const ValueId one = b.constant(scalar(1.0f)), big = b.constant(ramp({16, 16}));
  const ValueId y = b.op(OpKind::matmul, {b.op(OpKind::matmul, {x, w}), big});
  b.line = 0;
  auto looped = b.loop(
      {s, y}, [&](Values v) { return Values{b.op(OpKind::less, {v[0], b.constant(scalar(4.0f))}), v[0], v[1]}; },
      [&](Values v) {
        b.op(OpKind::print, {v[0]}, {std::string("trip \"quoted\"\n")});
        return Values{b.op(OpKind::add, {v[0], one}), b.op(OpKind::add, {v[1], v[1]})};
      });
  auto chosen = b.branch(
      b.op(OpKind::less, {looped[0], one}), [&] { return Values{looped[1]}; },
      [&] { return Values{b.op(OpKind::exp, {looped[1]})}; });
  const ValueId sum = b.op(OpKind::reduce_sum, {chosen[0]}, {std::vector<std::int64_t>{0}, false});
  const ValueId flat = b.op(OpKind::reshape, {y}, {std::vector<Dim>{batch * 16}});
  b.result(sum, "result[0]");
  b.result(flat, "result[1]");
  b.graph.add_output(OutputKind::state, looped[0], "arg1.count", 2);
  REQUIRE(verify(b.graph));
  SavedTrace t;
  t.graph = std::move(b.graph);
  t.arguments = {{SavedLeaf::Kind::tensor, "arg0", "", "", false, false},
                 {SavedLeaf::Kind::tensor, "arg1.count", "", "", false, true},
                 {SavedLeaf::Kind::host, "arg2", "int", "3", false, false},
                 {SavedLeaf::Kind::length, "arg3", "", "2", false, false}};
  t.results = {{SavedLeaf::Kind::tensor, "result[0]"}, {SavedLeaf::Kind::tensor, "result[1]"}};
  t.captures = {weights};
  return t;
}

SavedFunction rich() {
  SavedFunction f;
  f.name = "rich";
  const HostTensor w = ramp({16, 16});
  f.traces.push_back(rich_trace(w, Dim("batch")));
  f.traces.push_back(rich_trace(w, 8));
  return f;
}

Buffer in_memory(const Bytes& bytes) {
  Buffer b = Buffer::allocate(static_cast<std::int64_t>(bytes.size()));
  std::copy(bytes.begin(), bytes.end(), static_cast<std::uint8_t*>(b.mutable_data()));
  return b;
}
Bytes saved(const SavedFunction& f) {
  auto bytes = serialise(f);
  REQUIRE(bytes);
  return *bytes;
}
std::string refusal(const Bytes& bytes) {
  auto f = deserialise(in_memory(bytes));
  REQUIRE_FALSE(f);
  return f.error().message;
}
/// The file with its section `function` replaced, checksums right.
Bytes with_section(const Bytes& file, std::string from, std::string to) {
  auto sections = detail::open_container(file);
  REQUIRE(sections);
  Bytes section(sections->function.begin(), sections->function.end());
  auto at = std::search(section.begin(), section.end(), from.begin(), from.end());
  REQUIRE(at != section.end());
  std::copy(to.begin(), to.end(), at);
  return detail::make_container(section, sections->weights);
}

}  // namespace

TEST_CASE("A saved function comes back with the same bodies, tables, schema and weights") {
  const SavedFunction out = rich();
  auto in = deserialise(in_memory(saved(out)));
  if (!in) FAIL(in.error().text());
  CHECK(in->name == "rich");
  CHECK(in->producer.find("burin ") == 0);
  REQUIRE(in->traces.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const SavedTrace &a = out.traces[i], &b = in->traces[i];
    CHECK(hash(a.graph) == hash(b.graph));
    CHECK(to_string(a.graph) == to_string(b.graph));
    CHECK(a.arguments == b.arguments);
    CHECK(a.results == b.results);
    REQUIRE(b.captures.size() == 1);
    CHECK(same_bytes(a.captures[0], b.captures[0]));
  }
  CHECK(saved(*in) == saved(out));
}

TEST_CASE("Traces share one copy of a weight, aligned in the file") {
  const Bytes bytes = saved(rich());
  auto sections = detail::open_container(bytes);
  REQUIRE(sections);
  auto tensors = read_safetensors(sections->weights, in_memory(bytes));
  REQUIRE(tensors);
  CHECK(tensors->size() == 1);  // the capture, and the equal constants of both traces
  auto in = deserialise(in_memory(bytes));
  REQUIRE(in);
  CHECK(in->traces[0].captures[0].buffer.same(in->traces[1].captures[0].buffer));
  CHECK(reinterpret_cast<std::uintptr_t>(in->traces[0].captures[0].buffer.data()) % 64 == 0);
}

TEST_CASE("A loaded graph computes what the saved one does") {
  SavedFunction f = rich();
  auto in = deserialise(in_memory(saved(f)));
  REQUIRE(in);
  const std::vector<HostTensor> inputs{ramp({3, 16}), f.traces[0].captures[0], scalar(2.0f)};
  auto a = interpret(f.traces[0].graph, inputs), b = interpret(in->traces[0].graph, inputs);
  REQUIRE((a && b));
  for (std::size_t i = 0; i < a->size(); ++i) CHECK(same_bytes((*a)[i], (*b)[i]));
}

TEST_CASE("A file is written whole and read back; what cannot be is said") {
  const auto folder = std::filesystem::temp_directory_path() / ("burin-saved-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = folder / "rich.burin";
  REQUIRE(write_saved(rich(), path));
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  auto in = read_saved(path);
  REQUIRE(in);
  CHECK(hash(in->traces[1].graph) == hash(rich().traces[1].graph));
  auto missing = read_saved(folder / "none.burin");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.find("cannot read '") != std::string::npos);
  auto directory = read_saved(folder);
  REQUIRE_FALSE(directory);
  CHECK(directory.error().message.find("': it is a folder") != std::string::npos);
  CHECK_FALSE(write_saved(rich(), folder / "no" / "such" / "folder.burin"));
  std::ofstream(folder / "text.burin") << "hello, this is no saved function at all";
  auto text = read_saved(folder / "text.burin");
  REQUIRE_FALSE(text);
  CHECK(text.error().text().find("saved function: this is not a saved function [corrupt-file]\n  in file '") == 0);
  std::filesystem::remove_all(folder);
}

TEST_CASE("An op or a version that this burin does not have is named") {
  const Bytes file = saved(rich());
  CHECK(refusal(with_section(file, "matmul", "matmux")) ==
        "saved function: it uses the op 'matmux', which this burin does not have");
  CHECK(refusal(with_section(file, "\x0a\x06matmul\x10\x01", "\x0a\x06matmul\x10\x07")) ==
        "saved function: it uses version 7 of the op 'matmul'; this burin has version 1");
  Bytes later = file;
  later[8] = 9;
  CHECK(refusal(later) == "saved function: it has format 9; this burin reads format 1");
}

TEST_CASE("What would not be a valid graph is refused after reading") {
  const Bytes file = saved(rich());
  CHECK(refusal(with_section(file, "f32[8,16]", "f32[7,16]")).find("graph \"rich\"") == 0);
  CHECK(refusal(with_section(file, "f32[8,16]", "f33[8,16]")) == "saved function: a type cannot be read");
  CHECK(refusal(with_section(file, "f32[8,16]", " i4[8,16]")) == "saved function: a type cannot be read");
  CHECK(refusal(with_section(file, "f32[8,16]", "i4[800,4]")) ==
        "saved function: it has values of dtype i4, which burin does not have yet");
  SavedFunction broken = rich();
  broken.traces[0].captures.clear();
  auto r = serialise(broken);
  REQUIRE_FALSE(r);
  CHECK(r.error().code == ErrorCode::internal);
}

TEST_CASE("Variables are kept with their names and values, and a binding that does not fit is refused") {
  auto with_variables = [] {
    SavedFunction f = rich();
    for (SavedTrace& t : f.traces) {
      t.variables = {{2, 1}};
      t.arguments.erase(t.arguments.begin() + 1);
    }
    f.variables = {{"unused", ramp({100})}, {"count", scalar(3.0f)}};
    return f;
  };
  const SavedFunction f = with_variables();
  auto in = deserialise(in_memory(saved(f)));
  REQUIRE(in);
  REQUIRE(in->variables.size() == 2);
  CHECK(in->variables[0].name == "unused");
  CHECK(same_bytes(in->variables[0].value, f.variables[0].value));
  CHECK(same_bytes(in->variables[1].value, f.variables[1].value));
  REQUIRE(in->traces[1].variables.size() == 1);
  CHECK(in->traces[1].variables[0].input == 2);
  CHECK(in->traces[1].variables[0].variable == 1);

  auto refused = [&](SavedBinding b) {
    SavedFunction g = with_variables();
    g.traces[0].variables = {b};
    auto r = serialise(g);
    return r ? "" : r.error().message;
  };
  const std::string unfit = "saved function: a variable does not fit its input";
  CHECK(refused({2, 0}) == unfit);  // another type
  CHECK(refused({2, 2}) == unfit);  // no such variable
  CHECK(refused({0, 1}) == unfit);  // an argument
  CHECK(refused({9, 1}) == "saved function: the call schema does not fit the graph");
}

TEST_CASE("A file cut off anywhere is refused") {
  const Bytes file = saved(rich());
  for (std::size_t n = 0; n < file.size(); ++n) {
    const Bytes head(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n));
    auto f = deserialise(in_memory(head));
    if (f) FAIL("accepted with " << n << " of " << file.size() << " bytes");
  }
}

TEST_CASE("Each flipped bit of the sections is noticed by a checksum") {
  const Bytes file = saved(rich());
  std::mt19937 random(1);
  auto sections = detail::open_container(file);
  REQUIRE(sections);
  for (int i = 0; i < 2000; ++i) {
    Bytes damaged = file;
    const std::size_t at = random() % file.size();
    damaged[at] ^= static_cast<std::uint8_t>(1u << random() % 8);
    auto f = deserialise(in_memory(damaged));
    const std::uint8_t* original = file.data() + at;
    auto within = [&](std::span<const std::uint8_t> s) {
      return original >= s.data() && original < s.data() + s.size();
    };
    if (f && (within(sections->function) || within(sections->weights)))
      FAIL("byte " << at << " was changed and not noticed");
  }
}

TEST_CASE("Damage behind the checksums is an error or a valid graph, never harm") {
  const Bytes file = saved(rich());
  auto sections = detail::open_container(file);
  REQUIRE(sections);
  std::mt19937 random(2);
  int accepted = 0;
  for (int i = 0; i < 6000; ++i) {
    Bytes function(sections->function.begin(), sections->function.end());
    Bytes weights(sections->weights.begin(), sections->weights.end());
    Bytes& target = i % 4 == 0 ? weights : function;
    const std::size_t reach = i % 4 == 0 ? 200 : target.size();  // the JSON header is what can hurt
    for (unsigned k = 0, n = 1 + random() % 4; k < n; ++k) {
      const std::size_t at = random() % reach;
      switch (random() % 3) {
        case 0: target[at] ^= static_cast<std::uint8_t>(1u << random() % 8); break;
        case 1: target[at] = static_cast<std::uint8_t>(random()); break;
        case 2:
          std::copy_n(target.begin() + static_cast<std::ptrdiff_t>(random() % (reach / 2)),
                      std::min<std::size_t>(8, reach - at), target.begin() + static_cast<std::ptrdiff_t>(at));
          break;
      }
    }
    if (random() % 8 == 0) target.resize(random() % target.size());
    const Bytes remade = detail::make_container(function, weights);
    auto f = deserialise(in_memory(remade));
    if (!f) continue;
    ++accepted;
    for (const SavedTrace& t : f->traces) {
      CHECK(verify(t.graph));
      CHECK(!to_string(t.graph).empty());
    }
  }
  INFO(accepted << " of 6000 were still valid");
  CHECK(accepted < 6000);
}

TEST_CASE("Hostile messages do not recurse or allocate without bound") {
  // Block 1 (field 9 of the graph), op (field 2), region (field 5), op, ... 5,000 deep.
  std::string inner;
  for (int i = 0; i < 5001; ++i) {  // the outermost is an op
    std::string next = (i % 2 == 0 ? "\x12" : "\x2a");
    for (std::size_t n = inner.size();; n >>= 7) {
      next += static_cast<char>((n & 127) | (n >= 128 ? 128 : 0));
      if (n < 128) break;
    }
    inner = next + inner;
  }
  auto wrapped = [](char tag, const std::string& body) {
    std::string s(1, tag);
    std::size_t n = body.size();
    for (; n >= 128; n >>= 7) s += static_cast<char>((n & 127) | 128);
    s += static_cast<char>(n);
    return s + body;
  };
  const std::string function = wrapped('\x12', wrapped('\x0a', wrapped('\x4a', inner)));
  const Bytes section(function.begin(), function.end());
  const Bytes none = write_safetensors({});
  CHECK(refusal(detail::make_container(section, none)) == "saved function: the section 'function' cannot be read");
  // A constant that claims 2^40 elements.
  const std::string huge = wrapped(
      '\x12', wrapped('\x0a', wrapped('\x12', "f32[1099511627776]") + wrapped('\x32', std::string("\x08\x00", 2))));
  CHECK(refusal(detail::make_container(Bytes(huge.begin(), huge.end()), none)) ==
        "saved function: a constant has no data");
}

TEST_CASE("every dtype goes through safetensors under its name there, and through a saved function") {
  std::vector<NamedTensor> tensors;
  SavedFunction f;
  f.name = "dtypes";
  Builder b;
  b.graph.name = "dtypes";
  SavedTrace trace;
  for (Dtype t : dtypes_of(all_dtypes)) {
    HostTensor x{{t, {5}}, Buffer::allocate(bytes(t, 5))};
    for (std::int64_t i = 0; i < 5; ++i) set_element(x, i, static_cast<double>(i % 2));
    tensors.push_back({std::string(name(t)), x});
    b.result(b.op(OpKind::cast, {b.constant(x)}, {t == f32 ? f64 : f32}), "as_" + std::string(name(t)));
    b.result(b.op(OpKind::cast, {b.argument({f32, {3}}, "x" + std::string(name(t)))}, {t}),
             "to_" + std::string(name(t)));
    trace.arguments.push_back({SavedLeaf::Kind::tensor, "x" + std::string(name(t)), "", "", false, false});
    for (const char* way : {"as_", "to_"})
      trace.results.push_back({SavedLeaf::Kind::tensor, way + std::string(name(t))});
  }
  trace.graph = std::move(b.graph);
  f.traces.push_back(std::move(trace));
  auto in = deserialise(in_memory(saved(f)));
  if (!in) FAIL(in.error().text());
  CHECK(hash(in->traces.at(0).graph) == hash(f.traces[0].graph));
  CHECK(to_string(in->traces[0].graph) == to_string(f.traces[0].graph));

  const Bytes file = write_safetensors(tensors);
  const std::string text(file.begin(), file.end());
  CHECK(text.find(R"("dtype":"F16")") != std::string::npos);
  CHECK(text.find(R"("dtype":"U64")") != std::string::npos);
  CHECK(text.find(R"("dtype":"BOOL")") != std::string::npos);
  const Buffer memory = in_memory(file);
  auto back = read_safetensors({static_cast<const std::uint8_t*>(memory.data()), file.size()}, memory);
  REQUIRE(back);
  REQUIRE(back->size() == tensors.size());
  for (const NamedTensor& t : *back) {
    auto was = std::find_if(tensors.begin(), tensors.end(), [&](auto& x) { return x.name == t.name; });
    REQUIRE(was != tensors.end());
    CHECK(same_bytes(was->value, t.value));
  }
}

TEST_CASE(
    "A bound on trips that is below zero or mentions no size of the inputs is refused, as any size in an attribute "
    "is") {
  auto loop_bounded_by = [](Dim bound) {
    Builder b;
    const ValueId x = b.argument({f32, {Dim("n")}}, "x");
    auto out = b.loop(
        {x}, [&](Values v) { return Values{b.constant(scalar(false)), v[0]}; }, [&](Values v) { return v; }, bound);
    b.result(out[0], "y");
    return verify(b.graph);
  };
  CHECK(loop_bounded_by(5));
  CHECK(loop_bounded_by(Dim("n") + 1));
  auto below = loop_bounded_by(-5), unknown = loop_bounded_by(Dim("m")), large = loop_bounded_by(Dim::overflow());
  REQUIRE_FALSE((below || unknown || large));
  CHECK(below.error().message.find("is bounded by -5 trips") != std::string::npos);
  CHECK(unknown.error().message.find("mentions the size 'm'") != std::string::npos);
  CHECK(large.error().message.find("does not fit in 64 bits") != std::string::npos);

  Builder guarded;
  guarded.result(guarded.argument({f32, {Dim("n")}}, "x"), "y");
  guarded.graph.add_guard({Guard::Kind::at_least, Dim("m"), 4});
  CHECK_FALSE(verify(guarded.graph));
}

TEST_CASE("Regions are saved and read as deep as they are recorded, and the limit names itself") {
  auto nested = [](int depth) {
    SavedFunction f;
    Builder b;
    const ValueId x = b.argument({f32, {}}, "x");
    const ValueId no = b.constant(scalar(false));
    std::function<ValueId(int)> deeper = [&](int d) -> ValueId {
      if (d == 0) return b.op(OpKind::exp, {x});
      return b.branch(no, [&] { return Values{deeper(d - 1)}; }, [&] { return Values{x}; })[0];
    };
    b.result(deeper(depth), "y");
    SavedTrace t;
    t.graph = std::move(b.graph);
    t.arguments = {{SavedLeaf::Kind::tensor, "arg0"}};
    t.results = {{SavedLeaf::Kind::tensor, "result"}};
    f.traces.push_back(std::move(t));
    return f;
  };
  auto read = deserialise(in_memory(saved(nested(max_nesting))));
  REQUIRE(read);
  CHECK(hash(read->traces[0].graph) == hash(nested(max_nesting).traces[0].graph));
  auto refused = serialise(nested(max_nesting + 1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("regions are nested more than 300 deep") != std::string::npos);
}

TEST_CASE("safetensors with wrong offsets, names or sizes are refused") {
  const std::vector<NamedTensor> tensors{{"a", ramp({2, 3})}, {"b", scalar(true)}, {"c", tensor<float>({0}, {})}};
  const Bytes good = write_safetensors(tensors);
  const Buffer memory = in_memory(good);
  auto read = [&](const Bytes& bytes) {
    const Buffer m = in_memory(bytes);
    auto r = read_safetensors({static_cast<const std::uint8_t*>(m.data()), bytes.size()}, m);
    return r ? std::string() : r.error().message;
  };
  auto back = read_safetensors({static_cast<const std::uint8_t*>(memory.data()), good.size()}, memory);
  REQUIRE(back);
  REQUIRE(back->size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK((*back)[i].name == tensors[i].name);
    CHECK(same_bytes((*back)[i].value, tensors[i].value));
  }
  auto with = [&](std::string header) {
    Bytes bytes(8);
    const std::uint64_t n = header.size();
    std::memcpy(bytes.data(), &n, 8);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.resize(bytes.size() + 16);
    return read(bytes);
  };
  CHECK(with(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})").empty());
  CHECK(with(R"({"__metadata__":{"x":"y"},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})").empty());
  CHECK(with(R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}})").find("outside the data") !=
        std::string::npos);
  CHECK(with(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[8,4]}})").find("outside the data") !=
        std::string::npos);
  CHECK(with(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})")
            .find("a size that is none") != std::string::npos);
  CHECK(with(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}})").find("a size that is none") !=
        std::string::npos);
  CHECK(
      with(
          R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})") ==
      "weights: the name 'a' stands there twice");
  CHECK(
      with(
          R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})") ==
      "weights: two tensors have the same bytes");
  CHECK(
      with(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})") ==
      "weights: there are bytes of no tensor");
  CHECK(with(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})") == "weights: there are bytes of no tensor");
  CHECK(with(R"({"a":{"dtype":"F8","shape":[4],"data_offsets":[0,4]}})") ==
        "weights: tensor 'a' has dtype F8, which burin does not have");
  CHECK(with(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})") ==
        "weights: tensor 'a' has dtype F8_E4M3, which burin does not have yet");
  CHECK(with(R"({"a":{"dtype":"F32"}})").find("lacks") != std::string::npos);
  CHECK(with(R"({"a":3})").find("lacks") != std::string::npos);
  CHECK(with("{").find("not a JSON object") != std::string::npos);
  CHECK(with("[1]").find("not a JSON object") != std::string::npos);
  CHECK(with(std::string(100000, '[')).find("not a JSON object") != std::string::npos);
  CHECK(read(Bytes(4)).find("shorter") != std::string::npos);
  CHECK(read(Bytes(8, 0xff)).find("longer than the file") != std::string::npos);
  Bytes flag = good;
  flag.back() = 2;  // the bool comes last
  CHECK(read(flag) == "weights: tensor 'b' has a bool that is neither 0 nor 1");
}

TEST_CASE("A file that an earlier burin wrote still reads") {
  auto in = read_saved("tests/support/data/rich.burin");
  if (!in) FAIL(in.error().text());
  REQUIRE(in->traces.size() == 2);
  CHECK(to_string(in->traces[0].graph) == to_string(rich().traces[0].graph));
  CHECK(same_bytes(in->traces[0].captures[0], rich().traces[0].captures[0]));
}

// Not run by itself: `test_graph "Write the sample"` after a change that is meant to end the reading of old files.
TEST_CASE("Write the sample", "[.]") { REQUIRE(write_saved(rich(), "tests/support/data/rich.burin")); }

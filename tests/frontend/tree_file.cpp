// Trees in files: found by name, checked leaf by leaf, whole or not there.
#include "tests/support/catch.h"
#include "tests/support/child.h"

#include <burin/burin.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

using namespace burin;
using test::TemporaryFolder;

namespace {

struct Written {
  Tensor w1, w2;
};
struct Read {
  Tensor w2, w1;
};
struct Layer {
  Tensor w[2], b;
};
struct Model {
  std::vector<Layer> layers;
  std::map<std::string, Tensor> tables;
  std::map<int, Tensor> by_number;
  std::optional<Tensor> scale;
  float rate = 0.5f;
};
Model model() {
  auto number = [next = 1.0f]() mutable { return full({2}, next++); };
  Layer layer{{number(), number()}, number()};
  return {{layer, layer}, {{"a", number()}}, {{7, number()}, {-3, full({1}, 9, i32)}}, full({}, true), 0.25f};
}
std::string content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put(const std::string& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }
template <class F> std::string message(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return e.error.text(); }
  return "nothing was thrown";
}
Written both() { return {full({2, 3}, 1.0f), full({4}, 2.0f, bf16)}; }

}  // namespace

TEST_CASE("a tree comes back as it was saved, with names that are its paths") {
  TemporaryFolder folder;
  const std::string file = folder.path / "model.safetensors";
  const Model m = model();
  save_tree(file, m);
  Model like = tree_zeros_like(m);
  like.rate = 3;
  const Model back = load_tree(file, like);
  const auto was = tree_flatten(m), is = tree_flatten(back);
  REQUIRE(is.leaves.size() == was.leaves.size());
  CHECK(is.paths == std::vector<std::string>{"layers[0].w[0]", "layers[0].w[1]", "layers[0].b", "layers[1].w[0]",
                                             "layers[1].w[1]", "layers[1].b", "tables.a", "by_number[-3]",
                                             "by_number[7]", "scale"});
  for (std::size_t i = 0; i < is.leaves.size(); ++i) {
    INFO(is.paths[i]);
    CHECK(is.leaves[i].type() == was.leaves[i].type());
    CHECK(cast(is.leaves[i], f64).to_vector<double>() == cast(was.leaves[i], f64).to_vector<double>());
  }
  CHECK(back.rate == 3);  // host values are the tree's
}

TEST_CASE("leaves are found by name, in whatever order and type of struct they stand") {
  TemporaryFolder folder;
  const std::string file = folder.path / "t";
  save_tree(file, both());
  const Read back = load_tree(file, Read{full({4}, 0.0f, bf16), full({2, 3}, 0.0f)});
  CHECK(back.w1.to_vector<float>() == std::vector<float>(6, 1));
  CHECK(cast(back.w2, f32).to_vector<float>() == std::vector<float>(4, 2));
  const Read untyped = load_tree(file, Read{});  // what holds nothing takes any type
  CHECK(untyped.w1.shape() == Shape({2, 3}));
  CHECK(untyped.w2.dtype() == bf16);
  save_tree(file, full({2}, 5.0f));
  CHECK(load_tree(file, Tensor()).to_vector<float>() == std::vector<float>{5, 5});
  CHECK(load_tree(file, std::map<std::string, Tensor>{{"value", Tensor()}}).at("value").size().value() == 2);
}

TEST_CASE("the file is what other tools read as safetensors") {
  TemporaryFolder folder;
  const std::string file = folder.path / "t.safetensors";
  save_tree(file, Written{Tensor({{1.0f, 2.0f}}), Tensor({std::int64_t{3}})});
  const std::string bytes = content(file);
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  std::string text = bytes.substr(8, header);
  text.erase(text.find_last_not_of(' ') + 1);
  CHECK(text == R"({"w1":{"data_offsets":[8,16],"dtype":"F32","shape":[1,2]},)"
                R"("w2":{"data_offsets":[0,8],"dtype":"I64","shape":[1]}})");
  REQUIRE(bytes.size() == 8 + header + 16);
  std::int64_t w2 = 0;
  float w1[2];
  std::memcpy(&w2, bytes.data() + 8 + header, 8);
  std::memcpy(w1, bytes.data() + 16 + header, 8);
  CHECK((w2 == 3 && w1[0] == 1 && w1[1] == 2));
}

TEST_CASE("all that does not fit is told in one error") {
  TemporaryFolder folder;
  const std::string file = folder.path / "t";
  save_tree(file, std::map<std::string, Tensor>{{"w1", full({3, 2}, 0.0f)}, {"w2", full({4}, 0.0f)}, {"w9", 1.0f}});
  struct Wanted {
    Tensor w1, w2, w3;
  };
  const std::string text =
      message([&] { (void)load_tree(file, Wanted{full({2, 3}, 0.0f), full({4}, 0.0f, bf16), full({1}, 0.0f)}); });
  CHECK(text.find("load_tree: '" + file + "' does not fit the tree: w1 is f32[3,2], expected f32[2,3]; w2 is f32[4], " +
                  "expected bf16[4]; w3 is missing; 'w9' (f32[]) is no leaf of the tree [tree-file]") == 0);
  CHECK(text.find("tree_file.cpp") != std::string::npos);
  CHECK(text.find(R"(give both names: load_tree(file, like, {{"w3", "w9"}}))") != std::string::npos);
  const Wanted fits{full({3, 2}, 0.0f), full({4}, 0.0f), Tensor(0.0f)};
  CHECK(load_tree(file, fits, {{"w3", "w9"}}).w3.item<float>() == 1);  // the hint, followed
  const std::string long_text = message([&] { (void)load_tree(file, std::vector<Tensor>(40)); });
  CHECK(long_text.find("[11] is missing; and 31 more [tree-file]") != std::string::npos);
}

TEST_CASE("renamed leaves and subtrees are found under their names in the file") {
  TemporaryFolder folder;
  const std::string file = folder.path / "t";
  save_tree(file, std::map<std::string, Tensor>{
                      {"encoder.0.w", full({}, 1.0f)}, {"encoder.0.b", full({}, 2.0f)}, {"bias", full({}, 3.0f)}});
  struct Inner {
    Tensor w, b;
  };
  struct Outer {
    std::array<Inner, 1> layers;
    Tensor b;
  };
  const Outer o = load_tree(file, Outer(), {{"layers[0]", "encoder.0"}, {"b", "bias"}});
  CHECK(o.layers[0].w.item<float>() == 1);
  CHECK(o.layers[0].b.item<float>() == 2);
  CHECK(o.b.item<float>() == 3);
  const auto p = load_tree(file, std::pair(Inner(), Tensor()), {{"[0]", "encoder.0"}, {"[1]", "bias"}});
  CHECK(p.second.item<float>() == 3);
  save_tree(file, std::map<std::string, Inner>{{"model", {full({}, 4.0f), full({}, 5.0f)}}});
  CHECK(load_tree(file, Inner(), {{"", "model"}}).b.item<float>() == 5);
  CHECK(message([&] {
          (void)load_tree(file, Inner(), {{"", "model"}, {"x", "y"}});
        }).find("the renamed x is no leaf of the tree") != std::string::npos);
}

TEST_CASE("what cannot be saved is refused, and the file that was there stays") {
  TemporaryFolder folder;
  const std::string file = folder.path / "t";
  save_tree(file, both());
  const std::string before = content(file);
  CHECK(message([&] {
          save_tree(file, Written{Tensor(1.0f), Tensor()});
        }).find("save_tree: w2 holds nothing [undefined]") == 0);
  struct Twice {
    std::map<std::string, Tensor> a;
    Tensor b;
  };
  CHECK(message([&] {
          save_tree(file, std::map<std::string, Twice>{{"x", {{{"b", 1.0f}}, 2.0f}}, {"x.a", {{}, 3.0f}}});
        }).find("save_tree: two leaves are called x.a.b [tree-file]") == 0);
  CHECK(message([&] {
          save_tree(file, std::map<std::string, Tensor>{{"\xff", 1.0f}});
        }).find("save_tree: leaf 0 has a name that no file can hold [tree-file]") == 0);
  CHECK(message([&] {
          burin::function([&](const Tensor& x) {
            save_tree(file, x);
            return x;
          })(1.0f);
        }).find("save_tree: value is being traced and has no value yet [no-value]") == 0);
  CHECK(content(file) == before);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  CHECK(message([&] { save_tree(folder.path / "no" / "t", both()); }).find("save_tree: cannot write") == 0);
}

TEST_CASE("a file that lies is refused, and one cut off at any byte") {
  TemporaryFolder folder;
  const std::string file = folder.path / "t";
  const Written w = both();
  save_tree(file, w);
  const std::string good = content(file);
  for (std::size_t n = 0; n < good.size(); n += n < 32 ? 1 : 7) {
    put(file, good.substr(0, n));
    CHECK_THROWS_AS(load_tree(file, w), InvalidArgument);
  }
  put(file, good + "x");
  CHECK(message([&] { (void)load_tree(file, w); }).find("there are bytes of no tensor [corrupt-file]") !=
        std::string::npos);
  std::string lie = good;
  lie.replace(lie.find("[2,3]"), 5, "[9,3]");
  put(file, lie);
  CHECK(message([&] { (void)load_tree(file, w); }).find("its shape does not fit its bytes [corrupt-file]") !=
        std::string::npos);
  CHECK(message([&] { (void)load_tree(folder.path, w); }).find("load_tree: cannot read") == 0);
  CHECK(message([&] { (void)load_tree(folder.path / "none", w); }).find("load_tree: cannot read") == 0);
}

TEST_CASE("loaded tensors are ours: state that begins with them is updated in place from the first step") {
  TemporaryFolder folder;
  const std::string file = folder.path / "t";
  save_tree(file, both());
  Written p = load_tree(file, both());
  auto step = burin::function([](Written& w) { w.w1 = w.w1 * 2; });
  const void* memory = p.w1.data<float>();
  step(p);
  CHECK(p.w1.to_vector<float>() == std::vector<float>(6, 2));
  CHECK(p.w1.data<float>() == memory);
}

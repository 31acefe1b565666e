// Ahead-of-time objects: a C program is compiled against the header, linked with the object and burin_rt alone, and run:
// right calls, and wrong ones with the status and the words that the header promises.
#include "compiler/driver/Compiler.h"

#include "tests/support/graphs.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace burin;
using namespace burin::test;

namespace {

Graph affine() {
  Builder b;
  Dim n("n");
  auto x = b.argument({f32, {n, 4}}, "x"), w = b.argument({f32, {4, 3}}, "w");
  auto bias = b.graph.add_input(InputKind::capture, {f32, {3}}, "bias");
  auto count = b.graph.add_input(InputKind::state, {i32, {}}, "count");
  b.result(b.op(OpKind::add, {b.op(OpKind::matmul, {x, w}), bias}), "y");
  b.graph.add_output(OutputKind::state, b.op(OpKind::add, {count, b.constant(scalar<std::int32_t>(1))}), "count", 3);
  return std::move(b.graph);
}

const char* const Program = R"(
#include "affine.h"
#include <stdio.h>
#include <string.h>
int main(void) {
  float x[2 * 4] = {1, 2, 3, 4, 5, 6, 7, 8}, w[4 * 3] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, y[2 * 3] = {0};
  int32_t count = 41;
  int64_t xs[2] = {2, 4}, ws[2] = {4, 3}, ys[2] = {2, 3}, bad[2] = {2, 5};
  burin_rt_tensor in[affine_num_arguments] = {{x, BURIN_RT_F32, 2, xs}, {w, BURIN_RT_F32, 2, ws}, {&count, BURIN_RT_I32, 0, 0}};
  burin_rt_tensor out[affine_num_results] = {{y, BURIN_RT_F32, 2, ys}};
  int32_t status = affine(in, out);
  if (status != BURIN_RT_OK) return puts(burin_rt_last_error()), 10;
  for (int i = 0; i < 6; ++i) printf("%g ", y[i]);
  printf("count %d\n", count);
  in[affine_x].shape = bad;
  status = affine(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  in[affine_x].shape = xs;
  in[affine_w].dtype = BURIN_RT_F64;
  status = affine(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  in[affine_w].dtype = BURIN_RT_F32;
  out[0].shape = bad;
  status = affine(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  out[0].shape = ys;
  in[affine_w].data = 0;
  status = affine(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  in[affine_w].data = w;
  out[0].data = x + 2;
  status = affine(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  out[0].data = y;
  in[affine_count].data = w + 11;
  status = affine(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  in[affine_count].data = &count;
  in[affine_x].data = w;
  status = affine(in, out);
  printf("%d count %d\n", status, count);
  return 0;
}
)";

void write(const std::filesystem::path& path, const void* data, std::size_t size) {
  std::ofstream(path, std::ios::binary).write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

}  // namespace

/// Compiles `graph` and the C program that calls it, runs it, and gives the lines that it prints.
/// `archive`: linked with the static runtime, by the flags that the header gives.
std::vector<std::string> run_program(const Graph& graph, const compiler::AotOptions& options, const char* program,
                                     bool archive = false) {
  compiler::Request request;
  request.graph = &graph;
  auto result = compiler::burin_compiler_api(compiler::api_version)->compile_aot(request, options);
  if (!result) FAIL(result.error().text());

  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("burin_aot_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  write(folder / (options.symbol + ".o"), result->object.data(), result->object.size());
  write(folder / (options.symbol + ".h"), result->header.data(), result->header.size());
  write(folder / "main.c", program, std::strlen(program));
  std::filesystem::path lib = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "lib";
  const auto from = result->header.find("-lburin_rt_static");
  const std::string flags = result->header.substr(from, result->header.find(".\n", from) - from);
  std::string command = "cc $CFLAGS -std=c11 -Wall -Werror -Iruntime/include -I" + folder.string() + " " +
                        (folder / "main.c").string() + " " + (folder / options.symbol).string() + ".o -o " +
                        (folder / "main").string() + " -L" + lib.string() + " " +
                        (archive ? flags : "-lburin_rt -Wl,-rpath," + lib.string()) + " && " +
                        (folder / "main").string() + " > " + (folder / "out").string();
  INFO(result->header);
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream out(folder / "out");
  std::vector<std::string> lines;
  for (std::string line; std::getline(out, line);) lines.push_back(line);
  std::filesystem::remove_all(folder);
  return lines;
}

TEST_CASE("a C program calls a compiled function through its header") {
  compiler::AotOptions options;
  options.symbol = "affine";
  options.captures = {tensor<float>({3}, {10, 20, 30})};
  CHECK(run_program(affine(), options, Program) ==
        std::vector<std::string>{
            "11 22 33 15 26 37 count 42",
            "1 affine: 'x' is f32[2,5]; expected size 4 in dim 1 [shape-mismatch]",
            "1 affine: 'w' is f64; expected dtype f32 [dtype]",
            "1 affine: 'y' is f32[2,5]; expected size 3 in dim 1 [shape-mismatch]",
            "1 affine: 'w' has no data [null-pointer]",
            "1 affine: 'x' and 'y' share memory, which the call writes [overlap]",
            "1 affine: 'w' and 'count' share memory, which the call writes [overlap]",
            "0 count 43",
        });
}

TEST_CASE("a C program links the static runtime with the flags that the header names") {
  compiler::AotOptions options;
  options.symbol = "affine";
  options.captures = {tensor<float>({3}, {10, 20, 30})};
  CHECK(run_program(affine(), options, Program, /*archive=*/true).size() == 8);
}

TEST_CASE("an index out of range is a fault with eager words, and leaves what the call would overwrite") {
  Builder b;
  Dim n("n");
  auto x = b.argument({f32, {n, 2}}, "x"), at = b.argument({i32, {3}}, "at");
  auto total = b.graph.add_input(InputKind::state, {f32, {2}}, "total");
  b.graph.name = "pick";
  b.graph.add_guard({Guard::Kind::divisible, n, 2});
  b.line = b.graph.intern_line({"examples/pick.cpp", "pick", 12, 3});
  auto rows = b.op(OpKind::gather, {x, at}, {std::int64_t{0}});
  b.result(rows, "rows");
  b.graph.add_output(
      OutputKind::state,
      b.op(OpKind::add, {total, b.op(OpKind::reduce_sum, {rows}, {std::vector<std::int64_t>{0}, false})}), "total", 2);
  compiler::AotOptions options;
  options.symbol = "pick";
  CHECK(run_program(b.graph, options, R"(
#include "pick.h"
#include <stdio.h>
static float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, total[2] = {100, 200}, rows[6];
static int32_t at[3] = {0, 1, 0};
static void call(int64_t n) {
  int64_t xs[2] = {n, 2}, three = 3, two = 2, rs[2] = {3, 2};
  burin_rt_tensor in[pick_num_arguments] = {{x, BURIN_RT_F32, 2, xs}, {at, BURIN_RT_I32, 1, &three}, {total, BURIN_RT_F32, 1, &two}};
  burin_rt_tensor out[pick_num_results] = {{rows, BURIN_RT_F32, 2, rs}};
  int32_t status = pick(in, out);
  printf("%d total %g %g\n%s\n", status, total[0], total[1], burin_rt_last_error());
}
int main(void) {
  at[1] = 4;
  call(4);
  at[1] = -1;
  call(4);
  call(3);
  at[1] = 3;
  call(4);
  return 0;
}
)") == std::vector<std::string>{
           "3 total 100 200",
           "pick: gather: index 4 is out of range, at element 1 of the indices [index-out-of-range]",
           "  in \"pick\" at examples/pick.cpp:12",
           "3 total 100 200",
           "pick: gather: index -1 is out of range, at element 1 of the indices [index-out-of-range]",
           "  in \"pick\" at examples/pick.cpp:12",
           "1 total 100 200",
           "pick: the sizes break what the trace relies on: n % 2 == 0 [guard]",
           "0 total 109 212",
           "",
       });
}

TEST_CASE("sizes that no memory holds are a status and a line, before anything runs") {
  Builder b;
  b.graph.name = "sums";
  auto x = b.argument({f32, {"n", "k"}}, "x");
  auto row = b.op(OpKind::reduce_sum, {x}, {std::vector<std::int64_t>{1}, false});
  b.result(b.op(OpKind::reduce_sum, {b.op(OpKind::cumsum, {row}, {std::int64_t{0}, false, false})},
                {std::vector<std::int64_t>{0}, false}),
           "sum");
  compiler::AotOptions options;
  options.symbol = "sums";
  CHECK(run_program(b.graph, options, R"(
#include "sums.h"
#include <stdio.h>
static float x[2] = {1, 2}, sum;
static void call(int64_t n, int64_t k) {
  int64_t xs[2] = {n, k};
  burin_rt_tensor in[sums_num_arguments] = {{x, BURIN_RT_F32, 2, xs}};
  burin_rt_tensor out[sums_num_results] = {{&sum, BURIN_RT_F32, 0, 0}};
  int32_t status = sums(in, out);
  printf("%d %g %s\n", status, sum, burin_rt_last_error());
}
int main(void) {
  call(2, 1);
  call((int64_t)1 << 62, 0);
  call((int64_t)1 << 55, 0);
  call((int64_t)1 << 62, 4);
  return 0;
}
)") == std::vector<std::string>{
           "0 4 ",
           "2 4 sums: reduce_sum: no memory for the result f32[n] (more than 2^62 bytes) [out-of-memory]",
           "  in \"sums\"",
           "2 4 sums: reduce_sum: no memory for the result f32[n] (144115188075855872 bytes, 288230376151711744 with "
           "all temporaries) [out-of-memory]",
           "  in \"sums\"",
           "2 4 sums: no memory for 'x', which is f32[4611686018427387904,4] (more than 2^62 bytes) [out-of-memory]",
       });
}

TEST_CASE("a result whose size leaves 64 bits fits no shape that is given") {
  Builder b;
  auto x = b.argument({f32, {"n", "k"}}, "x");
  b.result(b.op(OpKind::concatenate, {x, x}, {std::int64_t{0}}), "y");
  compiler::AotOptions options;
  options.symbol = "twice";
  CHECK(run_program(b.graph, options, R"(
#include "twice.h"
#include <stdio.h>
int main(void) {
  int64_t xs[2] = {(int64_t)1 << 62, 0}, ys[2] = {0, 0};
  burin_rt_tensor in = {0, BURIN_RT_F32, 2, xs}, out = {0, BURIN_RT_F32, 2, ys};
  int32_t status = twice(&in, &out);
  printf("%d %s\n", status, burin_rt_last_error());
  return 0;
}
)") == std::vector<std::string>{"2 twice: size 0 of 'y' is beyond 64 bits [out-of-memory]"});
}

TEST_CASE("a symbol that is no C name, is reserved, or is the C library's is refused; one that a kernel has is not") {
  Graph graph = affine();
  compiler::Request request;
  request.graph = &graph;
  auto refusal = [&](const char* symbol) {
    compiler::AotOptions options;
    options.symbol = symbol;
    options.captures = {tensor<float>({3}, {10, 20, 30})};
    auto result = compiler::burin_compiler_api(compiler::api_version)->compile_aot(request, options);
    if (result) return std::string();
    CHECK(result.error().code == ErrorCode::invalid_argument);
    CHECK(result.error().hint == "name the C function with --symbol=NAME");
    return result.error().message.substr(0, result.error().message.find(symbol) + std::strlen(symbol) + 9);
  };
  CHECK(refusal("my function") == "burinc: 'my function' is no C");
  for (const char* name : {"typeof", "requires"}) CHECK(refusal(name).find("is no C") != std::string::npos);
  for (const char* name : {"_step", "size_t", "burin_entry"}) CHECK(refusal(name).find("is rese") != std::string::npos);
  for (const char* name : {"log", "malloc", "exp2", "read", "stdout", "errno", "linux", "isnan"})
    CHECK(refusal(name).find("is a na") != std::string::npos);
  for (const char* name : {"predict", "loglik", "matmul_0", "matmul_1", "add_0", "add_1", "add_2", "Malloc"}) {
    INFO(name);
    CHECK(refusal(name).empty());
  }
}

TEST_CASE("the header of a function compiles whatever its arguments are called, and names each apart") {
  Builder b;
  const char* names[] = {"a.b",
                         "a_b",
                         "a b",
                         "num_arguments",
                         "*/\n__attribute__((constructor)) static void pwn(void) {}",
                         "/* \x1b[2J",
                         "x\\\n",
                         "?\?/",
                         ""};
  std::vector<ValueId> sum;
  for (const char* name : names) sum.push_back(b.argument({f32, {}}, name));
  ValueId all = sum[0];
  for (std::size_t i = 1; i < sum.size(); ++i) all = b.op(OpKind::add, {all, sum[i]});
  b.result(all, "*/ result");
  compiler::AotOptions options;
  options.symbol = "add_1";
  CHECK(run_program(b.graph, options, R"(
#include "add_1.h"
#include <stdio.h>
int main(void) {
  float x = 2, y = 0;
  burin_rt_tensor in[add_1_num_arguments], out[1] = {{&y, BURIN_RT_F32, 0, 0}};
  for (int i = 0; i < add_1_num_arguments; ++i) in[i] = (burin_rt_tensor){&x, BURIN_RT_F32, 0, 0};
  int status = add_1(in, out);
  printf("%d %d", status, (int)y);
  printf(" %d %d %d %d\n", add_1_a_b, add_1_a_b_2, add_1_a_b_3, add_1_num_arguments_2);
  in[4].rank = 1;
  status = add_1(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  return 0;
}
)") == std::vector<std::string>{
           "0 18 0 1 2 3",
           "1 add_1: '*/\\x0a__attribute__((constructor)) static void pwn(void) {}' has rank 1; expected 0 [rank]",
       });
}

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
  std::string command =
      "cc $CFLAGS -std=c11 -Wall -Werror -Iruntime/include -I" + folder.string() + " " + (folder / "main.c").string() +
      " " + (folder / options.symbol).string() + ".o -o " + (folder / "main").string() + " -L" + lib.string() + " " +
      (archive ? flags : "-lburin_rt -Wl,-rpath," + lib.string()) + " && cd " + folder.string() + " && ./main > out";
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
           "2 4 sums: reduce_sum: no memory for the result f32[n] (144115188075855872 bytes, 288230376151712000 with "
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

TEST_CASE("a function has any number of named and computed sizes") {
  // Each of 1,100 vectors has a size of its own; each tenth gets zeros before it, and so a size that is computed.
  constexpr int count = 1100;
  Builder b;
  b.graph.name = "many";
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    auto x = b.argument({f32, {Dim("n" + number)}}, "x" + number);
    if (i % 10 != 0) continue;
    auto zero = b.constant(scalar(0.0f));
    b.result(
        b.op(OpKind::pad, {x, zero}, {std::vector<Dim>{Dim(i)}, std::vector<Dim>{Dim(0)}, std::vector<std::int64_t>{}}),
        "y" + number);
  }
  compiler::AotOptions options;
  options.symbol = "many";
  const char* program = R"(
#include "many.h"
#include <stdio.h>
static burin_rt_tensor in[many_num_arguments], out[many_num_results];
static int64_t in_size[many_num_arguments], out_size[many_num_results];
static float x[16], y[many_num_results][1200];
int main(void) {
  for (int i = 0; i < 16; ++i) x[i] = (float)(i + 1);
  for (int i = 0; i < many_num_arguments; ++i) {
    in_size[i] = i % 3 + 1;
    in[i] = (burin_rt_tensor){x, BURIN_RT_F32, 1, &in_size[i]};
  }
  for (int i = 0; i < many_num_results; ++i) {
    out_size[i] = in_size[10 * i] + 10 * i;
    out[i] = (burin_rt_tensor){y[i], BURIN_RT_F32, 1, &out_size[i]};
  }
  int32_t status = many(in, out);
  int wrong = 0;
  for (int i = 0; i < many_num_results; ++i)
    for (int64_t k = 0; k < out_size[i]; ++k) wrong += y[i][k] != (k < 10 * i ? 0 : (float)(k - 10 * i + 1));
  printf("%d %d\n", status, wrong);
  out_size[109] += 1;
  status = many(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  return 0;
}
)";
  CHECK(run_program(b.graph, options, program) ==
        std::vector<std::string>{"0 0", "1 many: 'y1090' is f32[1093]; expected size 1092 in dim 0 [shape-mismatch]"});
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

namespace {

/// Adds what `at` picks of `x` to a total, and turns a flag; an index that is out of range fails.
Graph accumulate(Dim size = 2) {
  Builder b;
  auto x = b.argument({f32, {3}}, "x"), at = b.argument({i32, {size}}, "at");
  auto total = b.graph.add_input(InputKind::state, {f32, {size}}, "");
  auto flag = b.graph.add_input(InputKind::state, {Dtype::boolean, {}}, "");
  b.graph.name = "add_up";
  auto picked = b.op(OpKind::gather, {x, at}, {std::int64_t{0}});
  auto sum = b.op(OpKind::add, {total, picked});
  b.result(sum, "sum");
  b.graph.add_output(OutputKind::state, sum, "total", 2);
  b.graph.add_output(OutputKind::state, b.op(OpKind::logical_not, {flag}), "flag", 3);
  return std::move(b.graph);
}

compiler::AotOptions accumulate_options(compiler::AotOptions::State state) {
  compiler::AotOptions options;
  options.symbol = "add_up";
  options.state = state;
  options.variables = {{2, "the total", tensor<float>({2}, {100, 200})}, {3, "init", scalar(true)}};
  return options;
}

}  // namespace

TEST_CASE("variables are arguments that the call overwrites, called by their names") {
  CHECK(run_program(accumulate(), accumulate_options(compiler::AotOptions::State::arguments), R"(
#include "add_up.h"
#include <stdio.h>
int main(void) {
  float x[3] = {1, 2, 3}, total[2] = {10, 20}, sum[2];
  int32_t at[2] = {2, 0};
  uint8_t flag = 1;
  int64_t two = 2, three = 3;
  burin_rt_tensor in[add_up_num_arguments] = {{x, BURIN_RT_F32, 1, &three}, {at, BURIN_RT_I32, 1, &two}};
  in[add_up_the_total] = (burin_rt_tensor){total, BURIN_RT_F32, 1, &two};
  in[add_up_init] = (burin_rt_tensor){&flag, BURIN_RT_BOOL, 0, 0};
  burin_rt_tensor out[add_up_num_results] = {{sum, BURIN_RT_F32, 1, &two}};
  int status = add_up(in, out);
  printf("%d %g %g %d\n", status, total[0], total[1], flag);
  at[0] = 3;
  status = add_up(in, out);
  printf("%d %g %g %d\n", status, total[0], total[1], flag);
  in[add_up_the_total].shape = &three;
  status = add_up(in, out);
  printf("%d %s\n", status, burin_rt_last_error());
  return 0;
}
)") == std::vector<std::string>{
           "0 13 21 0",
           "3 13 21 0",
           "1 add_up: 'the total' is f32[3]; expected size 2 in dim 0 [shape-mismatch]",
       });
}

TEST_CASE("an object owns its variables: calls, init, get, save and load, and what each refuses") {
  auto lines = run_program(accumulate(), accumulate_options(compiler::AotOptions::State::owned), R"(
#include "add_up.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static float x[3] = {1, 2, 3}, sum[2], total[2];
static int32_t at[2] = {2, 0};
static uint8_t flag;
static int64_t two = 2, three = 3;
static burin_rt_tensor value = {total, BURIN_RT_F32, 1, &two}, the_flag = {&flag, BURIN_RT_BOOL, 0, 0};
static void show(int status) {
  const char* said = burin_rt_last_error();
  printf("%d %.*s ", status, (int)strcspn(said, "\n"), said);
  if (add_up_get(add_up_the_total, &value) || add_up_get(add_up_init_2, &the_flag)) puts(burin_rt_last_error());
  else printf("%g %g %d\n", total[0], total[1], flag);
}
static int call(void) {
  burin_rt_tensor in[add_up_num_arguments] = {{x, BURIN_RT_F32, 1, &three}, {at, BURIN_RT_I32, 1, &two}};
  burin_rt_tensor out[add_up_num_results] = {{sum, BURIN_RT_F32, 1, &two}};
  return add_up(in, out);
}
static char bytes[4096];
static size_t size;
static void put(const char* path, size_t count, size_t at, char flip) {
  FILE* file = fopen(path, "wb");
  bytes[at] ^= flip;
  fwrite(bytes, 1, count, file);
  bytes[at] ^= flip;
  fclose(file);
}
int main(void) {
  show(0);
  show(call());
  at[0] = 3;
  show(call());
  at[0] = 2;
  show(add_up_save("state"));
  show(call());
  show(add_up_load("state"));
  show(add_up_init());
  show(call());
  show(add_up_save("no/such/folder"));
  show(add_up_load("missing"));
  show(add_up_load("."));
  show(add_up_load(0));
  show(add_up(0, 0));
  show(add_up_get(7, &value));
  show(add_up_get(0, &(burin_rt_tensor){total, BURIN_RT_F32, 1, &three}));
  FILE* file = fopen("state", "rb");
  size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  put("bad", 10, 0, 0), show(add_up_load("bad"));
  put("bad", size, 0, 1), show(add_up_load("bad"));
  put("bad", size, 8, 2), show(add_up_load("bad"));
  put("bad", size - 1, 0, 0), show(add_up_load("bad"));
  put("bad", size, size - 1, 1), show(add_up_load("bad"));
  int refused = 0; /* each bit of the file counts */
  for (size_t i = 0; i < 8 * size; ++i) put("bad", size, i / 8, (char)(1 << i % 8)), refused += add_up_load("bad") != 0;
  printf("%d\n", refused == (int)(8 * size));
  for (size_t i = 0; i < size; i += 7) put("bad", i, 0, 0), refused -= add_up_load("bad") == 0;
  printf("%d\n", refused == (int)(8 * size)); /* and each byte of its end */
  show(add_up_save("state2"));
  fflush(stdout);
  if (fork() == 0) return show(call()), fflush(stdout), _exit(0), 0;
  wait(0);
  show(add_up_load("state"));
  return 0;
}
)");
  const std::string begun = " 100 200 1", once = " 103 201 0";
  CHECK(lines ==
        std::vector<std::string>{
            "0 " + begun,
            "0 " + once,
            "3 add_up: gather: index 3 is out of range, at element 0 of the indices [index-out-of-range]" + once,
            "0 " + once,
            "0  106 202 1",
            "0 " + once,
            "0 " + begun,
            "0 " + once,
            "1 add_up: cannot write 'no/such/folder': No such file or directory [file]" + once,
            "1 add_up: cannot read 'missing': No such file or directory [file]" + once,
            "1 add_up: cannot read '.': it is a folder [file]" + once,
            "1 add_up: no path was given [null-pointer]" + once,
            "1 add_up: no arguments or results were given [null-pointer]" + once,
            "1 add_up: there is no variable 7; expected 0 to 1 [variable]" + once,
            "1 add_up: 'the total' is f32[3]; expected f32[2] [shape-mismatch]" + once,
            "5 add_up: 'bad' is no saved state [corrupt-file]" + once,
            "5 add_up: 'bad' is no saved state [corrupt-file]" + once,
            "4 add_up: 'bad' has version 3 of the format; this burin_rt reads 1 [version]" + once,
            "5 add_up: 'bad' is cut off, or something follows it [corrupt-file]" + once,
            "5 add_up: 'bad' is damaged [corrupt-file]" + once,
            "1",
            "1",
            "0 " + once,
            "0  106 202 1",
            "0 " + once,
        });
}

TEST_CASE("a file of other variables is refused by the first that differs") {
  char folder[] = "/tmp/burin-states-XXXXXX";
  REQUIRE(::mkdtemp(folder));
  const std::string path = std::string(folder) + "/state";
  const std::string program = R"(
#include "add_up.h"
#include <stdio.h>
int main(void) {
  int status = WHAT(")" + path +
                              R"(");
  printf("%d %s\n", status, burin_rt_last_error());
  return 0;
}
)";
  auto run = [&](const compiler::AotOptions& options, const Graph& graph, const char* what) {
    std::string text = program;
    return run_program(graph, options, text.replace(text.find("WHAT"), 4, what).c_str()).at(0);
  };
  auto options = accumulate_options(compiler::AotOptions::State::owned);
  CHECK(run(options, accumulate(), "add_up_save") == "0 ");
  CHECK(run(options, accumulate(), "add_up_load") == "0 ");
  options.variables[0].name = "sum";
  CHECK(run(options, accumulate(), "add_up_load") ==
        "1 add_up: '" + path +
            "': variable 0 is 'the total', which is f32[2]; expected 'sum', which is f32[2] "
            "[state-mismatch]");
  options.variables[0] = {2, "the total", tensor<float>({3}, {1, 2, 3})};
  CHECK(run(options, accumulate(3), "add_up_load") ==
        "1 add_up: '" + path +
            "': variable 0 is 'the total', which is f32[2]; expected 'the total', which is f32[3] "
            "[state-mismatch]");
  options = accumulate_options(compiler::AotOptions::State::owned);
  options.variables.pop_back();  // the flag is an argument by reference then
  CHECK(run(options, accumulate(), "add_up_load") ==
        "1 add_up: '" + path + "' holds 2 variables; expected 1 [state-mismatch]");
  std::filesystem::remove_all(folder);
}

TEST_CASE("state that an object cannot own is refused with the remedy") {
  auto refusal = [](const Graph& graph, const compiler::AotOptions& options) {
    compiler::Request request;
    request.graph = &graph;
    auto result = compiler::burin_compiler_api(compiler::api_version)->compile_aot(request, options);
    return result ? std::string() : result.error().message + "; " + result.error().hint;
  };
  auto options = accumulate_options(compiler::AotOptions::State::owned);
  CHECK(refusal(accumulate(Dim("n")), options) ==
        "burinc: add_up: the variable 'the total' is f32[n]: what the object owns has no named sizes; give "
        "--state=arguments");
  auto large = accumulate_options(compiler::AotOptions::State::owned);
  const std::int64_t many = std::int64_t{1} << 28;
  large.variables[0].value = {{f32, {many}}, Buffer::allocate(4 * many)};
  CHECK(
      refusal(accumulate(many), large) ==
      "burinc: add_up: the variable 'the total' is f32[268435456]: with it the object would own more than 2^29 bytes; "
      "give --state=arguments");
  options.state = compiler::AotOptions::State::arguments;
  CHECK(refusal(accumulate(Dim("n")), options).empty());
  auto twice = accumulate_options(compiler::AotOptions::State::owned);
  twice.variables[1].input = 2;
  CHECK(refusal(accumulate(), twice).find("belongs to no input of the graph") != std::string::npos);
}

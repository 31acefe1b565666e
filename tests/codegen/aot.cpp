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
  return 0;
}
)";

void write(const std::filesystem::path& path, const void* data, std::size_t size) {
  std::ofstream(path, std::ios::binary).write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

}  // namespace

TEST_CASE("a C program calls a compiled function through its header") {
  Graph graph = affine();
  compiler::Request request;
  request.graph = &graph;
  compiler::AotOptions options;
  options.symbol = "affine";
  options.captures = {tensor<float>({3}, {10, 20, 30})};
  auto result = compiler::burin_compiler_api(compiler::api_version)->compile_aot(request, options);
  if (!result) FAIL(result.error().text());

  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("burin_aot_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  write(folder / "affine.o", result->object.data(), result->object.size());
  write(folder / "affine.h", result->header.data(), result->header.size());
  write(folder / "main.c", Program, std::strlen(Program));
  std::filesystem::path lib = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "lib";
  std::string command = "cc -std=c11 -Wall -Werror -Iruntime/include -I" + folder.string() + " " +
                        (folder / "main.c").string() + " " + (folder / "affine.o").string() + " -o " +
                        (folder / "main").string() + " -L" + lib.string() + " -lburin_rt -Wl,-rpath," + lib.string() +
                        " && " + (folder / "main").string() + " > " + (folder / "out").string();
  INFO(result->header);
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream out(folder / "out");
  std::string lines[5];
  for (std::string& line : lines) std::getline(out, line);
  CHECK(lines[0] == "11 22 33 15 26 37 count 42");
  CHECK(lines[1] == "1 affine: 'x' is f32[2,5]; expected size 4 in dim 1 [shape-mismatch]");
  CHECK(lines[2] == "1 affine: 'w' is f64; expected dtype f32 [dtype]");
  CHECK(lines[3] == "1 affine: 'y' is f32[2,5]; expected size 3 in dim 1 [shape-mismatch]");
  CHECK(lines[4] == "1 affine: 'w' has no data [null-pointer]");
  std::filesystem::remove_all(folder);
}

TEST_CASE("a symbol that is no C name is refused") {
  Graph graph = affine();
  compiler::Request request;
  request.graph = &graph;
  compiler::AotOptions options;
  options.symbol = "my function";
  auto result = compiler::burin_compiler_api(compiler::api_version)->compile_aot(request, options);
  REQUIRE(!result);
  CHECK(result.error().code == ErrorCode::invalid_argument);
}

// What compiled code prints, warnings, and the profiler's file.
#include "runtime/core/print.h"
#include "runtime/core/profile.h"
#include "runtime/core/warning.h"

#include "tests/support/catch.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

using namespace burin::rt;

TEST_CASE("a value is printed with its type and nested brackets") {
  const float f[] = {1, 2.5f, -3, 0, INFINITY, 1e-20f};
  const std::int64_t shape[] = {2, 3}, empty[] = {0, 4}, one[] = {3};
  CHECK(format_value("x", BURIN_RT_F32, 2, shape, f) == "x: f32[2,3] [[1, 2.5, -3], [0, inf, 1e-20]]");
  CHECK(format_value("", BURIN_RT_F32, 0, nullptr, f + 1) == "f32[] 2.5");
  CHECK(format_value("e", BURIN_RT_F32, 2, empty, f) == "e: f32[0,4] []");
  const std::uint8_t b[] = {0, 1, 1};
  CHECK(format_value("b", BURIN_RT_BOOL, 1, one, b) == "b: bool[3] [false, true, true]");
  CHECK(format_value("u", BURIN_RT_U8, 1, one, b) == "u: u8[3] [0, 1, 1]");
  const std::uint16_t h[] = {0x3f80, 0x4000, 0xc040};
  CHECK(format_value("h", BURIN_RT_BF16, 1, one, h) == "h: bf16[3] [1, 2, -3]");
  const std::uint16_t f16[] = {0x3c00, 0x7bff, 0x8001};
  CHECK(format_value("h", BURIN_RT_F16, 1, one, f16) == "h: f16[3] [1, 65504, -5.9604645e-08]");
  const std::int8_t i8[] = {-128, 0, 127};
  CHECK(format_value("i", BURIN_RT_I8, 1, one, i8) == "i: i8[3] [-128, 0, 127]");
  const std::uint64_t u64[] = {0, 1, UINT64_MAX};
  CHECK(format_value("u", BURIN_RT_U64, 1, one, u64) == "u: u64[3] [0, 1, 18446744073709551615]");
}

TEST_CASE("a large value is abridged") {
  std::vector<std::int64_t> v(2000);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<std::int64_t>(i);
  const std::int64_t shape[] = {2000};
  CHECK(format_value("v", BURIN_RT_I64, 1, shape, v.data()) == "v: i64[2000] [0, 1, 2, ..., 1997, 1998, 1999]");
}

TEST_CASE("an empty value is printed at once, however many rows it has") {
  const std::int64_t shape[] = {std::int64_t{1} << 40, 0}, deep[] = {std::int64_t{1} << 40, std::int64_t{1} << 40, 0};
  const std::int64_t few[] = {2, 0};
  CHECK(format_value("e", BURIN_RT_F32, 2, shape, nullptr) == "e: f32[1099511627776,0] [[], [], [], ..., [], [], []]");
  CHECK(format_value("e", BURIN_RT_F32, 3, deep, nullptr).size() < 500);
  CHECK(format_value("e", BURIN_RT_F32, 2, few, nullptr) == "e: f32[2,0] [[], []]");
}

TEST_CASE("print goes to the sink that was set") {
  std::string got;
  burin_rt_set_print_sink(
      [](void* user, const char* label, std::int64_t size, std::int32_t dtype, std::int32_t rank,
         const std::int64_t* shape, const void* data) {
        *static_cast<std::string*>(user) +=
            format_value({label, static_cast<std::size_t>(size)}, dtype, rank, shape, data);
      },
      &got);
  burin_rt_ctx* ctx = burin_rt_ctx_acquire(0);
  const std::int32_t n = 42;
  ctx->functions->print(ctx, "answer", 6, BURIN_RT_I32, 0, nullptr, &n);
  burin_rt_ctx_release(ctx);
  burin_rt_set_print_sink(nullptr, nullptr);
  CHECK(got == "answer: i32[] 42");
}

TEST_CASE("warnings go to the sink that was set") {
  std::string got;
  burin_rt_set_warning_sink(
      [](void* user, const char* text, std::size_t size) { static_cast<std::string*>(user)->append(text, size); },
      &got);
  warn("careful");
  burin_rt_set_warning_sink(nullptr, nullptr);
  CHECK(got == "careful");
}

TEST_CASE("the profiler writes its intervals as a Chrome trace, and contexts use it only while it runs") {
  burin_rt_ctx* early = burin_rt_ctx_acquire(0);
  burin_rt_profile_start();
  burin_rt_ctx* ctx = burin_rt_ctx_acquire(0);
  early->functions->profile_begin(early, "early");
  early->functions->profile_end(early);
  burin_rt_ctx_release(early);
  ctx->functions->profile_begin(ctx, "outer \"call\"");
  ctx->functions->profile_begin(ctx, "kernel_3");
  ctx->functions->profile_end(ctx);
  ctx->functions->profile_end(ctx);
  ctx->functions->profile_end(ctx);  // one too many is ignored
  burin_rt_ctx_release(ctx);
  const std::string path =
      (std::filesystem::temp_directory_path() / ("burin-profile-" + std::to_string(::getpid()) + ".json")).string();
  REQUIRE(burin_rt_profile_stop(path.c_str()) == BURIN_RT_OK);
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::remove(path.c_str());
  CHECK(text.str().find("{\"traceEvents\":[\n{\"name\":\"kernel_3\"") == 0);
  CHECK(text.str().find("\"outer \\\"call\\\"\"") != std::string::npos);
  CHECK(text.str().find("early") == std::string::npos);
  CHECK(burin_rt_profile_stop("/no/such/folder/x.json") == BURIN_RT_INVALID_ARGUMENT);
}

// Images and the ELF loader: real objects from the system's C compiler run; damaged ones are refused and never crash.
#include "runtime/core/image.h"

#include "runtime/core/cpu_features.h"

#include "tests/support/catch.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

using namespace burin::rt;
using Bytes = std::vector<std::uint8_t>;

namespace {

// Compiles C to an object as our compiler's are: position independent, small code model.
Bytes object(const std::string& source, const std::string& flags = "-O2 -fPIC") {
  namespace fs = std::filesystem;
  static int count = 0;
  fs::path stem =
      fs::temp_directory_path() / ("burin-image-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
  std::string c = stem.string() + ".c", o = stem.string() + ".o";
  std::ofstream(c) << source;
  REQUIRE(std::system(("cc -c " + flags + " -o " + o + " " + c).c_str()) == 0);
  std::ifstream file(o, std::ios::binary);
  Bytes bytes{std::istreambuf_iterator<char>(file), {}};
  fs::remove(c);
  fs::remove(o);
  REQUIRE(!bytes.empty());
  return bytes;
}

const char* const program = R"(
#include <stdint.h>
#include <stddef.h>
void* memcpy(void*, const void*, size_t); void* memset(void*, int, size_t); void* memmove(void*, const void*, size_t);
int memcmp(const void*, const void*, size_t);
typedef struct burin_rt_ctx { uint32_t abi, threads; } ctx;
int counter = 40;            /* data, through the table of addresses */
static int zeroed[1000];     /* bss */
static double half(double x) { return x * 0.5; }
static double third(double x) { return x / 3.0; }
double (*const functions[])(double) = {half, third};   /* 64-bit addresses in data */
int pick(int n) {            /* a jump table */
  switch (n) { case 0: return 7; case 1: return counter; case 2: return 91; case 3: return -3; case 4: return 11; case 5: return 2; }
  return 0;
}
int bump(int by) { zeroed[by & 511] += by; return counter += zeroed[by & 511]; }
double apply(int which, double x) { return functions[which & 1](x); }
static void (*volatile indirect)(void*, const void*, size_t) = (void (*)(void*, const void*, size_t))memmove;
int32_t entry(void* const* buffers, const int64_t* sizes, ctx* c) {
  size_t n = (size_t)sizes[0];
  memset(buffers[2], 1, 2 * n);
  memcpy(buffers[2], buffers[0], n);
  indirect((char*)buffers[2] + n, buffers[1], n);
  return memcmp(buffers[0], buffers[1], n) == 0 ? 0 : (int)c->abi + 100;
}
)";

std::string load_error(const Bytes& elf) {
  LoadedObject o;
  LoadError e = LoadedObject::load(elf, o);
  return e ? e.message : "";
}

/// An image for this machine of one object.
Bytes image_of(ImageInfo info, const Bytes& elf) {
  if (info.architecture.empty()) info.architecture = architecture();
  const NamedSection section{"elf", elf};
  return write_image(info, {&section, 1});
}

template <class T> void put(Bytes& b, std::size_t at, T value) { std::memcpy(b.data() + at, &value, sizeof value); }

/// Gives a changed image the checksum that goes with it.
void seal(Bytes& image) {
  ImageHeader h;
  std::memcpy(&h, image.data(), sizeof h);
  h.checksum = {};
  std::memcpy(image.data(), &h, sizeof h);
  const Digest checksum = digest({std::as_bytes(std::span(&h, 1)), std::as_bytes(std::span(image).subspan(sizeof h))});
  std::memcpy(image.data() + offsetof(ImageHeader, checksum), &checksum, sizeof checksum);
}

struct Image {
  burin_rt_image* image = nullptr;
  std::string message = std::string(200, '\0');
  std::int32_t status;
  explicit Image(const Bytes& bytes) {
    status = burin_rt_image_load(bytes.data(), bytes.size(), &image, message.data(), message.size());
    message.resize(std::strlen(message.c_str()));
  }
  ~Image() { burin_rt_image_unload(image); }
};

}  // namespace

TEST_CASE("an object's code, constants, data and jump tables work once mapped") {
  for (const char* flags :
       {"-O2 -fPIC", "-O0 -fPIC", "-O2 -fPIC -ffunction-sections -fdata-sections -g", "-O2 -fpie"}) {
    INFO(flags);
    LoadedObject o;
    LoadError e = LoadedObject::load(object(program, flags), o);
    INFO(e.message);
    REQUIRE_FALSE(e);
    auto pick = reinterpret_cast<int (*)(int)>(o.symbol("pick"));
    auto bump = reinterpret_cast<int (*)(int)>(o.symbol("bump"));
    auto apply = reinterpret_cast<double (*)(int, double)>(o.symbol("apply"));
    REQUIRE((pick && bump && apply));
    CHECK(pick(0) == 7);
    CHECK(pick(4) == 11);
    CHECK(pick(1) == 40);
    CHECK(bump(2) == 42);
    CHECK(bump(2) == 46);
    CHECK(pick(1) == 46);
    CHECK(apply(0, 3.0) == 1.5);
    CHECK(apply(1, 3.0) == 1.0);
    CHECK(o.symbol("half") == nullptr);  // local
    CHECK(o.symbol("memcpy") == nullptr);
    LoadedObject moved = std::move(o);
    CHECK(moved.symbol("pick") == reinterpret_cast<void*>(pick));
    CHECK(pick(0) == 7);
  }
}

TEST_CASE("two copies of one object have data of their own") {
  Bytes elf = object(program);
  LoadedObject a, b;
  REQUIRE_FALSE(LoadedObject::load(elf, a));
  REQUIRE_FALSE(LoadedObject::load(elf, b));
  auto bump = [](LoadedObject& o, int by) { return reinterpret_cast<int (*)(int)>(o.symbol("bump"))(by); };
  CHECK(bump(a, 1) == 41);
  CHECK(bump(b, 1) == 41);
}

TEST_CASE("an image's entry runs, with the memory functions resolved") {
  Bytes bytes = image_of({.cpu_features = "sse2,+cx8", .entry = "entry", .arena_bytes = 640}, object(program));
  Image i(bytes);
  INFO(i.message);
  REQUIRE(i.status == BURIN_RT_OK);
  CHECK(i.message.empty());
  CHECK(burin_rt_image_arena_bytes(i.image) == 640);
  CHECK(burin_rt_image_symbol(i.image, "pick") != nullptr);
  std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});  // not needed any more
  char a[] = "left!", b[] = "right", out[10];
  void* buffers[] = {a, b, out};
  std::int64_t sizes[] = {5};
  burin_rt_ctx* ctx = burin_rt_ctx_acquire(0);
  CHECK(burin_rt_image_entry(i.image)(buffers, sizes, ctx) == 100 + BURIN_RT_ABI_VERSION);
  burin_rt_ctx_release(ctx);
  CHECK(std::string(out, 10) == "left!right");
}

TEST_CASE("an image for another machine, runtime or format is refused with its reason") {
  Bytes elf = object("int entry(void) { return 0; }");
  auto refusal = [](const Bytes& bytes, int status) {
    Image i(bytes);
    CHECK(i.status == status);
    CHECK(i.image == nullptr);
    return i.message;
  };
  CHECK(refusal(image_of({.cpu_features = "sse2,warp9,amx-teleport", .entry = "entry"}, elf), BURIN_RT_UNSUPPORTED) ==
        "image: this CPU lacks warp9, amx-teleport");
  CHECK(refusal(image_of({.entry = "entry", .abi_version = 99}, elf), BURIN_RT_UNSUPPORTED).find("runtime ABI 99") !=
        std::string::npos);
  CHECK(refusal(image_of({.entry = "elsewhere"}, elf), BURIN_RT_CORRUPT).find("\"elsewhere\"") != std::string::npos);
  CHECK(refusal(image_of({.entry = "entry", .arena_bytes = -2}, elf), BURIN_RT_CORRUPT).find("arena") !=
        std::string::npos);
  CHECK(refusal(elf, BURIN_RT_CORRUPT) == "image: not a burin image");
  CHECK(refusal({}, BURIN_RT_CORRUPT) == "image: shorter than its header");
  CHECK(refusal(image_of({.entry = "entry", .functions_version = 9}, elf), BURIN_RT_UNSUPPORTED) ==
        "image: its code calls version 9 of the runtime's functions, this has 1");
  CHECK(refusal(image_of({.architecture = "riscv64", .entry = "entry"}, elf), BURIN_RT_UNSUPPORTED) ==
        "image: its code is for riscv64, this machine is " + std::string(architecture()));
  CHECK(refusal(image_of({.architecture = "a\nb", .entry = "entry"}, elf), BURIN_RT_UNSUPPORTED).find("a?b") !=
        std::string::npos);
  Bytes newer = image_of({.entry = "entry"}, elf);
  put<std::uint32_t>(newer, 8, 3);
  CHECK(refusal(newer, BURIN_RT_UNSUPPORTED) == "image: container version 3, this reads 2");
  Bytes older = newer;  // the first container was that of ABI 1
  put<std::uint32_t>(older, 8, 1);
  put<std::uint32_t>(older, 12, 1);
  CHECK(refusal(older, BURIN_RT_UNSUPPORTED) ==
        "image: container version 1, this reads 2; made for runtime ABI 1, this is 2");
  CHECK(refusal(image_of({.entry = "entry", .abi_version = 1}, elf), BURIN_RT_UNSUPPORTED) ==
        "image: made for runtime ABI 1, this is 2");
  burin_rt_image* none = nullptr;
  CHECK(burin_rt_image_load(nullptr, 5, &none, nullptr, 0) == BURIN_RT_INVALID_ARGUMENT);
  char small[4];
  CHECK(burin_rt_image_load("x", 1, &none, small, sizeof small) == BURIN_RT_CORRUPT);
  CHECK(std::string(small) == "ima");
}

TEST_CASE("an image with a missing, doubled or displaced section is refused by its name") {
  const Bytes elf = object("int entry(void) { return 0; }"), other(100, 7);
  const ImageInfo info{.architecture = std::string(architecture()), .entry = "entry"};
  auto refusal = [&](std::vector<NamedSection> sections, auto... change) {
    Bytes bytes = write_image(info, sections);
    (change(bytes), ...);
    Image i(bytes);
    CHECK(i.status == BURIN_RT_CORRUPT);
    CHECK(i.image == nullptr);
    return i.message;
  };
  CHECK(refusal({}) == "image: it has no section \"elf\"; there is none");
  CHECK(refusal({{"ptx", other}, {"cubin", other}}) == "image: it has no section \"elf\"; there is: ptx, cubin");
  CHECK(refusal({{"elf", elf}, {"elf", elf}}) == "image: two sections are named \"elf\"");
  CHECK(refusal({{"elf", elf}, {"ptx", other}, {"ptx", other}}) == "image: two sections are named \"ptx\"");
  CHECK(refusal({{"elf", {}}}) == "object: shorter than an ELF header");

  const Bytes both = write_image(info, std::vector<NamedSection>{{"elf", elf}, {"ptx", other}});
  CHECK(Image(both).status == BURIN_RT_OK);  // what a CPU does not know is another machine's
  ImageView view;
  REQUIRE_FALSE(read_image(both, view));
  REQUIRE(view.sections.size() == 2);
  std::span<const std::uint8_t> contents;
  REQUIRE_FALSE(view.section("ptx", contents));
  CHECK(Bytes(contents.begin(), contents.end()) == other);

  // Places that lie, past the checksum.
  const std::size_t table = (sizeof(ImageHeader) + info.architecture.size() + 5 + 7) / 8 * 8;
  auto lie = [&](std::size_t at, std::uint64_t value) {
    return refusal({{"elf", elf}, {"ptx", other}}, [&](Bytes& b) {
      put(b, at, value);
      seal(b);
    });
  };
  const std::size_t first = table + offsetof(ImageSection, offset), second = first + sizeof(ImageSection);
  for (std::uint64_t place : {std::uint64_t{0}, std::uint64_t{64}, both.size() + 64, ~std::uint64_t{63}})
    CHECK(lie(first, place) == "image: its section \"elf\" does not lie within it");
  CHECK(lie(second, 1) == "image: its section \"ptx\" does not lie within it");
  CHECK(lie(second + 8, ~std::uint64_t{0}) == "image: its section \"ptx\" does not lie within it");
  CHECK(lie(second + 8, 99) == "image: bytes that belong to no section");
  CHECK(lie(offsetof(ImageHeader, num_sections), 0x7fffffff) == "image: its parts do not lie within it");
}

TEST_CASE("an object that needs what is not offered is refused by name") {
  CHECK(load_error(object("int puts(const char*); int entry(void) { return puts(\"x\"); }")).find("\"puts\"") !=
        std::string::npos);
  CHECK(load_error(object("static __thread int t; int* entry(void) { return &t; }")).find("object: ") == 0);
  CHECK(load_error(object("int g; int* entry(void) { return &g; }", "-O2 -fno-pic -mcmodel=small"))
            .find("position independent") != std::string::npos);
  CHECK(load_error(object("__attribute__((constructor)) void f(void) {}")).find("has type") != std::string::npos);
  CHECK(load_error(object("int x[1 << 28];")).find("zeroed data") != std::string::npos);
  CHECK(load_error(object("_Alignas(65536) int x = 1;")).find("alignment") != std::string::npos);
}

TEST_CASE("headers that lie are refused") {
  Bytes good = object("int entry(void) { return 0; }");
  auto with = [&](std::size_t at, auto value) {
    Bytes b = good;
    put(b, at, value);
    return load_error(b);
  };
  CHECK(load_error(good).empty());
  CHECK(with(offsetof(Elf64_Ehdr, e_type), Elf64_Half{ET_DYN}).find("relocatable") != std::string::npos);
  CHECK(with(offsetof(Elf64_Ehdr, e_machine), Elf64_Half{EM_AARCH64}).find("machine 183") != std::string::npos);
  CHECK(with(offsetof(Elf64_Ehdr, e_shoff), ~Elf64_Off{0}).find("outside") != std::string::npos);
  CHECK(with(offsetof(Elf64_Ehdr, e_shoff), Elf64_Off{good.size() - 10}).find("outside") != std::string::npos);
  CHECK(with(offsetof(Elf64_Ehdr, e_shnum), Elf64_Half{0}).find("section table") != std::string::npos);
  CHECK(with(offsetof(Elf64_Ehdr, e_shnum), Elf64_Half{0xffff}).find("outside") != std::string::npos);
  CHECK(with(offsetof(Elf64_Ehdr, e_shstrndx), Elf64_Half{0xfff0}).find("names") != std::string::npos);
  CHECK(with(EI_CLASS, std::uint8_t{ELFCLASS32}).find("64-bit") != std::string::npos);
}

TEST_CASE("an image cut short at any byte is refused") {
  Bytes elf =
      object("int f(int x) { static const int t[] = {1, 2, 3}; return t[x]; } int entry(void) { return f(1); }");
  Bytes image = image_of({.cpu_features = "sse2", .entry = "entry"}, elf);
  std::size_t accepted = 0;
  for (std::size_t n = 0; n < image.size(); ++n) {
    Bytes cut(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(n));
    accepted += Image(cut).status == BURIN_RT_OK;
  }
  CHECK(accepted == 0);
  for (std::size_t n = 0; n < elf.size(); ++n) {  // past the checksum: the loader alone; only its very end may be spare
    Bytes cut(elf.begin(), elf.begin() + static_cast<std::ptrdiff_t>(n));
    load_error(cut);
  }
}

TEST_CASE("any flipped bit in an image is noticed") {
  Bytes image = image_of({.cpu_features = "sse2", .entry = "entry"}, object("int entry(void) { return 0; }"));
  std::size_t accepted = 0;
  for (std::size_t bit = 0; bit < image.size() * 8; bit += 3) {
    image[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    accepted += Image(image).status == BURIN_RT_OK;
    image[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
  CHECK(accepted == 0);
}

TEST_CASE("damage that a forged checksum hides never crashes the loader") {
  const Bytes elf = object(program, "-O2 -fPIC -ffunction-sections");
  std::mt19937 random(20240607);
  const std::uint64_t values[] = {0,
                                  1,
                                  7,
                                  8,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  0x7fffffffffffffff,
                                  0x8000000000000000,
                                  ~std::uint64_t{0},
                                  elf.size(),
                                  elf.size() - 1,
                                  elf.size() + 1,
                                  0xfff1,
                                  0xffff,
                                  std::uint64_t{1} << 30};
  auto shoff = std::uint64_t{};
  std::memcpy(&shoff, elf.data() + offsetof(Elf64_Ehdr, e_shoff), sizeof shoff);
  std::size_t refused = 0, loaded = 0;
  for (int round = 0; round < 20000; ++round) {
    Bytes b = elf;
    for (unsigned k = 0, n = 1 + random() % 3; k < n; ++k) {
      // Half the damage goes to the section table, where it matters most.
      std::size_t at = random() % 2 ? random() % b.size() : shoff + random() % (b.size() - shoff);
      if (random() % 2) b[at] ^= static_cast<std::uint8_t>(1u << (random() % 8));
      else if (at + 8 <= b.size())
        std::memcpy(b.data() + at, &values[random() % std::size(values)], random() % 2 ? 8 : 4);
    }
    (load_error(b).empty() ? loaded : refused)++;
  }
  CHECK(refused > 1000);
  CHECK(loaded > 100);  // damage to code and names is not the loader's to notice
}

TEST_CASE("features of this CPU are known by LLVM's names") {
  CHECK(cpu_supports("sse2"));
  CHECK_FALSE(cpu_supports("no-such-feature"));
  for (std::string_view f : cpu_features()) CHECK(cpu_supports(f));
  CHECK(missing_cpu_features("").empty());
  CHECK(missing_cpu_features("+sse2,,sse").empty());
#if defined(__GNUC__) && !defined(__clang__)
  CHECK(cpu_supports("avx2") == (__builtin_cpu_supports("avx2") != 0));
  CHECK(cpu_supports("avx512f") == (__builtin_cpu_supports("avx512f") != 0));
  CHECK(cpu_supports("avx512bf16") == (__builtin_cpu_supports("avx512bf16") != 0));
  CHECK(cpu_supports("avx512vnni") == (__builtin_cpu_supports("avx512vnni") != 0));
  CHECK(cpu_supports("fma") == (__builtin_cpu_supports("fma") != 0));
  CHECK(cpu_supports("bmi2") == (__builtin_cpu_supports("bmi2") != 0));
#endif
}

// MNIST's digits for the examples: where the files are, and their rows as tensors.
// Data: uncompressed IDX files in --data DIR or $BURIN_DATA (or its folder mnist); ../shared/data where neither is given.
#pragma once
#include <burin/burin.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace mnist {

/// The folder that holds the files: what `--data` gave, else where the environment or the checkout says; none if nowhere.
inline std::optional<std::filesystem::path> folder(const char* given) {
  if (!given) given = std::getenv("BURIN_DATA");
  if (!given && std::filesystem::is_directory("../shared/data/mnist")) given = "../shared/data";
  if (!given) return std::nullopt;
  std::filesystem::path path = given;
  return std::filesystem::is_directory(path / "mnist") ? path / "mnist" : path;
}
/// The name that the training files begin with: those of 10,000 digits where they are there.
inline std::string training_name(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "train10k-images-idx3-ubyte") ? "train10k" : "train";
}

/// An IDX file (yann.lecun.com/exdb/mnist): big-endian magic `0 0 8 rank`, `rank` sizes, then bytes. Empty when it is none.
inline std::vector<std::uint8_t> read_idx(const std::filesystem::path& path, std::vector<std::int64_t>& sizes) {
  std::ifstream file(path, std::ios::binary);
  auto word = [&] {
    unsigned char b[4] = {};
    file.read(reinterpret_cast<char*>(b), 4);
    return static_cast<std::uint32_t>(b[0]) << 24 | b[1] << 16 | b[2] << 8 | b[3];
  };
  std::uint32_t magic = word();
  if (!file || magic >> 8 != 8 || (magic & 255) > 3) return {};
  std::int64_t count = 1;
  for (std::uint32_t i = 0; i < (magic & 255); ++i) {
    sizes.push_back(word());
    count *= sizes.back();
  }
  if (!file || count > 100'000'000) return {};
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
  file.read(reinterpret_cast<char*>(bytes.data()), count);
  return file ? bytes : std::vector<std::uint8_t>();
}

/// Images as u8[count, 784] or labels as u8[count]: those of the file from `first` on. Ends the program where they are not there.
inline burin::Tensor load(const std::filesystem::path& path, std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> sizes;
  std::vector<std::uint8_t> bytes = read_idx(path, sizes);
  if (bytes.empty() || sizes[0] < first + count) {
    std::fprintf(stderr, "%s is not an IDX file of %lld entries\n", path.c_str(),
                 static_cast<long long>(first + count));
    std::exit(1);
  }
  std::int64_t width = static_cast<std::int64_t>(bytes.size()) / sizes[0];
  std::vector<std::uint8_t> chosen(bytes.begin() + first * width, bytes.begin() + (first + count) * width);
  return sizes.size() == 1 ? burin::Tensor(chosen, {count}) : burin::Tensor(chosen, {count, width});
}

}  // namespace mnist

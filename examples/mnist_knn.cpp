// Nearest neighbour over MNIST's digits, in one compiled function: distances by a matrix product, argmin, gather, count.
// Data: the four uncompressed IDX files in --data DIR or $BURIN_DATA (or its folder mnist); ../shared/data where neither is given.
#include <burin/burin.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace burin;

namespace {

/// An IDX file (yann.lecun.com/exdb/mnist): big-endian magic `0 0 8 rank`, `rank` sizes, then bytes. Empty when it is none.
std::vector<std::uint8_t> read_idx(const std::filesystem::path& path, std::vector<std::int64_t>& sizes) {
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

/// Images as u8[count, 784] or labels as u8[count]: those of the file from `first` on.
Tensor load(const std::filesystem::path& path, std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> sizes;
  std::vector<std::uint8_t> bytes = read_idx(path, sizes);
  if (bytes.empty() || sizes[0] < first + count) {
    std::fprintf(stderr, "mnist_knn: %s is not an IDX file of %lld entries\n", path.c_str(),
                 static_cast<long long>(first + count));
    std::exit(1);
  }
  std::int64_t width = static_cast<std::int64_t>(bytes.size()) / sizes[0];
  std::vector<std::uint8_t> chosen(bytes.begin() + first * width, bytes.begin() + (first + count) * width);
  return sizes.size() == 1 ? Tensor(chosen, {count}) : Tensor(chosen, {count, width});
}

/// The share of the rows of `images` whose nearest row of `known` has the right label.
Tensor accuracy(const Tensor& known, const Tensor& known_labels, const Tensor& images, const Tensor& labels) {
  Tensor a = cast(images, f32) / 255.0f, b = cast(known, f32) / 255.0f;
  // |a - b|^2 = |a|^2 - 2ab + |b|^2; |a|^2 does not change which b is nearest.
  Tensor distance = reduce_sum(b * b, {1}) - 2.0f * matmul(a, transpose(b, {1, 0}));
  Tensor nearest = argmin(distance, 1);
  return mean(cast(equal(gather(known_labels, nearest), labels), f32));
}

}  // namespace

int main(int argc, char** argv) {
  const char* given = argc == 3 && !std::strcmp(argv[1], "--data") ? argv[2] : std::getenv("BURIN_DATA");
  if (!given && argc == 1 && std::filesystem::is_directory("../shared/data/mnist")) given = "../shared/data";
  if (!given || argc == 2 || argc > 3) {
    std::printf("[SKIP] mnist_knn: no data; say --data DIR or set BURIN_DATA\n");
    return argc == 1 ? 77 : 2;
  }
  std::filesystem::path folder = given;
  if (std::filesystem::is_directory(folder / "mnist")) folder /= "mnist";
  const char* train = std::filesystem::exists(folder / "train10k-images-idx3-ubyte") ? "train10k" : "train";
  Tensor known = load(folder / (std::string(train) + "-images-idx3-ubyte"), 0, 10'000);
  Tensor known_labels = load(folder / (std::string(train) + "-labels-idx1-ubyte"), 0, 10'000);
  auto compiled = burin::function(accuracy);
  auto start = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  double right = 0, first = 0;
  constexpr std::int64_t batch = 2'000,
                         batches = 5;  // all of MNIST's 10,000 test digits; the batch bounds the distances' memory
  for (std::int64_t i = 0; i < batches; ++i) {
    Tensor images = load(folder / "t10k-images-idx3-ubyte", i * batch, batch);
    Tensor labels = load(folder / "t10k-labels-idx1-ubyte", i * batch, batch);
    right += static_cast<double>(compiled(known, known_labels, images, labels).item<float>()) / batches;
    if (i == 0) first = seconds();
  }
  std::printf("%.1f %% of %lld digits right; %.2f s, the first batch with its compile %.2f s\n", right * 100,
              static_cast<long long>(batch * batches), seconds(), first);
  return right > 0.94 ? 0 : 1;
}

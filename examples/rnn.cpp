// A recurrent network over rows of different lengths: one scan along time, in which a row that is over keeps its state, and
// which ends when all rows are over. Compared with plain C++ loops, and its gradient with differences of them.
#include <burin/burin.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

using namespace burin;

namespace {

constexpr std::int64_t features = 3, units = 4;

struct Cell {
  Tensor wx, wh, b;  // [features, units], [units, units], [units]
};
struct State {
  Tensor h, trips;  // [rows, units]; how many steps were made
};
/// One position of the scan.
struct Step {
  Tensor x, t;  // [rows, features], []
};

/// x: f32[time, rows, features], lengths: i64[rows]. The state of each row after its last step; all states, zero where a row is
/// over; and the number of steps.
std::tuple<Tensor, Tensor, Tensor> rnn(const Cell& cell, const Tensor& x, const Tensor& lengths) {
  const Tensor longest = reduce_max(lengths);
  auto step = [&](const State& s, const Step& now) {
    break_if(now.t >= longest);  // the states from here on are zero
    const Tensor runs = expand_dims(now.t < lengths, 1);
    const Tensor h = tanh(matmul(now.x, cell.wx) + matmul(s.h, cell.wh) + cell.b);
    return std::pair(State{where(runs, h, s.h), s.trips + 1}, where(runs, h, 0.0f));
  };
  const State start{zeros({x.shape(1), units}), Tensor(std::int64_t{0})};
  const auto [last, states] = scan(step, start, Step{x, arange(x.shape(0))});
  return {last.h, states, last.trips};
}

/// The same for one row, as one writes it without tensors.
std::vector<double> plain_rnn(const std::vector<double>& wx, const std::vector<double>& wh,
                              const std::vector<double>& b, const std::vector<float>& x, std::int64_t rows,
                              std::int64_t row, std::int64_t length) {
  std::vector<double> h(units, 0.0);
  for (std::int64_t t = 0; t < length; ++t) {
    std::vector<double> next(b);
    for (std::int64_t j = 0; j < units; ++j) {
      for (std::int64_t i = 0; i < features; ++i) next[j] += x[(t * rows + row) * features + i] * wx[i * units + j];
      for (std::int64_t i = 0; i < units; ++i) next[j] += h[i] * wh[i * units + j];
      next[j] = std::tanh(next[j]);
    }
    h = next;
  }
  return h;
}

std::vector<double> doubles(const Tensor& t) { return cast(t, f64).to_vector<double>(); }

}  // namespace

int main() {
  constexpr std::int64_t time = 12, rows = 5;
  std::mt19937 generator(3);
  auto random = [&](const Shape& shape) {
    std::normal_distribution<float> normal(0, 0.5f);
    std::vector<float> values(static_cast<std::size_t>(shape.num_elements().value()));
    for (float& v : values) v = normal(generator);
    return Tensor(values, shape);
  };
  const Cell cell{random({features, units}), random({units, units}), random({units})};
  const Tensor x = random({time, rows, features});
  const std::vector<std::int64_t> lengths = {4, 7, 1, 0, 7};
  const Tensor n(lengths);

  const auto [eager, eager_states, eager_trips] = rnn(cell, x, n);
  auto compiled = burin::function(rnn);
  const auto [last, states, trips] = compiled(cell, x, n);

  bool right = trips.item<std::int64_t>() == 7 && eager_trips.item<std::int64_t>() == 7;
  std::printf("%lld of %lld steps were made\n", static_cast<long long>(trips.item<std::int64_t>()),
              static_cast<long long>(time));
  const auto wx = doubles(cell.wx), wh = doubles(cell.wh), b = doubles(cell.b);
  const auto input = x.to_vector<float>(), got = last.to_vector<float>(), got_eagerly = eager.to_vector<float>();
  const auto all = states.to_vector<float>();
  double worst = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t t = 0; t <= time; ++t) {  // after t steps
      const auto want = plain_rnn(wx, wh, b, input, rows, row, std::min(t, lengths[row]));
      for (std::int64_t j = 0; j < units; ++j) {
        const auto at = static_cast<std::size_t>(row * units + j);
        if (t > 0) {
          const double state = t <= lengths[row] ? want[j] : 0;
          worst = std::max(worst, std::abs(all[static_cast<std::size_t>((t - 1) * rows * units) + at] - state));
        }
        if (t == time) worst = std::max({worst, std::abs(got[at] - want[j]), std::abs(got_eagerly[at] - want[j])});
      }
    }
    std::printf("row %lld, %lld steps: h[0] = %.6f\n", static_cast<long long>(row),
                static_cast<long long>(lengths[row]), got[static_cast<std::size_t>(row * units)]);
  }
  right = right && worst < 1e-5;
  std::printf("largest difference from plain loops: %.2g, %s\n", worst, worst < 1e-5 ? "right" : "WRONG");

  // The gradient of the sum of the squares of the last states, through the scan.
  auto loss = [](const Cell& c, const Tensor& input, const Tensor& count) {
    const Tensor h = std::get<0>(rnn(c, input, count));
    return sum(h * h);
  };
  auto slope = burin::function(
      [&](const Cell& c, const Tensor& input, const Tensor& count) { return grad(loss)(c, input, count); });
  const Cell g = slope(cell, x, n), g_eagerly = grad(loss)(cell, x, n);
  auto plain_loss = [&](const std::vector<double>& w) {
    double total = 0;
    for (std::int64_t row = 0; row < rows; ++row)
      for (double h : plain_rnn(wx, w, b, input, rows, row, lengths[row])) total += h * h;
    return total;
  };
  double off = 0;
  for (std::size_t i = 0; i < wh.size(); ++i) {
    auto up = wh, down = wh;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    const double want = (plain_loss(up) - plain_loss(down)) / 2e-5;
    off = std::max({off, std::abs(doubles(g.wh)[i] - want), std::abs(doubles(g_eagerly.wh)[i] - want)});
  }
  right = right && off < 1e-4;
  std::printf("gradient by wh, largest difference from differences of plain loops: %.2g, %s\n", off,
              off < 1e-4 ? "right" : "WRONG");
  return right ? 0 : 1;
}

// The main of every suite: hands the rows to Google Benchmark, interleaves ours with the peer's, prints medians with their
// spread and, with --json FILE, writes the rows `{suite, name, ours, unit, peer, peer_name, ratio, threads, spread}`, with
// `{peak_bytes, peer_peak_bytes}` where a row asks for memory.
#include "benchmarks/bench.h"

#include <benchmark/benchmark.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

namespace burin::bench {
namespace {

constexpr const char* repetitions = "--benchmark_repetitions=9";  // medians of at least seven
constexpr const char* interleaved = "--benchmark_enable_random_interleaving=true";
constexpr const char* min_time = "--benchmark_min_time=0.1";  // seconds for each repetition

using Seconds = std::vector<double>;

/// Collects the time of one iteration of each run, by benchmark name; progress goes to a terminal only.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) failed_ = run.run_name.function_name + ": " + run.error_message;
      if (run.run_type != Run::RT_Iteration || run.iterations == 0) continue;
      times[run.run_name.function_name].push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
      if (isatty(2)) std::fprintf(stderr, "\r\033[K%s", run.run_name.function_name.c_str());
    }
  }
  void Finalize() override {
    if (isatty(2)) std::fputs("\r\033[K", stderr);
  }
  const std::string& failed() const { return failed_; }
  std::map<std::string, Seconds> times;

 private:
  std::string failed_;
};

void enlist(const std::string& name, const std::function<void()>& work, const Row& row) {
  if (!work) return;
  if (row.once) {
    benchmark::RegisterBenchmark(
        name.c_str(),
        [&work, &row](benchmark::State& state) {
          for (auto _ : state) {
            if (row.prepare) row.prepare();
            auto start = std::chrono::steady_clock::now();
            work();
            state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
          }
        })
        ->UseManualTime()
        ->Iterations(1);
  } else {
    benchmark::RegisterBenchmark(name.c_str(), [&work](benchmark::State& state) {
      for (auto _ : state) work();
    })->UseRealTime();
  }
}

struct Median {
  double value, spread;  // spread: (largest - least) / median
};
std::optional<Median> median(Seconds times) {
  if (times.empty()) return std::nullopt;
  std::sort(times.begin(), times.end());
  double middle = times[times.size() / 2];
  return Median{middle, (times.back() - times.front()) / middle};
}

/// A line of /proc/self/status in bytes: VmRSS is memory in use, VmHWM its peak since it was last reset.
std::int64_t process_bytes(const char* line) {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name; status.ignore(1 << 12, '\n'))
    if (name == line) {
      std::int64_t kib = 0;
      status >> kib;
      return kib << 10;
    }
  return 0;
}

/// The peak memory of one call above what was in use before: the median of several. On this thread or on a new one, whichever
/// shows more: what an allocator keeps for a thread that called before hides what the call takes.
double peak_memory(const std::function<void()>& work, const std::function<void()>& trim) {
  auto growth = [&](auto run) {
    std::vector<double> growths;
    for (int i = 0; i < 9; ++i) {
      trim();
      ::malloc_trim(0);
      std::ofstream("/proc/self/clear_refs") << "5";  // resets the peak
      const std::int64_t before = process_bytes("VmRSS:");
      run();
      growths.push_back(static_cast<double>(process_bytes("VmHWM:") - before));
    }
    return median(growths)->value;
  };
  return std::max(growth(work), growth([&] { std::thread(work).join(); }));
}

struct Unit {
  const char* name;
  double factor;
};
Unit unit_for(double seconds) {
  if (seconds < 1e-5) return {"ns", 1e9};
  if (seconds < 1e-2) return {"us", 1e6};
  return {"ms", 1e3};
}

std::string quoted(const std::string& s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

int run(int argc, char** argv) {
  std::string json, filter;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--json") && i + 1 < argc) json = argv[++i];
    else if (!std::strcmp(argv[i], "--filter") && i + 1 < argc) filter = argv[++i];
    else {
      std::fprintf(stderr, "usage: %s [--filter SUBSTRING] [--json FILE]\n", argv[0]);
      return 2;
    }
  }
  Rows rows;
  suite(rows);
  std::vector<const Row*> chosen;
  for (const Row& row : rows.all())
    if (row.name.find(filter) != std::string::npos) chosen.push_back(&row);
  for (const Row* row : chosen) {
    enlist(row->name + " ours", row->ours, *row);
    enlist(row->name + " peer", row->peer, *row);
    enlist(row->name + " baseline", row->baseline, *row);
  }
  const char* arguments[] = {argv[0], repetitions, interleaved, min_time};
  int count = 4;
  benchmark::Initialize(&count, const_cast<char**>(arguments));
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  if (!collector.failed().empty()) {
    std::fprintf(stderr, "%s\n", collector.failed().c_str());
    return 1;
  }

  std::string text;
  for (const Row* row : chosen) {
    std::optional<Median> ours = median(collector.times[row->name + " ours"]);
    std::optional<Median> peer = median(collector.times[row->name + " peer"]);
    std::optional<Median> baseline = median(collector.times[row->name + " baseline"]);
    if (!ours) continue;
    double mine = (ours->value - (baseline ? baseline->value : 0)) / row->operations;
    Unit unit = unit_for(mine);
    std::printf("%s/%-28s %2d thr %10.2f %s ±%2.0f%%", BURIN_BENCH_SUITE, row->name.c_str(), row->threads,
                mine * unit.factor, unit.name, ours->spread * 50);
    char line[512];
    if (peer) {
      double theirs = peer->value / row->operations;
      std::printf("   %s %.2f %s ±%2.0f%%   ratio %.2f", row->peer_name.c_str(), theirs * unit.factor, unit.name,
                  peer->spread * 50, theirs / mine);
      std::snprintf(line, sizeof line, "\"peer\": %.6g, \"peer_name\": %s, \"ratio\": %.4g", theirs * unit.factor,
                    quoted(row->peer_name).c_str(), theirs / mine);
    } else {
      std::snprintf(line, sizeof line, "\"peer\": null, \"peer_name\": null, \"ratio\": null");
    }
    std::string memory;
    if (row->trim) {
      char bytes[128];
      const double own = peak_memory(row->ours, row->trim);
      std::printf("   peak %.2f MB", own / 1e6);
      std::snprintf(bytes, sizeof bytes, ", \"peak_bytes\": %.0f", own);
      memory = bytes;
      if (row->peer) {
        const double theirs = peak_memory(row->peer, row->trim);
        std::printf(", peer %.2f MB", theirs / 1e6);
        std::snprintf(bytes, sizeof bytes, ", \"peer_peak_bytes\": %.0f", theirs);
        memory += bytes;
      }
    }
    std::printf("\n");
    char head[512];
    std::snprintf(head, sizeof head, "{\"suite\": \"%s\", \"name\": %s, \"ours\": %.6g, \"unit\": \"%s\", ",
                  BURIN_BENCH_SUITE, quoted(row->name).c_str(), mine * unit.factor, unit.name);
    char tail[128];
    std::snprintf(tail, sizeof tail, ", \"threads\": %d, \"spread\": %.3g", row->threads, ours->spread);
    text += (text.empty() ? "  " : ",\n  ") + std::string(head) + line + tail + memory + "}";
  }
  if (!json.empty()) {
    std::ofstream out(json);
    out << "[\n" << text << "\n]\n";
    if (!out) {
      std::fprintf(stderr, "cannot write %s\n", json.c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace burin::bench

int main(int argc, char** argv) { return burin::bench::run(argc, argv); }

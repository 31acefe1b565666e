// What every benchmark suite is made of: rows, each one thing of ours timed against a peer or alone. The runs of a row and
// of its peer are interleaved at random; what is reported is medians and the spread. Suites say what, never how.
//
//   void burin::bench::suite(Rows& rows) {           // the file's name is the suite's: benchmarks/fusion.cpp
//     rows.add({.name = "chain10", .threads = 2, .ours = [=] { f(x); }, .peer_name = "g++ -O3", .peer = [=] { loop(); }});
//   }
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace burin::bench {

struct Row {
  std::string name;
  int threads = 1;
  std::function<void()> ours = {};  ///< what is timed; performs `operations` operations
  std::string peer_name = {};
  std::function<void()> peer = {};      ///< the same work by the peer, or empty
  std::function<void()> baseline = {};  ///< work inside `ours` that is not its own: its time is subtracted
  double operations = 1;                ///< the time reported is that of one
  /// Each call is timed alone after `prepare`, which is not timed: for what happens once, as a compile does.
  bool once = false;
  std::function<void()> prepare = {};
  /// Where given, the peak memory of one call is reported too, of ours and of the peer: by how much the process grows while it
  /// runs, once this has given back what is kept for reuse (the C library's is given back anyway).
  std::function<void()> trim = {};
};

class Rows {
 public:
  void add(Row row) { rows_.push_back(std::move(row)); }
  const std::vector<Row>& all() const { return rows_; }

 private:
  std::vector<Row> rows_;
};

/// Defined by each suite's file.
void suite(Rows& rows);

/// Keeps a value that nobody reads from being optimised away.
template <class T> inline void keep(const T& value) { asm volatile("" : : "r,m"(value) : "memory"); }

}  // namespace burin::bench

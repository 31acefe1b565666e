// The stacked results of scan and map. While recording, a stack's handle belongs to the block around the loop although it is
// made inside, when the first trip tells its type.
#include <burin/loops.h>

#include "frontend/control/regions.h"
#include "frontend/record/eager.h"

namespace burin::detail {

struct Stacks::State {
  Dim trips;
  std::source_location where;
  bool started = false, put = false;
  std::vector<Tensor> recorded;                  // while tracing: one a tensor of y
  std::vector<std::vector<Content>> trips_made;  // eagerly: by trip; empty where it left early
  std::size_t ended = 0;
};

namespace {
// A body that is recorded although no trip is made: ops refuse to read or write along an empty axis.
bool never(Dim trips) { return trips.is_known() && trips.value() < 1; }
}  // namespace

Tensor slice_at(const Tensor& x, const Tensor& at, const std::source_location& where) {
  const Shape& from = x.shape();
  if (!never(from[0])) return gather(Arg(x, where), at, 0);
  Shape one;
  for (std::size_t i = 1; i < from.size(); ++i) one.push_back(from[i]);
  const DeviceOf device(x);
  return zeros(one, x.dtype(), where);
}

Stacks::Stacks(Dim trips, const std::source_location& where) : state_(std::make_unique<State>()) {
  state_->trips = trips;
  state_->where = where;
}
Stacks::~Stacks() = default;

void Stacks::put(const Leaves& slices, const Tensor& at) {
  State& s = *state_;
  Recorder& r = context();
  SourceScope lines(s.where);
  s.put = true;
  if (!r.trace) {
    auto& made = s.trips_made.emplace_back();
    if (slices.tensors.empty()) return;
    for (Tensor* t : slices.tensors) made.push_back(strong(HandleAccess::read(*t)));
    const auto& first = *std::find_if(s.trips_made.begin(), s.trips_made.end(), [](auto& t) { return !t.empty(); });
    for (std::size_t i = 0; i < made.size(); ++i) {
      check_usable(made[i], slices.tensors[i], s.where);
      if (i < first.size() && type_of(made[i].node) != type_of(first[i].node))
        fail({ErrorCode::invalid_argument,
              "scan: a row is " + to_string(type_of(made[i].node)) + " at one position and " +
                  to_string(type_of(first[i].node)) + " at the one before; rows that are stacked have one type",
              "row-type", "", "cast or reshape it"},
             s.where);
    }
    return;
  }
  if (!s.started) {
    s.started = true;
    std::size_t depth = r.frames.size();
    while (r.frames[depth - 1].rest) --depth;
    Frame& loop = r.frames[depth - 1];
    {
      Untracked untracked;
      s.recorded.resize(slices.tensors.size());
    }
    for (std::size_t i = 0; i < slices.tensors.size(); ++i) {
      Shape shape{s.trips};
      for (Dim d : slices.tensors[i]->shape()) shape.push_back(d);
      Content empty;
      {
        InBlock around(*r.trace, loop.parent);
        empty = HandleAccess::raw(zeros(shape, slices.tensors[i]->dtype(), s.where));
      }
      HandleAccess::set_raw(s.recorded[i], std::move(empty));
      r.born_before(loop, s.recorded[i]);
    }
  }
  if (never(s.trips)) return;
  for (std::size_t i = 0; i < slices.tensors.size(); ++i)
    s.recorded[i] = scatter(Arg(s.recorded[i], s.where), at, *slices.tensors[i], 0);
}

void Stacks::end_trip() { state_->trips_made.resize(++state_->ended); }

void Stacks::take(const Leaves& into, bool reversed) {
  State& s = *state_;
  SourceScope lines(s.where);
  if (!s.put)
    fail({ErrorCode::invalid_argument,
          s.ended ? "scan: no trip reached its end, so the results have no type"
                  : "scan: there is nothing to scan over, so the results have no type",
          "scan-length", "", "handle the empty case before, or call it within burin::function"},
         s.where);
  for (std::size_t i = 0; i < into.tensors.size(); ++i) {
    if (s.started) {
      HandleAccess::set_raw(*into.tensors[i], HandleAccess::read(s.recorded[i]));
      continue;
    }
    s.trips_made.resize(static_cast<std::size_t>(s.trips.value()));
    const TensorType one = type_of(
        std::find_if(s.trips_made.begin(), s.trips_made.end(), [](auto& trip) { return !trip.empty(); })->at(i).node);
    std::vector<Tensor> rows;
    const DeviceOf device(
        *std::find_if(s.trips_made.begin(), s.trips_made.end(), [](auto& trip) { return !trip.empty(); }));
    for (auto& trip : s.trips_made)
      rows.push_back(expand_dims(trip.empty() ? zeros(one.shape, one.dtype) : HandleAccess::make(trip[i]), 0));
    if (reversed) std::reverse(rows.begin(), rows.end());
    HandleAccess::set_raw(*into.tensors[i], HandleAccess::raw(concatenate(rows, 0)));
  }
}

Tensor check_count(const Arg& n, const std::source_location& where) {
  if (is_floating(n.dtype()) || n.dtype() == boolean || n.rank() != 0)
    fail({ErrorCode::invalid_argument,
          "for_loop: the count is " + to_string(TensorType{n.dtype(), n.shape()}) + "; expected an integer []", "trips",
          "", n.rank() != 0 ? "its size along an axis is shape(axis)" : "cast it"},
         where);
  return cast(n, i64);
}

Tensor Choice::check_choice(const Arg& index, const std::source_location& where) {
  if (is_floating(index.dtype()) || index.dtype() == boolean || index.rank() != 0)
    fail({ErrorCode::invalid_argument,
          "switch_case: the index is " + to_string(TensorType{index.dtype(), index.shape()}) +
              "; expected an integer []",
          "index", "", index.dtype() == boolean ? "cond chooses by a bool[]" : "cast it, or take one element"},
         where);
  return HandleAccess::make(HandleAccess::read(*index.tensor()));
}

std::int64_t positions_a_trip(std::int64_t unroll, const std::source_location& where) {
  if (unroll < 1)
    fail({ErrorCode::invalid_argument, "scan: unroll is " + std::to_string(unroll) + "; expected 1 or more",
          "scan-unroll", "", "it says how many positions a trip of the loop takes"},
         where);
  return context().trace ? unroll : 1;
}

void refuse_exits(const Loop& loop, const std::source_location& where) {
  if (loop.may_have_left())
    fail({ErrorCode::unsupported, "scan: its body has a break_if or continue_if, and unroll is above 1", "scan-unroll",
          "", "leave unroll at 1: an exit ends one position, a trip takes several"},
         where);
}

Dim scan_length(const Leaves& xs, std::optional<Dim> length, const std::source_location& where) {
  std::optional<Dim> n = length;
  for (std::size_t i = 0; i < xs.tensors.size(); ++i) {
    const TensorType type = xs.tensors[i]->type();
    if (type.shape.empty())
      fail({ErrorCode::invalid_argument,
            "scan: " + xs.paths[i] + " is " + to_string(type) + " and has no axis to go along", "scan-length", "",
            "capture it, or carry it"},
           where);
    if (n && *n != type.shape[0])
      fail({ErrorCode::invalid_argument,
            "scan: " + xs.paths[i] + " is " + to_string(type) + "; expected a first axis of size " + to_string(*n),
            "scan-length", "", "all tensors of xs have the same number of positions"},
           where);
    n = type.shape[0];
  }
  if (!n)
    fail({ErrorCode::invalid_argument, "scan: there are no tensors to go along", "scan-length", "",
          "give options.length"},
         where);
  return *n;
}

}  // namespace burin::detail

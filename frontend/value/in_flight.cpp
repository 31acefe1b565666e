// See in_flight.h.
#include "frontend/value/in_flight.h"

#include "runtime/core/immortal.h"

#include <algorithm>
#include <array>

namespace burin::detail {

namespace {

// Intervals are kept for as long as the process: tensors that a failure left without a value may live as long. Of more errors
// than these the texts go.
constexpr std::size_t most_texts = 256;

Error no_memory_on(std::uint8_t number, const TensorType& type, std::int64_t bytes, std::string_view whose) {
  return {ErrorCode::device,
          "out of memory: " + device_name(number) + " has no " + std::to_string(bytes) + " bytes for " +
              std::string(whose) + to_string(type),
          "out-of-memory", "", "use smaller shapes, or let go of tensors"};
}

}  // namespace

bool InFlight::may_overwrite(const Node& n) const {
  auto it = held_.find(&n);
  const std::uint32_t ours = it == held_.end() ? 0 : it->second;
  return n.references.load(std::memory_order_acquire) == 1 + ours && n.value.buffer.unique();
}

const Error* InFlight::failure_of(rt::Ticket made) const {
  if (open_ && made >= open_->from) return open_->error.get();
  auto after =
      std::upper_bound(told_.begin(), told_.end(), made, [](rt::Ticket m, const Interval& i) { return m < i.from; });
  if (after == told_.begin()) return nullptr;
  const Interval& last = *std::prev(after);
  return made < last.to ? last.error.get() : nullptr;
}
const Error* InFlight::failed(const DeviceTensor& t) const {
  if (told_.empty() || !t.buffer || t.buffer.device() != &device_) return nullptr;
  const Error* e = failure_of(t.buffer.made());
  return open_ && e == open_->error.get() ? nullptr : e;
}

Result<DeviceTensor> InFlight::allocate(const TensorType& type, std::string_view whose) {
  DeviceTensor t{type, {}};
  const std::int64_t bytes = t.num_bytes();
  t.buffer = DeviceBuffer::allocate(device_, bytes);
  if (!t.buffer) return no_memory_on(number_, type, bytes, whose);
  return t;
}

Result<void> InFlight::submit(std::shared_ptr<const Program> program, std::span<const DeviceTensor* const> inputs,
                              std::span<const DeviceTensor* const> outputs, std::span<const std::int64_t> sizes,
                              std::span<DeviceTensor* const> fresh, std::vector<Replaced> replaced,
                              const std::source_location& one_op) {
  rt::Stream& stream = device_.stream();
  const rt::Ticket first = stream.last() + 1;
  auto ok = program->submit(device_, inputs, outputs, sizes);
  for (DeviceTensor* t : fresh) t->buffer.set_made(stream.last());
  if (!ok) {  // part of it may run
    note({first, stream.last(), std::move(program), one_op, {}});
    return ok;
  }
  note({first, stream.last(), std::move(program), one_op, std::move(replaced)});
  return {};
}

Result<DeviceTensor> InFlight::upload(const HostTensor& value) {
  auto t = allocate(value.type, "");
  if (!t) return t;
  const rt::Ticket at = device_.stream().upload(t->buffer.address(), value.buffer.data(), value.num_bytes());
  t->buffer.set_made(at);
  note({at, at, nullptr, {}, {}});
  return t;
}

void InFlight::restore(Replaced r) {
  const rt::Ticket at = r.made.get()->value.buffer.made();
  if (at == 0 || r.made == r.old) return;
  Call call{at, at, nullptr, {}, {}};
  call.replaced.push_back(std::move(r));
  note(std::move(call));
}

void InFlight::note(Call call) {
  rt::Stream& stream = device_.stream();
  std::size_t done = 0;
  if (stream.failure().at == 0)
    while (done < calls_.size() && stream.finished(calls_[done].last)) ++done;
  if (stream.failure().at == 0) drop(done);  // asked again: it may have failed since
  if (call.last < call.first) return;        // nothing was submitted
  for (auto& r : call.replaced) {
    ++held_[r.made.get()];
    ++held_[r.old.get()];
  }
  calls_.push_back(std::move(call));
}

void InFlight::drop(std::size_t calls) {
  for (std::size_t i = 0; i < calls; ++i) {
    for (auto& r : calls_.front().replaced)
      for (const NodeRef* n : {&r.made, &r.old})
        if (auto it = held_.find(n->get()); --it->second == 0) held_.erase(it);
    calls_.pop_front();
  }
}

Error InFlight::error_of(const Call* call, const rt::Failure& f) const {
  Error e;
  if (call && call->program) {
    e = call->program->explain(f);
    if (auto& at = call->one_op; at.line())
      e.where = "at " + std::string(at.file_name()) + ":" + std::to_string(at.line());
  } else {
    e = {ErrorCode::device, "a copy to " + device_name(number_) + " failed", "copy", "", ""};
  }
  if (!f.message.empty()) e.message += ": " + f.message;
  return e;
}

// Waits for all, then finds out what became of it. State of failed calls gets its old values back, in the order of the calls:
// an old value may itself be that of a failed call.
void InFlight::settle() {
  rt::Stream& stream = device_.stream();
  stream.wait(stream.last());
  const rt::Failure f = stream.failure();
  if (f.at != 0) {
    auto fails = [&](const Call& c) { return c.last >= f.at; };
    auto failed = std::find_if(calls_.begin(), calls_.end(), fails);
    if (!open_) {
      const bool ours = failed != calls_.end() && failed->first <= f.at;
      open_ = Interval{ours ? failed->first : f.at, 0,
                       std::make_shared<const Error>(error_of(ours ? &*failed : nullptr, f))};
    }
    for (; failed != calls_.end(); failed = std::find_if(failed + 1, calls_.end(), fails))
      for (auto& r : failed->replaced) r.made.get()->value.buffer = r.old.get()->value.buffer;
  }
  drop(calls_.size());
}

// Somebody is told: what is submitted from now on runs.
void InFlight::tell(std::unique_lock<rt::Turn> lock, Error e) {
  if (open_) {
    device_.stream().recover();
    open_->to = device_.stream().last() + 1;
    told_.push_back(std::move(*open_));
    open_.reset();
    if (told_.size() > most_texts) {
      told_[told_.size() - most_texts - 1].error = std::make_shared<const Error>(
          Error{ErrorCode::device, "the tensor has no value: its call failed long ago", "failed-call", "", ""});
    }
  }
  lock.unlock();
  raise(std::move(e));
}

HostTensor InFlight::read(const Node& n) {
  std::unique_lock lock(mutex);
  settle();
  if (const Error* e = failure_of(n.value.buffer.made())) tell(std::move(lock), *e);
  HostTensor h{n.value.type, Buffer::allocate(n.value.num_bytes())};
  if (!h.buffer)
    raise({ErrorCode::device, "out of memory: " + to_string(h.type) + " does not fit", "out-of-memory", "", ""});
  if (device_.stream().download(h.buffer.mutable_data(), n.value.buffer.address(), h.num_bytes()) != BURIN_RT_OK)
    raise({ErrorCode::device, "a copy from " + device_name(number_) + " failed", "copy", "", "read it again"});
  return h;
}

void InFlight::synchronize() {
  std::unique_lock lock(mutex);
  settle();
  if (open_) {
    Error e = *open_->error;
    tell(std::move(lock), std::move(e));
  }
}

InFlight& in_flight(std::uint8_t device) {
  struct All {
    rt::Mutex mutex;
    std::array<std::unique_ptr<InFlight>, 255> by_number;
  };
  static constinit rt::Immortal<All> all;
  All& a = all.get();
  std::lock_guard lock(a.mutex);
  auto& f = a.by_number[device];
  if (!f) f = std::make_unique<InFlight>(device);
  return *f;
}

NodeRef make_on(std::uint8_t device, HostTensor value, const std::source_location& where) {
  if (device == 0) return make_eager(std::move(value), where);
  InFlight& f = in_flight(device);
  auto t = [&] {
    std::lock_guard lock(f.mutex);
    return f.upload(value);
  }();
  if (!t) raise(std::move(t.error()));
  return make_eager(std::move(*t), where, device);
}

Content moved(const Content& c, std::uint8_t device, const std::source_location& where) {
  const Node& n = *c.node.get();
  if (n.device == device || n.number) return c;
  return {make_on(device, read_value(n), where), c.weak};
}

}  // namespace burin::detail

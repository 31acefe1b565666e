// A buffer's block: a 64-byte header in front of our own bytes, or alone beside foreign ones and those of another device.
// See buffer.h.
#include "runtime/ops/buffer.h"

#include "runtime/core/allocator.h"
#include "runtime/device/device.h"

#include <limits>
#include <new>

namespace burin {

struct alignas(64) DeviceBuffer::Block {
  std::atomic<std::int64_t> references{1};
  void* data = nullptr;
  std::int64_t size = 0;
  std::atomic<std::uint64_t> version{0};
  rt::Device* device = nullptr;  // null: the host
  std::uint64_t made = 0;
  enum class Kind : std::uint8_t { own, foreign, device } kind = Kind::own;
};
static_assert(alignof(std::max_align_t) <= 64);

namespace {

using Block = DeviceBuffer::Block;
static_assert(sizeof(Block) == 64, "the header keeps the data's alignment and stays within its size class");
constexpr auto header = static_cast<std::int64_t>(sizeof(Block));

struct ForeignBlock : Block {
  std::function<void()> release;
};

template <class B> B* make_block(std::int64_t bytes_behind) {
  void* memory = rt::allocate(static_cast<std::int64_t>(sizeof(B)) + bytes_behind);
  return memory ? ::new (memory) B : nullptr;
}

void destroy(Block* b) noexcept {
  switch (b->kind) {
    case Block::Kind::own: {
      const std::int64_t bytes = header + b->size;
      b->~Block();
      return rt::deallocate(b, bytes);
    }
    case Block::Kind::foreign: {
      auto* f = static_cast<ForeignBlock*>(b);
      if (f->release) f->release();
      f->~ForeignBlock();
      return rt::deallocate(f, sizeof(ForeignBlock));
    }
    case Block::Kind::device:
      b->device->deallocate(b->data, b->size);
      b->~Block();
      return rt::deallocate(b, header);
  }
}

}  // namespace

DeviceBuffer DeviceBuffer::allocate(rt::Device& device, std::int64_t bytes) {
  if (&device == &rt::cpu()) return Buffer::allocate(bytes);
  void* data = bytes < 0 ? nullptr : device.allocate(bytes);
  if (!data) return {};
  auto* block = make_block<Block>(0);
  if (!block) {
    device.deallocate(data, bytes);
    return {};
  }
  block->data = data;
  block->size = bytes;
  block->device = &device;
  block->kind = Block::Kind::device;
  return DeviceBuffer(block);
}

Buffer Buffer::allocate(std::int64_t bytes) {
  if (bytes < 0 || bytes > std::numeric_limits<std::int64_t>::max() - header) return {};
  auto* block = make_block<Block>(bytes);
  if (!block) return {};
  block->data = reinterpret_cast<std::byte*>(block) + header;
  block->size = bytes;
  return Buffer(block);
}

Buffer Buffer::adopt(const void* data, std::int64_t bytes, std::function<void()> release) {
  auto* block = bytes < 0 ? nullptr : make_block<ForeignBlock>(0);
  if (!block) {
    if (release) release();  // ownership was passed to us
    return {};
  }
  block->data = const_cast<void*>(data);  // never written: foreign() forbids it
  block->size = bytes;
  block->kind = Block::Kind::foreign;
  block->release = std::move(release);
  return Buffer(block);
}

Buffer Buffer::of(const DeviceBuffer& b) {
  if (!b.block_ || b.block_->device) return {};
  b.retain();
  return Buffer(b.block_);
}

void* DeviceBuffer::address() const { return block_->data; }
rt::Device* DeviceBuffer::device() const { return block_->device; }
std::uint64_t DeviceBuffer::made() const { return block_->made; }
void DeviceBuffer::set_made(std::uint64_t ticket) { block_->made = ticket; }
std::int64_t DeviceBuffer::size() const { return block_ ? block_->size : 0; }
bool DeviceBuffer::foreign() const { return block_->kind == Block::Kind::foreign; }
bool DeviceBuffer::unique() const { return block_->references.load(std::memory_order_acquire) == 1; }
std::uint64_t DeviceBuffer::version() const { return block_->version.load(std::memory_order_relaxed); }
void DeviceBuffer::bump_version() { block_->version.fetch_add(1, std::memory_order_relaxed); }

void DeviceBuffer::retain() const noexcept {
  if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
}

void DeviceBuffer::release() noexcept {
  if (!block_) return;
  // The only holder need not pay for an atomic exchange; nobody can copy from a Buffer that nobody else has.
  if (block_->references.load(std::memory_order_acquire) != 1 &&
      block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  destroy(block_);
}

}  // namespace burin

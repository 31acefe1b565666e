// Buffer's block: a 64-byte header in front of our own bytes, or alone beside foreign ones. See buffer.h.
#include "runtime/ops/buffer.h"

#include "runtime/core/allocator.h"

#include <limits>
#include <new>

namespace burin {

struct alignas(64) Buffer::Block {
  std::atomic<std::int64_t> references{1};
  void* data = nullptr;
  std::int64_t size = 0;
  std::atomic<std::uint64_t> version{0};
  std::function<void()> release;  // foreign memory only
  bool is_foreign() const { return data != reinterpret_cast<const std::byte*>(this) + sizeof(Block); }
  std::int64_t allocated() const { return static_cast<std::int64_t>(sizeof(Block)) + (is_foreign() ? 0 : size); }
};
static_assert(alignof(std::max_align_t) <= 64);

Buffer Buffer::allocate(std::int64_t bytes) {
  static_assert(sizeof(Block) == 64, "the header keeps the data's alignment and stays within its size class");
  constexpr auto header = static_cast<std::int64_t>(sizeof(Block));
  if (bytes < 0 || bytes > std::numeric_limits<std::int64_t>::max() - header) return {};
  void* memory = rt::allocate(bytes + header);
  if (!memory) return {};
  auto* block = ::new (memory) Block;
  block->data = static_cast<std::byte*>(memory) + header;
  block->size = bytes;
  return Buffer(block);
}

Buffer Buffer::adopt(const void* data, std::int64_t bytes, std::function<void()> release) {
  void* memory = bytes < 0 ? nullptr : rt::allocate(sizeof(Block));
  if (!memory) {
    if (release) release();  // ownership was passed to us
    return {};
  }
  auto* block = ::new (memory) Block;
  block->data = const_cast<void*>(data);  // never written: foreign() forbids it
  block->size = bytes;
  block->release = std::move(release);
  return Buffer(block);
}

const void* Buffer::data() const { return block_->data; }
void* Buffer::mutable_data() { return block_->data; }
std::int64_t Buffer::size() const { return block_ ? block_->size : 0; }
bool Buffer::foreign() const { return block_->is_foreign(); }
bool Buffer::unique() const { return block_->references.load(std::memory_order_acquire) == 1; }
std::uint64_t Buffer::version() const { return block_->version.load(std::memory_order_relaxed); }
void Buffer::bump_version() { block_->version.fetch_add(1, std::memory_order_relaxed); }

void Buffer::retain() noexcept {
  if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
}

void Buffer::release() noexcept {
  if (!block_) return;
  // The only holder need not pay for an atomic exchange; nobody can copy from a Buffer that nobody else has.
  if (block_->references.load(std::memory_order_acquire) != 1 &&
      block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  std::int64_t bytes = block_->allocated();
  if (block_->release) block_->release();
  block_->~Block();
  rt::deallocate(block_, bytes);
}

}  // namespace burin

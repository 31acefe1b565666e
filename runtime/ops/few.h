// Few: a list that allocates only where it is long. For what every op and call makes on its way: types, operands, results.
// Elements beyond its size are not constructed, so room that is not used costs nothing.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>

namespace burin {

/// A list with room for N elements inside itself. Moving an element must not throw; moving the list moves the elements that
/// stand inside. Example: `Few<Tensor, 2> made; made.push_back(x);`
template <class T, std::size_t N> class Few {
 public:
  Few() noexcept {}  // not `= default`: `room_` has no value
  /// n elements, default-initialised: numbers and pointers have no value yet.
  explicit Few(std::size_t n) {
    reserve(n);
    std::uninitialized_default_construct_n(data_, n);
    size_ = static_cast<std::uint32_t>(n);
  }
  Few(std::initializer_list<T> list) : Few(std::span(list.begin(), list.size())) {}
  explicit Few(std::span<const T> list) {
    reserve(list.size());
    std::uninitialized_copy_n(list.data(), list.size(), data_);
    size_ = static_cast<std::uint32_t>(list.size());
  }
  Few(const Few& o) : Few(std::span<const T>(o)) {}
  Few(Few&& o) noexcept { take(o); }
  Few& operator=(Few o) noexcept {
    clear();
    take(o);
    return *this;
  }
  ~Few() { clear(); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  const T* begin() const { return data_; }
  T* end() { return data_ + size_; }
  const T* end() const { return data_ + size_; }
  T& back() { return data_[size_ - 1]; }

  void reserve(std::size_t n) {
    if (n > capacity_) move_to(n);
  }
  /// What is added must not stand in this list.
  template <class... A> T& emplace_back(A&&... a) {
    if (size_ == capacity_) move_to(2 * std::size_t{capacity_});
    return *std::construct_at(data_ + size_++, std::forward<A>(a)...);
  }
  void push_back(const T& x) { emplace_back(x); }
  void push_back(T&& x) { emplace_back(std::move(x)); }

 private:
  T* room() { return reinterpret_cast<T*>(room_); }
  void clear() noexcept {
    std::destroy_n(data_, size_);
    if (data_ != room()) std::allocator<T>().deallocate(data_, capacity_);
  }
  // Precondition: this list's elements are gone.
  void take(Few& o) noexcept {
    const bool inside = o.data_ == o.room();
    data_ = inside ? room() : o.data_;
    size_ = std::exchange(o.size_, 0);
    capacity_ = std::exchange(o.capacity_, N);
    if (inside) relocate(o.data_, data_, size_);
    o.data_ = o.room();
  }
  void move_to(std::size_t n) {
    T* more = std::allocator<T>().allocate(n);
    relocate(data_, more, size_);
    if (data_ != room()) std::allocator<T>().deallocate(data_, capacity_);
    data_ = more;
    capacity_ = static_cast<std::uint32_t>(n);
  }
  static void relocate(T* from, T* to, std::size_t n) noexcept {
    std::uninitialized_move_n(from, n, to);
    std::destroy_n(from, n);
  }

  T* data_ = room();
  std::uint32_t size_ = 0, capacity_ = N;
  alignas(T) std::byte room_[N * sizeof(T)];
};

}  // namespace burin

// What a thread has of its own, reached through one word at a fixed offset from the thread pointer: of such words a library
// that is opened at run time has room for few. Private to the frontend.
#pragma once
#include <cxxabi.h>
#include <utility>

extern "C" void* __dso_handle __attribute__((visibility("hidden")));

namespace burin::detail {

/// Fills a thread_local word for the rest of the thread's life. A destructor that runs when that is over finds the word empty
/// and may fill it once more: it is dropped behind that destructor.
template <class T> T& fill_for_thread(T*& word) {
  word = new T;
  abi::__cxa_thread_atexit([](void* at) { delete std::exchange(*static_cast<T**>(at), nullptr); }, &word,
                           &__dso_handle);
  return *word;
}

}  // namespace burin::detail

// XXH3 from the header-only library; see hash.h.
#include "runtime/core/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace burin::rt {

Digest digest(std::initializer_list<std::span<const std::byte>> pieces) noexcept {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset(&state);
  for (std::span<const std::byte> p : pieces)
    if (!p.empty()) XXH3_128bits_update(&state, p.data(), p.size());
  XXH128_hash_t h = XXH3_128bits_digest(&state);
  return {h.low64, h.high64};
}

}  // namespace burin::rt

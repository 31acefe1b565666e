// The 128-bit XXH3 digest that images and cache entries carry. Not against forgers: a cache folder is private.
#pragma once
#include <burin/rt/rt.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace burin::rt {

using Digest = std::array<std::uint64_t, 2>;  ///< low word first

/// Digest of the pieces one after the other.
BURIN_RT_API Digest digest(std::initializer_list<std::span<const std::byte>> pieces) noexcept;

}  // namespace burin::rt

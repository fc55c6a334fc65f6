// NameSet: a constant set of names, found without regard to case by a perfect hash: one look into a
// table, one comparison of words, no loop.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace zyphos::scan {

// Names are lower-case letters, digits and '-', of 1 to 24 characters; as constants, so that a set
// that has no perfect hash does not compile.
template <std::size_t N>
class NameSet {
 public:
  static constexpr std::size_t kSize_max = 24;

  consteval explicit NameSet(const std::array<std::string_view, N>& names) {
    while (!place(names)) ++factor_;
  }

  // Index of the name in the order in which they were given, or N. `name` holds token characters
  // only (RFC 9110, 5.6.2); kSize_max bytes from its first on are readable.
  std::size_t find(std::string_view name) const {
    if (name.empty()) return N;
    const Slot& slot = slots_[slot_of(name)];
    if (slot.size != name.size()) return N;
    std::uint64_t differ = differing(slot, name, 0) | differing(slot, name, 1);
    if (slot.size > 2 * kWord_bytes) differ |= differing(slot, name, 2);
    return differ == 0 ? slot.index : N;
  }

 private:
  static constexpr std::size_t kWord_bytes = 8;
  static constexpr std::size_t kSlots = 32;
  static constexpr std::uint64_t kLower = 0x2020202020202020U;

  struct alignas(64) Slot {
    std::uint32_t size = 0;  // 0: no name is here
    std::uint32_t index = N;
    std::array<std::uint64_t, kSize_max / kWord_bytes> text{};
    std::array<std::uint64_t, kSize_max / kWord_bytes> mask{};  // of the bytes that it has
  };

  constexpr std::size_t slot_of(std::string_view name) const {
    const auto first = static_cast<unsigned char>(name.front()) | 0x20U;
    return (name.size() + factor_ * first) % kSlots;
  }

  static std::uint64_t differing(const Slot& slot, std::string_view name, std::size_t word) {
    std::uint64_t text;
    std::memcpy(&text, name.data() + word * kWord_bytes, sizeof text);
    return ((text | kLower) ^ slot.text[word]) & slot.mask[word];
  }

  consteval bool place(const std::array<std::string_view, N>& names) {
    slots_ = {};
    for (std::size_t i = 0; i < N; ++i) {
      Slot& slot = slots_[slot_of(names[i])];
      if (slot.size != 0) return false;
      slot.size = static_cast<std::uint32_t>(names[i].size());
      slot.index = static_cast<std::uint32_t>(i);
      for (std::size_t word = 0; word < slot.text.size(); ++word) {
        std::array<unsigned char, kWord_bytes> text{};
        std::array<unsigned char, kWord_bytes> mask{};
        for (std::size_t k = 0; k < kWord_bytes; ++k) {
          const std::size_t at = word * kWord_bytes + k;
          if (at >= names[i].size()) break;
          text[k] = static_cast<unsigned char>(names[i][at]);
          mask[k] = 0xff;
        }
        slot.text[word] = std::bit_cast<std::uint64_t>(text);
        slot.mask[word] = std::bit_cast<std::uint64_t>(mask);
      }
    }
    return true;
  }

  std::array<Slot, kSlots> slots_;
  std::size_t factor_ = 0;
};

}  // namespace zyphos::scan

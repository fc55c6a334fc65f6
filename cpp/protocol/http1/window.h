// Window: the marks of the next part of a head, from the beginning of a line on, and a cursor that
// walks from one line's end to the next by clearing bits.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "protocol/http1/grammar.h"
#include "scan/kernel.h"

namespace zyphos::http1 {

class Window {
 public:
  explicit Window(const char* begin) : base_(begin) {}

  // Marks what follows `line`, each time more than the time before. False: the window holds all
  // that there is of it already, or as much as it can.
  bool open(const scan::Kernel& kernel, const char* line, const char* end) {
    const auto left = static_cast<std::size_t>(end - line);
    const std::size_t all = (left + scan::kBlock_bytes - 1) / scan::kBlock_bytes;
    const std::size_t blocks = std::min(next_, all);
    if (blocks == 0 || (line == base_ && blocks == blocks_)) return false;
    base_ = line;
    blocks_ = blocks;
    next_ = kBlocks_max;
    kernel.mark(line, blocks, kNameClass, kTargetClass, marks_.data());
    marks_[blocks].not_name = ~std::uint64_t{0};
    return true;
  }

  const char* base() const { return base_; }
  std::size_t blocks() const { return blocks_; }
  const scan::Marks& block(std::size_t index) const { return marks_[index]; }
  std::size_t offset(const char* at) const { return static_cast<std::size_t>(at - base_); }

  // So many name characters stand at `at`, up to 63; 64: as many or more.
  std::size_t name_size(const char* at) const {
    const std::size_t bit = offset(at) % scan::kBlock_bytes;
    const scan::Marks* marks = &marks_[offset(at) / scan::kBlock_bytes];
    const std::uint64_t later = marks[1].not_name << 1 << (scan::kBlock_bytes - 1 - bit);
    return static_cast<std::size_t>(std::countr_zero(marks[0].not_name >> bit | later));
  }

  // First character from `at` on that no target may hold; the window's end when there is none.
  const char* target_end(const char* at) const {
    std::size_t index = offset(at) / scan::kBlock_bytes;
    std::uint64_t stops = marks_[index].not_target & ~std::uint64_t{0}
                                                         << (offset(at) % scan::kBlock_bytes);
    while (stops == 0 && ++index < blocks_) stops = marks_[index].not_target;
    return base_ + index * scan::kBlock_bytes + (stops == 0 ? 0 : std::countr_zero(stops));
  }

 private:
  static constexpr std::size_t kBlocks_first = 4;
  static constexpr std::size_t kBlocks_max = 16;

  const char* base_;
  std::size_t blocks_ = 0;
  std::size_t next_ = kBlocks_first;
  std::array<scan::Marks, kBlocks_max + 1> marks_;
};

// The ends of lines, one after another.
class LineEnds {
 public:
  LineEnds(const Window& window, const char* line)
      : window_(&window), index_(window.offset(line) / scan::kBlock_bytes) {
    if (index_ < window.blocks()) enter(line);
  }

  // First character from the beginning of `line` on that is not text; nullptr: it lies behind the
  // window. What it is is the caller's to see.
  const char* next(const char* line) {
    while (stops_ == 0) {
      if (++index_ >= window_->blocks()) return nullptr;
      enter(line);
    }
    return block_ + std::countr_zero(stops_);
  }
  // The character was CR, and LF follows.
  void pass() {
    stops_ &= stops_ - 1;
    stops_ &= stops_ - 1;
  }

 private:
  // The stops of a block, without those before the line.
  void enter(const char* line) {
    block_ = window_->base() + index_ * scan::kBlock_bytes;
    stops_ = window_->block(index_).not_text;
    if (line > block_) stops_ &= ~std::uint64_t{0} << (line - block_);
  }

  const Window* window_;
  std::size_t index_;
  const char* block_ = nullptr;
  std::uint64_t stops_ = 0;
};

}  // namespace zyphos::http1

#include "memory/block_pool.h"

#include "base/bytes.h"
#include "base/check.h"

namespace zyphos {

BlockPool::~BlockPool() { ZY_CHECK(out_ == 0); }

std::byte* BlockPool::take() {
  ++out_;
  if (!free_.empty()) {
    std::byte* block = free_.back();
    free_.pop_back();
    return block;
  }
  owned_.push_back(std::make_unique<std::byte[]>(block_bytes_ + kReadPadding));
  ++total_;
  // Grows as owned_ does: not with every block.
  free_.reserve(owned_.capacity() + reserved_);
  return owned_.back().get();
}

Bytes BlockPool::reserve(std::size_t count) {
  constexpr std::size_t kAlign = alignof(std::max_align_t);
  const std::size_t step = (block_bytes_ + kReadPadding + kAlign - 1) / kAlign * kAlign;
  owned_.push_back(std::make_unique<std::byte[]>(count * step));
  total_ += count;
  reserved_ += count;
  free_.reserve(owned_.capacity() + reserved_);
  std::byte* first = owned_.back().get();
  for (std::size_t i = count; i > 0; --i) free_.push_back(first + (i - 1) * step);
  return {first, count * step};
}

void BlockPool::give(std::byte* block) {
  ZY_DCHECK(out_ > 0);
  --out_;
  free_.push_back(block);
}

}  // namespace zyphos

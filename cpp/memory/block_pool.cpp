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
  free_.reserve(owned_.capacity());  // grows as owned_ does: not with every block
  return owned_.back().get();
}

void BlockPool::give(std::byte* block) {
  ZY_DCHECK(out_ > 0);
  --out_;
  free_.push_back(block);
}

}  // namespace zyphos

// Equal blocks of memory, handed out last-in first-out so that the hot one is used again. A
// connection holds a block only while it holds bytes: an idle connection costs none.
//
// Thread safety: none, one pool per driver thread. Invariants: (1) every block has kReadPadding
// readable bytes behind it; (2) blocks are never given back to the system before the pool ends; (3)
// all blocks are back by then.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace zyphos {

class BlockPool {
 public:
  static constexpr std::size_t kBlock_bytes = 16 * 1024;

  explicit BlockPool(std::size_t block_bytes = kBlock_bytes) : block_bytes_(block_bytes) {}
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  // Aligned as operator new does. O(1); allocates only when more blocks are out than ever before.
  std::byte* take();
  // `count` more blocks in one piece of memory, for who must know it beforehand. O(count).
  Bytes reserve(std::size_t count);
  void give(std::byte* block);

  std::size_t out() const { return out_; }
  std::size_t total() const { return total_; }

 private:
  std::size_t block_bytes_;
  std::vector<std::unique_ptr<std::byte[]>> owned_;
  std::vector<std::byte*> free_;
  std::size_t total_ = 0;
  std::size_t reserved_ = 0;  // of these, in pieces of several
  std::size_t out_ = 0;
};

}  // namespace zyphos

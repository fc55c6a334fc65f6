#include "protocol/inbox.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace zyphos {

// While a message straddles, store_ holds the older bytes followed by copies of the first
// `mirrored_` bytes of chunk_. As soon as consumption passes the older bytes, the view goes on in
// place, in the chunk.

void Inbox::consume_stored(std::size_t n) {
  ZY_CHECK(n <= stored_size());
  begin_ += n;
  if (stored_size() > mirrored_) return;
  chunk_ = chunk_.subspan(mirrored_ - stored_size());
  mirrored_ = 0;
  release();
}

bool Inbox::top_up() {
  if (stored_size() == 0 || mirrored_ == chunk_.size()) return false;
  // Pieces double with what was already needed, so that a long message costs O(n) in all.
  const std::size_t piece =
      std::min(std::max(kPiece_bytes, stored_size()), chunk_.size() - mirrored_);
  append(chunk_.subspan(mirrored_, piece));
  mirrored_ += piece;
  return true;
}

void Inbox::clear() {
  chunk_ = {};
  mirrored_ = 0;
  release();
}

void Inbox::append(ConstBytes bytes) {
  reserve(bytes.size());
  std::memcpy(store_ + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
  copied_ += bytes.size();
}

void Inbox::reserve(std::size_t more) {
  if (store_ == nullptr && more <= BlockPool::kBlock_bytes) {
    store_ = pool_.take();
    capacity_ = BlockPool::kBlock_bytes;
    return;
  }
  if (end_ + more <= capacity_) return;
  const std::size_t size = stored_size();
  if (begin_ > 0 && size + more <= capacity_ && begin_ >= capacity_ / 2) {
    ZY_CHECK(store_ != nullptr);  // begin_ > 0
    std::memmove(store_, store_ + begin_, size);
  } else {
    const std::size_t capacity = std::max(2 * capacity_, size + more);
    auto memory = std::make_unique<std::byte[]>(capacity + kReadPadding);
    if (size > 0) std::memcpy(memory.get(), store_ + begin_, size);
    if (store_ != nullptr && !large_) pool_.give(store_);
    large_ = std::move(memory);
    store_ = large_.get();
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = size;
}

void Inbox::release() {
  if (store_ != nullptr && !large_) pool_.give(store_);
  large_.reset();
  store_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace zyphos

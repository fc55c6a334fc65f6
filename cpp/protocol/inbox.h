// Inbox: the received bytes of one connection, shown contiguous. Bytes are shown where the driver
// received them; only a message that straddles two receives is copied, topped up in small pieces
// until it is whole.
//
// Order of calls, each round: receive(chunk) at most once; then view / consume / top_up as often as
// they help; then settle() before the driver uses the chunk's memory again. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "memory/block_pool.h"

namespace zyphos {

class Inbox {
 public:
  // `limit_bytes`: from here on full() is true; what is already in flight still enters.
  Inbox(BlockPool& pool, std::size_t limit_bytes) : pool_(pool), limit_(limit_bytes) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox() { clear(); }

  // Newer bytes, in the driver's memory, with kReadPadding readable bytes behind them.
  void receive(Bytes chunk) {
    ZY_DCHECK(chunk_.empty());
    chunk_ = chunk;
    mirrored_ = 0;
    if (stored_size() > 0) top_up();
  }
  // All that is contiguous now; invalidated by every other call.
  Bytes view() {
    if (stored_size() == 0) return chunk_;
    return {store_ + begin_, stored_size()};
  }
  void consume(std::size_t n) {
    if (stored_size() > 0) {
      consume_stored(n);
      return;
    }
    ZY_CHECK(n <= chunk_.size());
    chunk_ = chunk_.subspan(n);
  }
  // Brings more of the chunk into the view, when a message straddles. False when everything is in
  // view.
  bool top_up();
  // Copies what remains of the chunk. Afterwards the driver may reuse its memory.
  void settle() {
    if (chunk_.size() > mirrored_) append(chunk_.subspan(mirrored_));
    chunk_ = {};
    mirrored_ = 0;
  }
  // Forgets everything (discard until EOF).
  void clear();

  std::size_t held() const { return stored_size() + chunk_.size() - mirrored_; }
  bool empty() const { return held() == 0; }
  bool full() const { return held() >= limit_; }
  // Since the last take; the driver adds them to its counter.
  std::uint64_t take_bytes_copied() { return std::exchange(copied_, 0); }

 private:
  // How much is topped up at a time: enough for most remainders of a head, small beside a receive
  // buffer.
  static constexpr std::size_t kPiece_bytes = 512;

  std::size_t stored_size() const { return end_ - begin_; }
  void consume_stored(std::size_t n);
  void append(ConstBytes bytes);
  void reserve(std::size_t more);
  void release();

  BlockPool& pool_;
  std::size_t limit_;
  Bytes chunk_;                         // not yet stored, in the driver's memory
  std::size_t mirrored_ = 0;            // prefix of chunk_ that has also been appended to store_
  std::byte* store_ = nullptr;          // a pool block or large_
  std::unique_ptr<std::byte[]> large_;  // beyond one block
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t copied_ = 0;
};

}  // namespace zyphos

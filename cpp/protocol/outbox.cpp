#include "protocol/outbox.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"

namespace zyphos {

// A block of the pool holds the segments, then the written bytes. It is taken with the first write
// and given back as soon as everything has been sent.

struct Outbox::Block {
  static constexpr std::size_t kHead_bytes = kSegments * sizeof(Segment);
  static constexpr std::size_t kData_bytes = BlockPool::kBlock_bytes - kHead_bytes;
  static constexpr std::size_t kPayload_bytes = kData_bytes - kReserve_bytes;
};

Outbox::Segment& Outbox::segment(std::size_t index) const {
  return *(std::launder(reinterpret_cast<Segment*>(block_)) + index);
}

void Outbox::swap(Outbox& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(block_, other.block_);
  std::swap(used_, other.used_);
  std::swap(pending_, other.pending_);
  std::swap(first_, other.first_);
  std::swap(last_, other.last_);
  std::swap(corked_, other.corked_);
  std::swap(takes_files_, other.takes_files_);
}

std::size_t Outbox::capacity() { return Block::kPayload_bytes; }

std::size_t Outbox::room() const {
  // One segment is kept for the reserve.
  if (last_ + 1 >= kSegments || pending_ >= kHighWater_bytes) return 0;
  return used_ >= Block::kPayload_bytes ? 0 : Block::kPayload_bytes - used_;
}

Bytes Outbox::space(std::size_t n, std::size_t limit) {
  if (used_ + n > limit) return {};
  if (block_ == nullptr) block_ = pool_->take();
  return {block_ + Block::kHead_bytes + used_, n};
}

Bytes Outbox::prepare(std::size_t n) {
  if (n > room()) return {};
  return space(n, Block::kPayload_bytes);
}

// Does what is written now continue the last segment?
bool Outbox::joins() const {
  if (first_ == last_) return false;
  const Segment& tail = segment(last_ - 1);
  return !tail.boundary && tail.data != nullptr &&
         tail.data + tail.size == block_ + Block::kHead_bytes + used_;
}

void Outbox::commit(std::size_t n) {
  if (n == 0) return;
  const std::byte* data = block_ + Block::kHead_bytes + used_;
  const bool joined = joins();
  used_ += n;
  if (joined) {
    segment(last_ - 1).size += n;
    pending_ += n;
    return;
  }
  ZY_CHECK(push({.data = data, .size = n, .range = {}, .hold = {}}));
}

std::size_t Outbox::write(ConstBytes bytes) {
  const std::size_t n = std::min(bytes.size(), room());
  if (n == 0) return 0;
  std::memcpy(space(n, Block::kPayload_bytes).data(), bytes.data(), n);
  commit(n);
  return n;
}

bool Outbox::write_control(ConstBytes bytes) {
  if (bytes.empty()) return true;
  if (last_ >= kSegments && !joins()) return false;
  const Bytes place = space(bytes.size(), Block::kData_bytes);
  if (place.empty()) return false;
  std::memcpy(place.data(), bytes.data(), bytes.size());
  commit(bytes.size());
  return true;
}

bool Outbox::refer(ConstBytes bytes, Hold hold) {
  if (bytes.empty()) return true;
  if (last_ + 1 >= kSegments || pending_ >= kHighWater_bytes) return false;
  if (block_ == nullptr) block_ = pool_->take();
  return push({.data = bytes.data(), .size = bytes.size(), .range = {}, .hold = std::move(hold)});
}

bool Outbox::file(FileRange range, Hold hold) {
  ZY_CHECK(takes_files_);
  if (range.size == 0) return true;
  if (last_ + 1 >= kSegments || pending_ >= kHighWater_bytes) return false;
  if (block_ == nullptr) block_ = pool_->take();
  return push({.data = nullptr, .size = range.size, .range = range, .hold = std::move(hold)});
}

bool Outbox::push(Segment added) {
  if (last_ >= kSegments) return false;
  pending_ += added.size;
  ::new (static_cast<void*>(block_ + last_ * sizeof(Segment))) Segment(std::move(added));
  ++last_;
  return true;
}

void Outbox::boundary() {
  if (first_ != last_) segment(last_ - 1).boundary = true;
}

std::size_t Outbox::gather(std::span<ConstBytes> parts) const {
  std::size_t count = 0;
  for (std::size_t i = first_; i < last_ && count < parts.size(); ++i) {
    const Segment& part = segment(i);
    if (part.data == nullptr) break;
    parts[count++] = {part.data, part.size};
    if (part.boundary) break;
  }
  return count;
}

const FileRange* Outbox::next_file() const {
  if (empty() || segment(first_).data != nullptr) return nullptr;
  return &segment(first_).range;
}

void Outbox::sent(std::size_t n) {
  ZY_CHECK(n <= pending_);
  pending_ -= n;
  while (n > 0) {
    Segment& front = segment(first_);
    const std::size_t taken = std::min(n, front.size);
    n -= taken;
    front.size -= taken;
    if (front.data != nullptr) {
      front.data += taken;
    } else {
      front.range.offset += taken;
      front.range.size -= taken;
    }
    if (front.size > 0) return;
    front.~Segment();
    ++first_;
  }
  if (first_ == last_) release();
}

void Outbox::clear() {
  for (; first_ < last_; ++first_) segment(first_).~Segment();
  release();
}

void Outbox::release() {
  if (block_ != nullptr) pool_->give(block_);
  block_ = nullptr;
  used_ = pending_ = 0;
  first_ = last_ = 0;
  corked_ = false;
}

}  // namespace zyphos

#include "protocol/outbox.h"

#include <cstring>

#include "base/check.h"

namespace zyphos {

void Outbox::swap(Outbox& other) noexcept {
  ZY_DCHECK(pool_ == other.pool_ && takes_files_ == other.takes_files_);
  std::swap(block_, other.block_);
  std::swap(used_, other.used_);
  std::swap(pending_, other.pending_);
  std::swap(first_, other.first_);
  std::swap(last_, other.last_);
  std::swap(joins_, other.joins_);
  std::swap(corked_, other.corked_);
  std::swap(has_file_, other.has_file_);
}

void Outbox::begin_segment(std::size_t n) {
  if (n == 0) return;
  const std::byte* data = place();
  used_ += n;
  ZY_CHECK(push({.data = data, .size = n, .range = {}, .hold = {}}));
  joins_ = true;
}

bool Outbox::write_control(ConstBytes bytes) {
  if (bytes.empty()) return true;
  if (last_ >= kSegments && !joins_) return false;
  if (used_ + bytes.size() > kData_bytes) return false;
  std::memcpy(place(), bytes.data(), bytes.size());
  commit(bytes.size());
  return true;
}

bool Outbox::refer(ConstBytes bytes, Hold hold) {
  if (bytes.empty()) return true;
  if (last_ + 1 >= kSegments || pending_ >= kHighWater_bytes) return false;
  return push_apart(
      {.data = bytes.data(), .size = bytes.size(), .range = {}, .hold = std::move(hold)});
}

bool Outbox::file(FileRange range, Hold hold) {
  ZY_CHECK(takes_files_);
  if (range.size == 0) return true;
  if (last_ + 1 >= kSegments || pending_ >= kHighWater_bytes) return false;
  has_file_ = true;
  return push_apart({.data = nullptr, .size = range.size, .range = range, .hold = std::move(hold)});
}

bool Outbox::push(Segment added) {
  if (last_ >= kSegments) return false;
  pending_ += added.size;
  ::new (static_cast<void*>(block_ + last_ * sizeof(Segment))) Segment(std::move(added));
  ++last_;
  return true;
}

// What stays where it is: nothing written continues it.
bool Outbox::push_apart(Segment added) {
  if (block_ == nullptr) block_ = pool_->take();
  joins_ = false;
  return push(std::move(added));
}

void Outbox::boundary() {
  if (first_ != last_) segment(last_ - 1).boundary = true;
  joins_ = false;
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
  if (n == pending_) {  // the rule
    clear();
    return;
  }
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
  joins_ = false;
  corked_ = false;
  has_file_ = false;
}

}  // namespace zyphos

// The four rings that an AF_XDP socket shares with the kernel: who produces writes entries and then
// moves `producer`, who consumes reads them and then moves `consumer`; both only grow, modulo 2^32.
//
// Thread safety: one thread of ours at each ring. Invariants: (1) an entry is written before the
// release store that shows it, and read after the acquire load that saw it; (2) producer - consumer
// is at most the ring's size; (3) a cached index is never ahead of the truth. The other side's
// index is read only when the cached one does not do: that line is the other CPU's.
// Source: Documentation/networking/af_xdp.rst, linux/if_xdp.h.
#pragma once

#include <linux/if_xdp.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "datagram/mapping.h"

namespace zyphos::datagram {

// What both kinds share: where the kernel has put the indices, flags and entries.
template <class Entry>
class XdpRing {
 public:
  XdpRing() = default;
  // `size`: a power of two.
  XdpRing(Mapping memory, const xdp_ring_offset& offsets, std::uint32_t size)
      : memory_(std::move(memory)),
        producer_(index(offsets.producer)),
        consumer_(index(offsets.consumer)),
        flags_(index(offsets.flags)),
        entries_(reinterpret_cast<Entry*>(memory_.at(offsets.desc))),
        size_(size) {}

  // The kernel sleeps and has to be called: to look at what was produced here.
  bool needs_wakeup() const { return (load(flags_) & XDP_RING_NEED_WAKEUP) != 0; }
  // Entries that were shown and that the other side has not taken.
  std::uint32_t pending() const { return load(producer_) - load(consumer_); }

 protected:
  static std::uint32_t load(std::uint32_t* index) {
    return std::atomic_ref(*index).load(std::memory_order_acquire);
  }
  static void store(std::uint32_t* index, std::uint32_t value) {
    std::atomic_ref(*index).store(value, std::memory_order_release);
  }
  Entry& entry(std::uint32_t number) { return entries_[number & (size_ - 1)]; }

  Mapping memory_;
  std::uint32_t* producer_ = nullptr;
  std::uint32_t* consumer_ = nullptr;
  std::uint32_t* flags_ = nullptr;
  Entry* entries_ = nullptr;
  std::uint32_t size_ = 0;

 private:
  std::uint32_t* index(std::uint64_t offset) const {
    return reinterpret_cast<std::uint32_t*>(memory_.at(offset));
  }
};

// Fill and tx: ours to fill.
template <class Entry>
class ProducerRing : public XdpRing<Entry> {
 public:
  using XdpRing<Entry>::XdpRing;

  // How many more entries there is room for, `wanted` at most.
  std::uint32_t room(std::uint32_t wanted) {
    if (this->size_ - (written_ - seen_) < wanted) seen_ = this->load(this->consumer_);
    return std::min(wanted, this->size_ - (written_ - seen_));
  }
  // Needs room. Not shown before submit().
  void put(const Entry& value) {
    ZY_DCHECK(written_ - seen_ < this->size_);
    this->entry(written_++) = value;
  }
  void submit() { this->store(this->producer_, written_); }

 private:
  std::uint32_t written_ = 0;
  std::uint32_t seen_ = 0;  // of the consumer
};

// Rx and completion: the kernel's to fill.
template <class Entry>
class ConsumerRing : public XdpRing<Entry> {
 public:
  using XdpRing<Entry>::XdpRing;

  // How many entries there are, `most` at most: take() so many, then release().
  std::uint32_t ready(std::uint32_t most) {
    if (seen_ == read_) seen_ = this->load(this->producer_);
    return std::min(most, seen_ - read_);
  }
  Entry take() { return this->entry(read_++); }
  void release() { this->store(this->consumer_, read_); }

 private:
  std::uint32_t read_ = 0;
  std::uint32_t seen_ = 0;  // of the producer
};

}  // namespace zyphos::datagram

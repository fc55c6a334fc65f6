// Places: which connections have room for one more request; they take turns. O(1) a call,
// amortised; allocates nothing after construction. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace zyphos {

class Places {
 public:
  // `channels` connections, none up, with `each` places when they are.
  Places(std::size_t each, std::uint32_t channels)
      : each_(each), channels_(channels), queue_(channels) {}

  void joined(std::uint32_t channel) {
    channels_[channel].up = true;
    channels_[channel].free = each_;
    offer(channel);
  }
  // Nothing happens when it is not up.
  void freed(std::uint32_t channel) {
    if (!channels_[channel].up) return;
    ++channels_[channel].free;
    offer(channel);
  }
  void lost(std::uint32_t channel) { channels_[channel] = {.queued = channels_[channel].queued}; }

  // Drops connections without a free place from the front; false: none has one.
  bool find() {
    while (queued_ > 0) {
      Channel& channel = channels_[front()];
      if (channel.free > 0) return true;
      leave();
    }
    return false;
  }
  bool any() const {
    for (std::size_t i = 0; i < queued_; ++i) {
      if (channels_[queue_[(first_ + i) % queue_.size()]].free > 0) return true;
    }
    return false;
  }
  // After find(): whose turn it is.
  std::uint32_t front() const { return queue_[first_]; }
  // After find(): takes a place of it; it goes to the end of the queue.
  void take() {
    const std::uint32_t channel = front();
    --channels_[channel].free;
    leave();
    if (channels_[channel].free > 0) offer(channel);
  }

 private:
  struct Channel {
    std::size_t free = 0;
    bool up = false;
    bool queued = false;  // stands in queue_
  };

  void offer(std::uint32_t channel) {
    if (channels_[channel].queued) return;
    channels_[channel].queued = true;
    queue_[(first_ + queued_) % queue_.size()] = channel;
    ++queued_;
  }
  void leave() {
    channels_[front()].queued = false;
    first_ = (first_ + 1) % queue_.size();
    --queued_;
  }

  std::size_t each_;
  std::vector<Channel> channels_;
  std::vector<std::uint32_t> queue_;  // ring of connections with free places, each at most once
  std::size_t first_ = 0;
  std::size_t queued_ = 0;
};

}  // namespace zyphos

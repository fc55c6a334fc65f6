// Waker: how something outside a connection's thread (a timer, a worker, a backend's answer) makes
// its driver call the connection again.
//
// Thread safety: a Waker may be copied and called from any thread at any time, also after its
// connection or its driver has ended: then nothing happens. Calls coalesce: several before the
// driver runs may lead to one advance.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace zyphos {

// Implemented by drivers. Outlives the driver for as long as a Waker refers to it.
class WakeTarget {
 public:
  virtual ~WakeTarget() = default;
  // `generation` tells one user of a slot from the next; `tag` is handed to Connection::woken.
  virtual void wake(std::uint32_t slot, std::uint32_t generation, std::uint32_t tag) noexcept = 0;
};

class Waker {
 public:
  Waker() = default;
  Waker(std::shared_ptr<WakeTarget> loop, std::uint32_t slot, std::uint32_t generation)
      : loop_(std::move(loop)), slot_(slot), generation_(generation) {}

  void operator()() const noexcept {
    if (loop_) loop_->wake(slot_, generation_, tag_);
  }

  // The same connection, another tag (a stream of it). Copying costs one atomic increment.
  Waker tagged(std::uint32_t tag) const {
    Waker copy = *this;
    copy.tag_ = tag;
    return copy;
  }

 private:
  std::shared_ptr<WakeTarget> loop_;
  std::uint32_t slot_ = 0;
  std::uint32_t generation_ = 0;
  std::uint32_t tag_ = 0;
};

// What Wakers of a connection are made of: costs nothing until one is. Ends with the call that it
// was handed to.
struct WakeSource {
  operator Waker() const { return {loop, slot, generation}; }

  const std::shared_ptr<WakeTarget>& loop;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
};

}  // namespace zyphos

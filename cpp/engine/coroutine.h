// Coroutine: what a connection's code runs in when it may stop in the middle and wait. A frame
// comes from a list of the scheduler's own, so that in steady state none is allocated.
//
// Thread safety: none; one scheduler per thread. Invariant: a frame goes back to the list that it
// came from, which outlives it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "base/counters.h"

namespace zyphos {

// Frames of one size, which that of the first asked for is: there is one coroutine function.
class FrameList {
 public:
  explicit FrameList(Counters& counters) : counters_(counters) {}
  FrameList(const FrameList&) = delete;
  FrameList& operator=(const FrameList&) = delete;
  ~FrameList() {
    for (void* frame : free_) ::operator delete(frame);
  }

  void* take(std::size_t bytes) {
    counters_.add(Counter::coroutine_frames);
    counters_.add(Counter::coroutine_frame_bytes, bytes);
    if (free_.empty() || bytes != bytes_) return ::operator new(bytes);
    void* frame = free_.back();
    free_.pop_back();
    return frame;
  }
  void give(void* frame, std::size_t bytes) {
    if (bytes_ == 0) bytes_ = bytes;
    if (bytes == bytes_) {
      free_.push_back(frame);
    } else {
      ::operator delete(frame);
    }
  }
  Counters& counters() { return counters_; }

 private:
  Counters& counters_;
  std::size_t bytes_ = 0;
  std::vector<void*> free_;
};

// Owns the coroutine. It starts suspended, and stands at its end until it is destroyed.
class Coroutine {
 public:
  struct promise_type {
    // The coroutine's function is a member of its scheduler, which has frames().
    template <class Scheduler, class... Arguments>
    static void* operator new(std::size_t bytes, Scheduler& scheduler, Arguments&...) {
      return with_owner(bytes, scheduler.frames());
    }
    static void operator delete(void* frame, std::size_t bytes) {
      FrameList* owner = nullptr;
      auto* start = static_cast<std::byte*>(frame) - kOwner_bytes;
      owner = *reinterpret_cast<FrameList**>(start);
      owner->give(start, bytes + kOwner_bytes);
    }

    Coroutine get_return_object() { return Coroutine(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }

   private:
    // In front of the frame, whose alignment it keeps.
    static constexpr std::size_t kOwner_bytes = alignof(std::max_align_t);

    static void* with_owner(std::size_t bytes, FrameList& owner) {
      auto* start = static_cast<std::byte*>(owner.take(bytes + kOwner_bytes));
      *reinterpret_cast<FrameList**>(start) = &owner;
      return start + kOwner_bytes;
    }
  };

  Coroutine() = default;
  Coroutine(Coroutine&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Coroutine& operator=(Coroutine&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Coroutine() {
    if (handle_) handle_.destroy();
  }

  void resume() { handle_.resume(); }
  bool done() const { return handle_.done(); }

 private:
  using Handle = std::coroutine_handle<promise_type>;
  explicit Coroutine(Handle handle) : handle_(handle) {}

  Handle handle_ = nullptr;
};

}  // namespace zyphos

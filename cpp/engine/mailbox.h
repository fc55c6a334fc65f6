// Mailbox: how wakes from any thread reach the driver of the connections. One per loop (or per
// blocking connection).
//
// Thread safety: wake() and poke() from any thread at any time, also after close(); everything else
// by the driver. Invariants: (1) mail for a slot whose generation is over is dropped where it is
// sent; (2) a tag of a slot's present user lies in the box at most once; (3) the event descriptor
// is written only while the driver sleeps, so a busy driver costs its wakers no system call. Cost:
// a short lock; no allocation once each slot has been woken.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "net/fd.h"
#include "protocol/waker.h"

namespace zyphos {

class Mailbox final : public WakeTarget {
 public:
  struct Mail {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    std::uint32_t tag = 0;
  };

  // With an event descriptor to sleep on, or without (then a sleeping driver is not woken).
  // std::system_error.
  explicit Mailbox(bool with_event = true);

  void wake(std::uint32_t slot, std::uint32_t generation, std::uint32_t tag) noexcept override;
  // Wakes the driver without mail.
  void poke() noexcept;

  // --- for the driver ---

  int event() const { return event_.get(); }
  // The slot has a user: mail for it comes under the generation that is returned, until dismiss().
  std::uint32_t admit(std::uint32_t slot);
  void dismiss(std::uint32_t slot);
  // Replaces `mail` by what has come.
  void collect(std::vector<Mail>& mail);
  // Before waiting: false when something has come meanwhile (do not wait). After waiting: awake().
  bool sleep();
  void awake() { sleeping_.store(false); }
  // Takes the event descriptor's count, for drivers that wait level-triggered.
  void clear_event();
  // Nothing is delivered any more. The event descriptor goes now, not with the last waker that
  // somebody keeps.
  void close();

 private:
  struct Cell {
    // False: it is in the box already.
    bool put(std::uint32_t tag);
    void empty();

    std::uint32_t generation = 0;                      // of its present user, or the next
    bool plain = false;                                // tag 0 is in the box, as it is for most
    std::unique_ptr<std::vector<std::uint32_t>> tags;  // and these others; made with the first
  };

  void ring() noexcept;

  Fd event_;
  std::atomic<bool> sleeping_ = false;
  std::atomic<bool> anything_ = false;
  std::mutex mutex_;
  std::vector<Cell> cells_;
  std::vector<Mail> mail_;
};

}  // namespace zyphos

// Handoff: connections on their way from the thread that accepts them to the loops that serve them.
//
// Thread safety: give(), wait_for_end() and close() by the acceptor, take() and ended() of each
// Handoff by its loop, all at any time. Invariant: what was given is taken, also after close().
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/mailbox.h"
#include "engine/readiness_options.h"
#include "net/fd.h"

namespace zyphos {

class Dispatcher;

// What one loop is given.
class Handoff {
 public:
  Handoff(Dispatcher& dispatcher, std::shared_ptr<Mailbox> mailbox)
      : dispatcher_(dispatcher), mailbox_(std::move(mailbox)) {}

  // Replaces `given` by what has come. False: nothing will come after it.
  bool take(std::vector<Fd>& given);
  // A connection that was given has ended.
  void ended();

 private:
  friend class Dispatcher;
  void give(Fd fd);
  void close();

  Dispatcher& dispatcher_;
  std::shared_ptr<Mailbox> mailbox_;
  std::atomic<std::size_t> live_ = 0;  // given and not ended
  std::atomic<bool> anything_ = false;
  std::mutex mutex_;
  std::vector<Fd> given_;
  bool closed_ = false;
};

// What the acceptor gives to.
class Dispatcher {
 public:
  Dispatcher(HandOut hand_out, std::shared_ptr<Mailbox> acceptor)
      : hand_out_(hand_out), acceptor_(std::move(acceptor)) {}

  // Before the threads start.
  Handoff& add(std::shared_ptr<Mailbox> mailbox);

  // To the next loop, or (of those with the fewest connections) the next.
  void give(Fd fd);
  // The acceptor is woken when a connection ends, once.
  void wait_for_end() { waits_.store(true); }
  // Has one ended since?
  bool waits() const { return waits_.load(); }
  // Nothing more will be given.
  void close();

 private:
  friend class Handoff;
  Handoff& choose();
  void ended();

  HandOut hand_out_;
  std::shared_ptr<Mailbox> acceptor_;
  std::vector<std::unique_ptr<Handoff>> loops_;
  std::size_t next_ = 0;
  std::atomic<bool> waits_ = false;
};

}  // namespace zyphos

// Waiter: how one thread waits for one descriptor: until it is ready, until a time, or until it is
// told to stop.
#pragma once

#include "base/error.h"
#include "base/time.h"

namespace zyphos::fetch {

// Thread safety: one thread.
class Waiter {
 public:
  // Readable when all waiting is to end (a signalfd); below 0: never.
  explicit Waiter(int stop_fd) : stop_fd_(stop_fd) {}

  // `events` as poll(2) has them. ok: ready, or broken, which the next call on `fd` will say.
  // deadline: not by `end`, or stopped().
  Errc wait(int fd, short events, Time end);
  // Sleeps until `end`, unless stopped.
  void sleep(Time end) { static_cast<void>(wait(-1, 0, end)); }

  // Whether the order to stop has come, as of the last wait() or look().
  bool stopped() const { return stopped_; }
  bool look();

 private:
  int stop_fd_;
  bool stopped_ = false;
};

}  // namespace zyphos::fetch

// Alarm: interrupts the waits of the thread that made it, again and again from when it is rung
// until it is stilled, so that no signal that comes just before a wait is the last. What a thread
// needs that both serves connections and has nobody to signal it.
//
// Thread safety: made and stilled by its thread, rung from anywhere while it exists.
#pragma once

#include <time.h>

namespace zyphos {

// The signal by which blocked threads are told to look around. interrupt_signal_ready() gives it an
// empty handler where it has none: without SA_RESTART, so that recv returns EINTR.
extern const int kInterruptSignal;
void interrupt_signal_ready();
// Of the calling thread.
void admit_interrupts();

class Alarm {
 public:
  // std::system_error.
  Alarm();
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void ring() { set(1, kAgain_ns); }
  void still() { set(0, 0); }

 private:
  static constexpr long kAgain_ns = 10'000'000;
  void set(long first_ns, long again_ns);

  timer_t timer_{};
};

}  // namespace zyphos

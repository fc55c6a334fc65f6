#include "engine/alarm.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace zyphos {

const int kInterruptSignal = SIGURG;

void interrupt_signal_ready() {
  struct sigaction present{};
  sigaction(kInterruptSignal, nullptr, &present);
  const bool unused = present.sa_handler == SIG_DFL || present.sa_handler == SIG_IGN;
  if (!unused) return;
  struct sigaction wake{};
  wake.sa_handler = [](int) {};
  sigaction(kInterruptSignal, &wake, nullptr);
}

void admit_interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kInterruptSignal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

Alarm::Alarm() {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kInterruptSignal;
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) {
    throw std::system_error(errno, std::generic_category(), "timer_create");
  }
}

Alarm::~Alarm() { timer_delete(timer_); }

void Alarm::set(long first_ns, long again_ns) {
  const itimerspec times{.it_interval = {.tv_sec = 0, .tv_nsec = again_ns},
                         .it_value = {.tv_sec = 0, .tv_nsec = first_ns}};
  timer_settime(timer_, 0, &times, nullptr);
}

}  // namespace zyphos

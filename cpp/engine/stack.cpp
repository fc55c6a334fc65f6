#include "engine/stack.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string_view>

namespace zyphos {
namespace {

// Of the calling thread: about where its stack ends. Exact to what the C library and the outermost
// functions have put at its top.
struct Bounds {
  std::uintptr_t lowest = 0;
  std::size_t stack_bytes = 0;
  Counters* counters = nullptr;
};
thread_local Bounds bounds;
constexpr std::uintptr_t kBelow_bytes = 64 * 1024;  // a large frame may reach beyond the guard
constexpr std::uintptr_t kAbove_bytes = 24 * 1024;

// A line put together where nothing may be allocated.
class Line {
 public:
  void add(std::string_view text) {
    const std::size_t n = std::min(text.size(), sizeof text_ - size_);
    std::memcpy(text_ + size_, text.data(), n);
    size_ += n;
  }
  void add(std::size_t number) {
    char digits[20];
    std::size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number > 0);
    add({digits + at, sizeof digits - at});
  }
  void write() const { [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, text_, size_); }

 private:
  char text_[160];
  std::size_t size_ = 0;
};

// On the signal's stack. Returns to the fault, which then ends the process as it always does.
void on_fault(int signal, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const bool watched = bounds.stack_bytes != 0;
  if (watched && at + kBelow_bytes >= bounds.lowest && at < bounds.lowest + kAbove_bytes) {
    char name[16] = "?";
    pthread_getname_np(pthread_self(), name, sizeof name);
    Line line;
    line.add("zyphos: stack overflow in thread ");
    line.add(std::string_view(name));
    line.add(" (its stack has ");
    line.add(bounds.stack_bytes);
    line.add(" bytes: stack_bytes)\n");
    line.write();
    if (bounds.counters != nullptr) bounds.counters->error(Errc::stack_overflow);
  }
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  sigaction(signal, &usual, nullptr);
}

void install() {
  struct sigaction present{};
  sigaction(SIGSEGV, nullptr, &present);
  const bool unused = (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL;
  if (!unused) return;
  struct sigaction report{};
  report.sa_sigaction = on_fault;
  report.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &report, nullptr);
}

}  // namespace

int start_thread(pthread_t& thread, std::size_t stack_bytes, void* (*main)(void*), void* argument) {
  const auto least = static_cast<std::size_t>(std::max(::sysconf(_SC_THREAD_STACK_MIN), 0L));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::max(stack_bytes, least));
  const int error = pthread_create(&thread, &attributes, main, argument);
  pthread_attr_destroy(&attributes);
  return error;
}

void report_stack_overflows() {
  static std::once_flag once;
  std::call_once(once, install);
}

WatchedStack::WatchedStack(std::size_t stack_bytes, Counters* counters) {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  bounds = {.lowest = here - stack_bytes, .stack_bytes = stack_bytes, .counters = counters};
  // A sanitizer's own handler has its own stack for it.
  struct sigaction present{};
  sigaction(SIGSEGV, nullptr, &present);
  if (present.sa_sigaction != on_fault) return;
  stack_t own{.ss_sp = signal_stack_, .ss_flags = 0, .ss_size = sizeof signal_stack_};
  sigaltstack(&own, nullptr);
}

WatchedStack::~WatchedStack() { bounds = {}; }

}  // namespace zyphos

#include "net/cpu.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

#include "net/fd.h"

namespace zyphos {

void pin_thread(int cpu) { pin_thread(std::span(&cpu, 1)); }

void pin_thread(std::span<const int> cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string names;
  bool valid = true;
  for (const int cpu : cpus) {
    names += ' ' + std::to_string(cpu);
    valid = valid && cpu >= 0 && cpu < CPU_SETSIZE;
    if (valid) CPU_SET(cpu, &set);
  }
  if (!valid || sched_setaffinity(0, sizeof set, &set) != 0) {
    throw std::system_error(valid ? errno : EINVAL, std::generic_category(),
                            "cannot run on cpu" + names);
  }
}

void name_thread(const std::string& name) {
  constexpr std::size_t kNameBytes = 15;  // TASK_COMM_LEN with its end
  pthread_setname_np(pthread_self(), name.substr(0, kNameBytes).c_str());
}

std::optional<std::int64_t> thread_run_delay_ns() {
  const Fd file(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size <= 0) return {};
  // Time on a CPU, time that it waited for one, and how often.
  std::string_view rest(text.data(), static_cast<std::size_t>(size));
  rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
  std::int64_t delay_ns = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), delay_ns);
  if (read.ec != std::errc{}) return {};
  return delay_ns;
}

}  // namespace zyphos

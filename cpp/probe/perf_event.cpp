#include "probe/perf_event.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace zyphos {
namespace {

struct Kind {
  std::string_view name;
  std::uint32_t type;
  std::uint64_t config;
};

constexpr Kind kKinds[] = {
    {"task_clock_ns", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"context_switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu_migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"page_faults_minor", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"page_faults_major", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
};

int open_event(const Kind& kind, pid_t thread) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = kind.type;
  attributes.config = kind.config;
  attributes.inherit = 1;
  attributes.exclude_hv = 1;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  return static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

std::string paranoid() {
  std::ifstream file("/proc/sys/kernel/perf_event_paranoid");
  std::string value;
  return file >> value ? value : "unknown";
}

std::string refusal(const Kind& kind, int error) {
  const std::string number = " (errno " + std::to_string(error) + ")";
  if (kind.type == PERF_TYPE_HARDWARE && (error == ENOENT || error == EOPNOTSUPP))
    return std::string("no PMU: ") + (error == ENOENT ? "ENOENT" : "EOPNOTSUPP") +
           " from perf_event_open; a virtual machine needs a vPMU from its host";
  if (error == EACCES || error == EPERM)
    return "perf_event_open: " + std::generic_category().message(error) + number +
           ", perf_event_paranoid is " + paranoid() +
           "; run as root, or: sudo sysctl -w kernel.perf_event_paranoid=1";
  if (error == EMFILE)
    return "perf_event_open: too many threads for the descriptor limit" + number +
           "; raise it: ulimit -n 65536";
  return "perf_event_open: " + std::generic_category().message(error) + number;
}

std::string comm_of(const std::string& folder) {
  std::ifstream file(folder + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

std::vector<PerfThread> threads_of(pid_t process) {
  std::vector<PerfThread> threads;
  std::error_code gone;  // a process that has ended has no threads
  const auto folder = "/proc/" + std::to_string(process) + "/task";
  for (const auto& entry : std::filesystem::directory_iterator(folder, gone)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), thread).ec == std::errc{})
      threads.push_back({process, thread, comm_of(entry.path())});
  }
  std::ranges::sort(threads, {}, &PerfThread::thread);
  return threads;
}

}  // namespace

PerfCounters::PerfCounters(std::span<const pid_t> processes) {
  for (const auto& kind : kKinds)
    events_.push_back({kind.name, kind.type == PERF_TYPE_HARDWARE, {}, {}});
  // One listing, no second one: a thread made meanwhile inherits from its maker if that was open,
  // and opening it once more would count it twice.
  for (const pid_t process : processes)
    for (auto& thread : threads_of(process)) threads_.push_back(std::move(thread));
  for (const auto& thread : threads_) open(thread);
  for (auto& event : events_) {
    const bool none = std::ranges::all_of(event.fds, [](int fd) { return fd < 0; });
    if (none && event.reason.empty()) event.reason = "no thread left to count";
  }
}

PerfCounters::~PerfCounters() {
  for (const auto& event : events_)
    for (const int fd : event.fds)
      if (fd >= 0) close(fd);
}

void PerfCounters::open(const PerfThread& thread) {
  for (std::size_t index = 0; index < events_.size(); ++index) {
    auto& event = events_[index];
    if (!event.reason.empty()) continue;
    const int fd = open_event(kKinds[index], thread.thread);
    if (fd < 0 && errno != ESRCH)  // ESRCH: the thread ended between listing and opening
      event.reason = refusal(kKinds[index], errno);
    event.fds.push_back(fd);
  }
}

std::optional<PerfReading> PerfCounters::read(const PerfEvent& event, std::size_t thread) const {
  const int fd = event.fds[thread];
  if (fd < 0) return std::nullopt;
  PerfReading one;
  if (::read(fd, &one, sizeof one) != sizeof one)
    throw std::system_error(errno, std::system_category(), "read a perf event");
  return one;
}

PerfReading PerfCounters::read(const PerfEvent& event) const {
  PerfReading sum;
  for (std::size_t thread = 0; thread < event.fds.size(); ++thread) {
    const auto one = read(event, thread).value_or(PerfReading{});
    sum.value += one.value;
    sum.enabled_ns += one.enabled_ns;
    sum.running_ns += one.running_ns;
  }
  return sum;
}

}  // namespace zyphos

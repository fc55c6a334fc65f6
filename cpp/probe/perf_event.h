// Kernel and hardware event counts of whole processes, thread by thread, over perf_event_open(2).
//
// Counts every thread that exists when it is opened, and by inheritance, on its maker's account,
// every thread and child process that those make later, whether or not they still live when it is
// read. Knows no windows:
// the caller subtracts two readings.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zyphos {

// One event's figures. `running_ns` < `enabled_ns` where the hardware had to be shared
// (multiplexing); then `value` is what was seen, and the whole is about value * enabled / running.
struct PerfReading {
  std::uint64_t value = 0;
  std::uint64_t enabled_ns = 0;
  std::uint64_t running_ns = 0;
};

// One event's name, and its descriptors or the reason why there are none.
struct PerfEvent {
  std::string_view name;  // "context_switches", as in the record's columns
  bool hardware = false;
  std::string reason;    // empty where the event counts
  std::vector<int> fds;  // by thread, as in threads(); -1: it had ended
};

// A thread that was there at the opening; `name` is its comm, '' where it had ended.
struct PerfThread {
  pid_t process = 0;
  pid_t thread = 0;
  std::string name;
};

class PerfCounters {
 public:
  // Opens every event on every thread of `processes` (thread-group ids) and counts from now on.
  // An event that the machine refuses carries its reason; the others count. Never excludes the
  // kernel: that would silently zero context switches. Costs one descriptor per event and thread.
  // A thread made meanwhile by a thread not yet opened is missed: open when the target is at rest.
  explicit PerfCounters(std::span<const pid_t> processes);
  PerfCounters(const PerfCounters&) = delete;
  PerfCounters& operator=(const PerfCounters&) = delete;
  ~PerfCounters();

  std::span<const PerfEvent> events() const { return events_; }
  // Process by process as they were named, in each in the order of thread ids.
  std::span<const PerfThread> threads() const { return threads_; }
  // One event of threads()[thread], by a read(2); null where it had ended at the opening.
  // Precondition: the event's reason is empty. Throws std::system_error. Not thread-safe.
  std::optional<PerfReading> read(const PerfEvent& event, std::size_t thread) const;
  // The same over all threads.
  PerfReading read(const PerfEvent& event) const;

 private:
  void open(const PerfThread& thread);

  std::vector<PerfThread> threads_;
  std::vector<PerfEvent> events_;
};

}  // namespace zyphos

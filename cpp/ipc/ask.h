// The asking side: sends messages through a warm-up and a measured window, and says what came of
// them. One thread. Order of calls: try_out(), start(), then converse() or stream().
//
// What is reported of a conversation is as the load generator's (load/result.h), a message being a
// request that is due when it is sent and done when its answer is there. A message of a stream is
// done when the channel has taken it, which is as fast as the other side takes them out: it has no
// latency, and the report says why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/counters.h"
#include "ipc/meeting.h"
#include "load/result.h"
#include "load/window.h"

namespace zyphos::ipc {

// A window of a stream.
struct StreamResult {
  std::int64_t window_ns = 0;
  std::int64_t interval_ns = 0;
  std::vector<std::uint64_t> intervals;  // messages of each
  std::uint64_t message_bytes = 0;
  std::uint64_t wrong = 0;  // in the whole run: lost, doubled or torn
  std::int64_t client_cpu_ns = 0;
  std::optional<std::int64_t> client_threads_run_delay_ns;

  std::uint64_t messages() const;  // of the window
};

// As to_json(LoadResult).
std::string to_json(const StreamResult& result);

class Ask {
 public:
  // All outlive it.
  Ask(const AskOptions& options, const Met& met, Counters& counters);

  // One message there and, in a conversation, back: what cannot be done fails here.
  // std::system_error.
  void try_out();
  // The window, which begins 25 ms from now at the earliest.
  Window start();
  LoadResult converse();
  StreamResult stream();

 private:
  // What the thread has used, at an edge of the window.
  struct Used {
    std::int64_t cpu_ns;
    std::optional<std::int64_t> run_delay_ns;
  };

  void send();
  bool answered();
  void one();
  Time some();
  // The other side's totals, after the last message.
  Totals end();
  static Used used();
  static std::optional<std::int64_t> run_delay_ns(const Used& before, const Used& after);

  AskOptions options_;
  const Met& met_;
  Counters& counters_;
  std::vector<std::byte> message_;
  std::uint64_t sent_ = 0;
  Window window_{};
  Recorder recorder_;
  InFlight in_flight_;
};

}  // namespace zyphos::ipc

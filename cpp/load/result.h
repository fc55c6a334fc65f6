// The result of a load run, whole and as JSON. Names are those of records and columns.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "load/in_flight.h"
#include "load/recorder.h"
#include "metrics/histogram.h"

namespace zyphos {

struct LoadResult {
  std::int64_t window_ns = 0;  // what was measured; shorter than asked when interrupted
  std::size_t connections = 0;
  unsigned client_threads = 0;
  std::int64_t client_cpu_ns = 0;  // the threads' CPU within the window
  // Of the threads' time within the window: turns without sleep in which there was nothing to do.
  std::int64_t client_threads_spin_ns = 0;
  // Time that the threads waited for a CPU within the window; empty where the kernel does not say.
  std::optional<std::int64_t> client_threads_run_delay_ns;
  std::uint64_t bytes_out = 0;  // within the window
  std::uint64_t bytes_in = 0;
  std::uint64_t reconnects = 0;                               // in the whole run
  std::array<std::uint64_t, kErrcCount> connection_errors{};  // in the whole run
  std::optional<double> rate_asked_per_second;
  std::optional<double> arrivals_ks;
  std::optional<double> arrivals_ks_resolved;  // beyond what a send takes (fit.h)
  std::uint64_t arrivals_observed = 0;         // what arrivals_ks is of
  // Of one of several processes, in place of the distances, which are of all: Fit's observations.
  std::vector<std::uint64_t> arrivals_seen{};
  bool interrupted = false;
  bool kernel_timestamps = false;  // were asked for
  InFlight in_flight;
  Recorder recorder{0, 0};
  std::vector<std::pair<std::string, Histogram>> phases{};  // parts of a request, by name

  // Good answers within the window, whenever scheduled; empty when nothing was measured.
  std::optional<double> requests_per_second() const;
  // Sent within the window over scheduled within it; empty for the closed law.
  std::optional<double> rate_ratio() const;
  // Times that lie beyond the histograms' range (3600 s): counted in their last bucket.
  std::uint64_t beyond_range() const;
};

// One line: {"event":"result",...}; histograms as base64 of HdrHistogram V2 compressed.
std::string to_json(const LoadResult& result);
std::string connected_json(std::size_t connections, Time now);
std::string window_json(Window window);
std::string error_json(std::string_view errc, std::string_view message);

}  // namespace zyphos

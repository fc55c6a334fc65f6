// Run: fetches one after the other, through a warm-up and a measured window, each with a deadline
// from its start. One thread, as a person has one page before them.
//
// Order of calls: try_out(), start(), finish(). What is reported is as the load generator's
// (load/result.h), a fetch being a request that is due when it begins, with a histogram of each of
// its phases besides.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/counters.h"
#include "fetch/fetcher.h"
#include "fetch/options.h"
#include "fetch/waiter.h"
#include "load/result.h"
#include "load/window.h"
#include "metrics/histogram.h"

namespace zyphos::fetch {

class Run {
 public:
  // As Fetcher.
  Run(const FetchOptions& options, Waiter& waiter, Counters& counters);

  // A fetch that is not measured: what it meets would spoil every other.
  Errc try_out();
  // The window, which begins 20 ms from now at the earliest.
  Window start();
  // Fetches until the window ends, or until it is told to stop; what is under way then is waited
  // for until its deadline.
  LoadResult finish();

 private:
  // What the thread has used, at an edge of the window.
  struct Used {
    std::int64_t cpu_ns;
    std::optional<std::int64_t> run_delay_ns;
    std::uint64_t bytes_in;
    std::uint64_t bytes_out;
  };

  void one();
  void record(const Fetched& fetched);
  Used used() const;
  LoadResult result(const Used& before, const Used& after);

  FetchOptions options_;
  Waiter& waiter_;
  Counters& counters_;
  Fetcher fetcher_;
  Window window_{};
  Recorder recorder_;
  InFlight in_flight_;
  std::array<Histogram, kPhases.size()> phases_;
};

}  // namespace zyphos::fetch

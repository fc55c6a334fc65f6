// Worker: one thread of the generator, the smallest honest loop around epoll (edge-triggered): one
// recv and one send for each answer and request, events in batches. It sleeps until shortly before
// the next scheduled send and polls the rest of the way; it never uses millisecond timers.
//
// Order of calls: dial() on its thread; when it has returned, run() on the same thread; then the
// results may be read from any. interrupt() from any thread at any time. Allocates nothing between
// window edges while connections last.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/random.h"
#include "load/channel.h"
#include "load/clients.h"
#include "load/fit.h"
#include "load/flights.h"
#include "load/in_flight.h"
#include "load/mix.h"
#include "load/options.h"
#include "load/recorder.h"
#include "load/source.h"
#include "memory/block_pool.h"
#include "net/fd.h"
#include "net/flush.h"

struct epoll_event;

namespace zyphos {

// What a worker saw of itself and of its connections.
struct WorkerHealth {
  std::int64_t cpu_ns = 0;                   // within the window
  std::int64_t spin_ns = 0;                  // as well: turns without sleep that did nothing
  std::optional<std::int64_t> run_delay_ns;  // as well; empty where the kernel does not say
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t reconnects = 0;                               // in the whole run
  std::array<std::uint64_t, kErrcCount> connection_errors{};  // in the whole run
};

class Worker final : private Dialer {
 public:
  // `thread` < threads_of_load(options); clients and counters outlive the worker.
  Worker(const LoadOptions& options, const Clients& clients, Counters& counters, unsigned thread,
         const Random& random);
  ~Worker() override;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Connects; returns when each attempt has succeeded or failed: how many are open. A pool dials
  // later: none.
  std::size_t dial();
  // Of the last attempt that failed.
  Errc dial_error() const { return dial_error_; }
  // Requests from `start` on, the window, the drain.
  void run(Time start, Window window);
  // Ends dial() or run() soon; what is under way is censored.
  void interrupt();

  const Recorder& recorder() const { return recorder_; }
  const Fit& fit() const { return fit_; }
  const InFlight& in_flight() const { return in_flight_; }
  const WorkerHealth& health() const { return health_; }

 private:
  static constexpr std::size_t kReceive_bytes = 64 * 1024;

  static std::size_t receive_bytes(const LoadOptions& options);

  // worker.cpp: the loop
  void look_after(Time now);
  void cross_edges(Time now);
  bool finished(Time now) const;
  std::int64_t sleep_ns(Time now) const;
  bool wait(Time now);
  void handle(const epoll_event& event);
  std::uint32_t look_at_error(const epoll_event& event);
  void timers(Time now);
  void time_out_sent(Time now);
  void settle_accounts(Time end);

  // worker_io.cpp: one connection
  void dial(std::uint32_t number, Time now);
  // Empty: whichever the kernel takes.
  std::optional<Address> source_address(std::uint32_t number) const;
  void dial_again(std::uint32_t number, Time now);
  void established(std::uint32_t number, Time now);
  void dial_failed(std::uint32_t number, Errc error, Time now);
  void receive_all(std::uint32_t number);
  Received receive_some(Channel& channel);
  void record_wire(const Channel& channel, Time scheduled);
  void collect(std::uint32_t number, Time now);
  void submit_due(Time now);
  bool submit(const Ticket& ticket);
  void turn_down(std::uint32_t number, Time now);
  bool obey(Time now);
  void check(std::uint32_t number, Time now);
  void mark(std::uint32_t number);
  void flush_marked();
  void pump_and_send(std::uint32_t number);
  void stamp(Channel& channel);
  void follow_up(std::uint32_t number);
  bool used_up(const Channel& channel) const;
  bool reads(const Channel& channel) const;
  void take_in(Channel& channel, const Received& received, Time now);
  bool may_read(const Channel& channel) const;
  void slow_down(Channel& channel, std::size_t bytes, Time now) const;
  void end(std::uint32_t number, Errc error, Time now);
  void fail_flights(std::uint32_t number, Errc error, Time now);
  void watch(std::uint32_t number);
  // Nothing that the generator speaks dials further: such a connection is lost at once.
  void dial(const Address& address, std::unique_ptr<Connection> connection) override;

  LoadOptions options_;
  const Clients& clients_;
  Counters& counters_;
  Random random_;
  Address address_;
  std::int64_t spin_ns_;
  std::size_t receive_bytes_;  // of one receive
  Fd epoll_;
  Fd wake_;
  std::atomic<bool> interrupted_ = false;
  const std::atomic<bool> draining_ = false;
  BlockPool pool_;
  Driver driver_;
  std::unique_ptr<std::byte[]> buffer_;
  std::vector<Channel> channels_;
  std::vector<std::uint32_t> marked_;
  std::size_t dialing_ = 0;
  Time now_{};                  // as the clock was read last
  Time timer_ = Time::never();  // not later than any channel's due
  Flights flights_;
  std::unique_ptr<Source> source_;
  Mix mix_;
  Recorder recorder_;
  Fit fit_;
  InFlight in_flight_;
  Window window_{Time::never(), Time::never()};
  bool window_entered_ = false;
  bool window_left_ = false;
  std::size_t cohort_ = 0;  // flights scheduled within the window
  Time last_scheduled_{};   // the latest of all that were submitted
  Errc dial_error_ = Errc::connect_failed;
  WorkerHealth health_;
};

}  // namespace zyphos

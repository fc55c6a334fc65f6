// Socket queues at a fixed interval: a thread that asks sock_diag again and again, and folds what
// it sees into one sample per moment, by side. TIME_WAIT is left out: there may be ten thousands.
//
// Knows no windows: the caller picks the samples whose times lie within. Thread safety: all public
// calls may come from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "probe/sock_diag.h"

namespace zyphos {

// All sockets of one side at one moment. A socket whose local port is the server's is the server's.
struct SideSample {
  std::uint64_t sockets = 0;  // all but listeners
  std::uint64_t receive_queue_bytes = 0, receive_queue_bytes_of_one = 0;
  std::uint64_t send_queue_bytes = 0, send_queue_bytes_of_one = 0;  // of_one: the fullest socket
  std::uint64_t memory_bytes = 0;
  std::uint64_t listen_queue = 0, listen_queue_limit = 0;  // over all listeners of the port
  // How many of `sockets` are in each state; syn_recv: handshakes that have only begun, too.
  std::uint64_t established = 0, syn_sent = 0, syn_recv = 0, fin_wait1 = 0, fin_wait2 = 0,
                close_wait = 0, last_ack = 0, closing = 0;
};

struct SocketSample {
  std::int64_t time_ns = 0;  // CLOCK_MONOTONIC, when it had been taken
  std::int64_t cpu_ns = 0;   // CPU that the sampling thread had used by then
  SideSample server, client;
};

class SocketSampler {
 public:
  // Starts the thread; `netns` as of SockDiag, each namespace once. An interval is stretched so
  // that the sampling takes at most 2 % of a CPU. Throws std::system_error where a namespace or
  // sock_diag is refused.
  SocketSampler(const std::vector<std::string>& netns, std::uint16_t port,
                std::int64_t interval_ns);
  SocketSampler(const SocketSampler&) = delete;
  SocketSampler& operator=(const SocketSampler&) = delete;
  ~SocketSampler();

  // Ends the thread; samples stay. Safe to repeat.
  void stop();
  // Everything taken so far, by time. Copies.
  std::vector<SocketSample> samples() const;
  // Why it ended by itself ("" while it has not): the system error's text.
  std::string reason() const;

 private:
  void run();
  SocketSample take();
  void add(const SocketQueues& socket, SocketSample& sample) const;

  std::vector<std::unique_ptr<SockDiag>> diags_;  // the thread's alone once it runs
  std::uint16_t port_;
  std::int64_t interval_ns_;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::string reason_;
  std::vector<SocketSample> samples_;
  std::thread thread_;
};

}  // namespace zyphos

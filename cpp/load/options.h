// What the load generator is told. Names are those of the command line (cpp/tool/load_words.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "load/pool.h"
#include "load/trace.h"
#include "net/options.h"
#include "net/send_call.h"

namespace zyphos {

enum class Law : std::uint8_t {
  closed,       // each user waits for its answer, thinks, and asks again
  constant,     // equal distances, whatever the server does
  poisson,      // independent exponential distances, whatever the server does
  on_off,       // constant while on, nothing while off; a cycle begins with the window
  ramp,         // a rate that grows or falls evenly over the window
  trace,        // as a file says
  partly_open,  // sessions come as poisson; within one, requests as closed
};

struct ArrivalOptions {
  Law law = Law::closed;
  // constant, poisson, on_off: mean rate of requests, partly_open of sessions; of all threads.
  double rate_per_second = 0.0;
  std::int64_t think_ns = 0;     // closed, partly_open: from an answer to the same user's next
  std::int64_t on_ns = 0;        // on_off
  std::int64_t off_ns = 0;       // on_off
  double from_per_second = 0.0;  // ramp: in the warm-up and at the window's start
  double to_per_second = 0.0;    // ramp: at the window's end
  double requests_mean = 0.0;    // partly_open: of a session; 1 or more
  std::int64_t period_ns = 0;    // trace: it repeats after so long; 0: see Trace
  std::shared_ptr<const Trace> trace{};
};

// Of requests, all threads together, over the window; empty for the closed law. `arrival` has no
// complaint.
std::optional<double> mean_rate_per_second(const ArrivalOptions& arrival);

// What a good answer is; any other counts as failed and its time enters no latency.
struct CheckOptions {
  std::optional<std::uint16_t> status;  // empty: any 2xx, where the protocol has a status
  std::optional<std::uint64_t> body_bytes;
  std::optional<std::string> body;

  bool given() const { return status || body_bytes || body; }
};

// http1: one of the requests of a mix. What it does not say, LoadOptions says for all.
struct RequestOptions {
  double weight = 1.0;  // weighted order: how often, against the others'
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  std::size_t body_bytes = 0;
  CheckOptions check{};
};

struct LoadOptions {
  std::string protocol = "http1";  // or "echo"
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::size_t connections = 16;
  // Connections come from 127.0.0.1, 127.0.0.2, ... in turn, so many; 1: as the kernel chooses.
  unsigned addresses = 1;
  // Connections are dialed when a request needs one and kept for the next, `connections` at most.
  // Open laws. connections_max follows from the above, waiting_max is of all threads together.
  bool pooled = false;
  PoolOptions pool;
  unsigned threads = 1;
  // This generator is the `process`-th of so many that are one load: connections, arrivals and the
  // order of a list are those of all together, threads those of each.
  unsigned process = 0;
  unsigned processes = 1;
  std::vector<int> cpus;  // thread i runs on cpus[i % size]; empty: anywhere
  // Requests outstanding on one connection. Closed law without thinking: sent together, and again
  // when all are answered.
  std::size_t pipeline = 1;
  // The load closes a connection itself after so many answers, and dials the next; 0: never.
  std::uint64_t requests_per_connection = 0;

  std::size_t message_bytes = 64;       // echo
  std::string write_pattern = "one";    // echo: one, two, writev, cork
  SendCall send_call = SendCall::send;  // echo, write_pattern one
  std::size_t response_bytes = 0;       // echo; 0: as message_bytes
  std::string method = "GET";           // http1, from here on
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers;  // of all requests
  std::string body;
  std::size_t body_bytes = 0;            // a body of so many bytes, where `body` is empty
  std::vector<RequestOptions> requests;  // in place of method, path, body; empty: just one
  bool in_order = false;                 // the list from its start to its end, again and again

  ArrivalOptions arrival;
  CheckOptions check;  // of all requests that have none of their own
  std::int64_t warmup_ns = 100 * kMillisecond_ns;
  std::int64_t window_ns = kSecond_ns;
  std::int64_t interval_ns = 0;                      // 0: the whole window is one interval
  std::int64_t deadline_ns = 10 * kSecond_ns;        // from the schedule; also bounds the drain
  std::int64_t wire_timeout_ns = 0;                  // from the send; 0: none
  std::int64_t connect_timeout_ns = 5 * kSecond_ns;  // of each attempt
  // How long before a scheduled send a thread stops sleeping and polls. Empty: 50 us where `cpus`
  // are given, else 0; of several processes only where each of their threads has a CPU.
  std::optional<std::int64_t> spin_ns;
  // While answers are awaited a thread polls and does not sleep: no waking up is in the times, and
  // its CPU is full. For threads with a CPU of their own.
  bool poll = false;
  // Bits per second that one connection reads at most, in pieces of about 1 ms; 0: as they come.
  std::uint64_t read_bits_per_second = 0;
  std::uint64_t seed = 1;
  // wire_ns: each request's time between the kernel's own timestamps. One request at a time only.
  bool kernel_timestamps = false;
  SocketOptions socket;
};

// Of the whole load, over its processes.
inline unsigned threads_of_load(const LoadOptions& options) {
  return options.threads * options.processes;
}
// Among them, that of the first thread here.
inline unsigned first_thread(const LoadOptions& options) {
  return options.threads * options.process;
}

// Of so many, those of one thread.
inline std::size_t share(std::size_t all, unsigned thread, unsigned threads) {
  return all / threads + (thread < all % threads ? 1 : 0);
}

// Empty: fine. Else one line, what does not go together.
std::string complaint(const LoadOptions& options);

// "closed", "constant", "poisson", "on-off", "ramp", "trace", "partly-open"; empty: none of them.
std::optional<Law> law_named(const std::string& name);

}  // namespace zyphos

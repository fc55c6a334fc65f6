#include "tool/load_words.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

namespace zyphos {
namespace {

// header.NAME=VALUE, or header.0=NAME: VALUE where a name is to be given twice.
Words::Result add_header(std::vector<std::pair<std::string, std::string>>& headers,
                         std::string_view name, std::string_view value) {
  const bool numbered = std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); });
  if (numbered) {
    const std::size_t colon = value.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return std::unexpected("must be 'Name: value'");
    }
    name = value.substr(0, colon);
    value.remove_prefix(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  }
  if (value.find_first_of("\r\n") != std::string_view::npos) {
    return std::unexpected("must be one line");
  }
  headers.emplace_back(name, value);
  return {};
}

// Of the one request, or of one of a list.
template <typename Options>
void http_words(Words& words, Options& request) {
  words.text("method", "http1: request method", request.method);
  words.text("path", "http1: request target", request.path);
  words.text("body", "http1: request body", request.body);
  words.number("body_bytes", "http1: a request body of so many bytes", request.body_bytes,
               std::size_t{0});
  words.add_family("header.", "http1: a header field",
                   [&request](std::string_view name, std::string_view value) {
                     return add_header(request.headers, name, value);
                   });
  words.number("check.status", "the only good status; else any 2xx", request.check.status,
               std::uint16_t{100});
  words.number("check.body_bytes", "the only good size of a body", request.check.body_bytes,
               std::uint64_t{0});
  words.add("check.body", "the only good body",
            [&request](std::string_view value) -> Words::Result {
              request.check.body = std::string(value);
              return {};
            });
}

// request.N.KEY=VALUE, N from 0 on without a gap.
Words::Result set_listed(LoadOptions& load, std::string_view name, std::string_view value) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const auto digits = static_cast<std::size_t>(end - name.data());
  if (error != std::errc{} || digits >= name.size() || name[digits] != '.') {
    return std::unexpected("must be request.NUMBER.KEY=VALUE");
  }
  if (number > load.requests.size()) {
    return std::unexpected("must come after request." + std::to_string(number - 1));
  }
  if (number == load.requests.size()) load.requests.emplace_back();
  Words words;
  words.real("weight", "how often, against the others", load.requests[number].weight, 0.0);
  http_words(words, load.requests[number]);
  return words.apply(name.substr(digits + 1), value);
}

void request_words(Words& words, LoadOptions& load) {
  words.number("message_bytes", "echo: size of a message", load.message_bytes, std::size_t{1});
  words.choice("write_pattern", "echo: one, two, writev, cork", load.write_pattern,
               {"one", "two", "writev", "cork"});
  words.add("send_call", "echo: send, write, writev, sendmsg, zerocopy",
            [&load](std::string_view value) -> Words::Result {
              const auto call = send_call(value);
              if (!call)
                return std::unexpected("must be one of send write writev sendmsg zerocopy");
              load.send_call = *call;
              return {};
            });
  words.number("response_bytes", "echo: size of an answer; 0: as the message", load.response_bytes,
               std::size_t{0});
  http_words(words, load);
  words.add_family("request.", "http1: of a list, request.0.path=/a: the keys above, and weight",
                   [&load](std::string_view name, std::string_view value) {
                     return set_listed(load, name, value);
                   });
  words.add("order", "of the list: weighted, sequential",
            [&load](std::string_view value) -> Words::Result {
              if (value != "weighted" && value != "sequential") {
                return std::unexpected("must be weighted or sequential");
              }
              load.in_order = value == "sequential";
              return {};
            });
}

Words::Result set_order(std::string_view value, PoolOptions& pool) {
  if (value != "lifo" && value != "fifo") return std::unexpected("must be lifo or fifo");
  pool.order = value == "lifo" ? PoolOrder::lifo : PoolOrder::fifo;
  return {};
}

void pool_words(Words& words, LoadOptions& load) {
  words.flag("pool", "connections are dialed when a request needs one, and kept", load.pooled);
  words.number("pool.waiting_max", "requests that may wait for one; beyond they fail",
               load.pool.waiting_max, std::size_t{0});
  words.number("pool.idle_timeout_ns", "an idle connection is closed after so long; 0: never",
               load.pool.idle_timeout_ns, std::int64_t{0});
  words.number("pool.check_after_ns", "idle for so long it is checked before use; default: never",
               load.pool.check_after_ns, std::int64_t{0});
  words.add("pool.order", "lifo, fifo: which idle connection serves next",
            [&load](std::string_view value) { return set_order(value, load.pool); });
}

Words::Result at_least_one(std::string_view value, ArrivalOptions& arrival) {
  double number = 0.0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc{} && end == value.data() + value.size();
  if (!whole || !(number >= 1.0) || number > 1e12) {
    return std::unexpected("must be a number, 1 or more");
  }
  arrival.requests_mean = number;
  return {};
}

void arrival_words(Words& words, ArrivalOptions& arrival) {
  words.add("arrival.law", "closed, constant, poisson, on-off, ramp, trace, partly-open",
            [&arrival](std::string_view value) -> Words::Result {
              const auto law = law_named(std::string(value));
              if (!law) {
                return std::unexpected(
                    "must be one of closed constant poisson on-off ramp trace partly-open");
              }
              arrival.law = *law;
              return {};
            });
  words.real("arrival.rate_per_second",
             "constant, poisson, on-off: mean rate of requests; partly-open: of sessions",
             arrival.rate_per_second, 0.0);
  words.number("arrival.think_ns", "closed, partly-open: from an answer to the next request",
               arrival.think_ns, std::int64_t{0});
  words.number("arrival.on_ns", "on-off: constant arrivals for so long", arrival.on_ns,
               std::int64_t{1});
  words.number("arrival.off_ns", "on-off: then none for so long", arrival.off_ns, std::int64_t{1});
  words.real("arrival.from_per_second", "ramp: rate at the window's start", arrival.from_per_second,
             0.0);
  words.real("arrival.to_per_second", "ramp: rate at its end", arrival.to_per_second, 0.0);
  words.add("arrival.requests_mean", "partly-open: requests of a session, geometric; 1 or more",
            [&arrival](std::string_view value) { return at_least_one(value, arrival); });
  words.add("arrival.file", "trace: one offset a line, whole ns, or seconds with a decimal point",
            [&arrival](std::string_view value) -> Words::Result {
              auto trace = read_trace(std::string(value));
              if (!trace) return std::unexpected(trace.error());
              arrival.trace = std::make_shared<const Trace>(*std::move(trace));
              return {};
            });
  words.number("arrival.period_ns",
               "trace: repeats after so long; else last offset + mean distance", arrival.period_ns,
               std::int64_t{1});
}

void time_words(Words& words, LoadOptions& load) {
  constexpr std::int64_t kNone = 0;
  words.number("warmup_ns", "load before the window", load.warmup_ns, kNone);
  words.number("window_ns", "the measured window", load.window_ns, std::int64_t{1});
  words.number("interval_ns", "latencies per interval; 0: one interval", load.interval_ns, kNone);
  words.number("deadline_ns", "of a request, from its schedule; bounds the drain", load.deadline_ns,
               std::int64_t{1});
  words.number("wire_timeout_ns", "of a request, from its send; 0: none", load.wire_timeout_ns,
               kNone);
  words.number("connect_timeout_ns", "of each attempt to connect", load.connect_timeout_ns,
               std::int64_t{1});
  words.number("spin_ns", "poll so long before a scheduled send; default 50000 with cpus=, else 0",
               load.spin_ns, kNone);
}

}  // namespace

Words load_words(LoadSetting& setting) {
  LoadOptions& load = setting.load;
  Words words;
  words.choice("protocol", "http1, echo", load.protocol, {"http1", "echo"});
  words.text("address", "of the server (IPv4 or IPv6)", load.address);
  words.number("port", "of the server", load.port, std::uint16_t{1});
  words.number("connections", "of all threads together", load.connections, std::size_t{1});
  words.number("addresses", "connections come from 127.0.0.1, 127.0.0.2, ... in turn",
               load.addresses, 1U);
  words.number("threads", "of the generator, or of each of several processes", load.threads, 1U);
  words.list("cpus", "thread i runs on the i-th of these", load.cpus);
  words.number("processes",
               "this is one of so many that share a load; it waits for its window's start on stdin",
               load.processes, 1U);
  words.number("process", "which of them, from 0", load.process, 0U);
  words.number("pipeline", "requests outstanding on one connection", load.pipeline, std::size_t{1});
  words.number("requests_per_connection", "answers after which the load closes; 0: never",
               load.requests_per_connection, std::uint64_t{0});
  pool_words(words, load);
  request_words(words, load);
  arrival_words(words, load.arrival);
  time_words(words, load);
  words.number("seed", "of arrivals", load.seed, std::uint64_t{0});
  words.number("board_fd", "descriptor of a shared board", setting.board_fd, 0);
  words.flag("poll", "never sleep while answers are awaited; wants a CPU of its own", load.poll);
  words.number("read_bits_per_second", "a connection reads no faster; 0: as answers come",
               load.read_bits_per_second, std::uint64_t{0});
  words.flag("kernel_timestamps", "wire_ns: by the kernel's own clock of send and receive",
             load.kernel_timestamps);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  words.flag("hold", "after the result stay, with all connections, until stdin ends", setting.hold);
  words.socket(load.socket, SocketRole::dialing);
  return words;
}

}  // namespace zyphos

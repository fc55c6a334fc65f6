#include "tool/load_words.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>

namespace zyphos {
namespace {

// header.NAME=VALUE, or header.0=NAME: VALUE where a name is to be given twice.
Words::Result add_header(LoadOptions& load, std::string_view name, std::string_view value) {
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
  load.headers.emplace_back(name, value);
  return {};
}

void request_words(Words& words, LoadOptions& load) {
  words.number("message_bytes", "echo: size of a message", load.message_bytes, std::size_t{1});
  words.choice("write_pattern", "echo: one, two, writev, cork", load.write_pattern,
               {"one", "two", "writev", "cork"});
  words.number("response_bytes", "echo: size of an answer; 0: as the message", load.response_bytes,
               std::size_t{0});
  words.text("method", "http1: request method", load.method);
  words.text("path", "http1: request target", load.path);
  words.text("body", "http1: request body", load.body);
  words.number("body_bytes", "http1: a request body of so many bytes", load.body_bytes,
               std::size_t{0});
  words.add_family("header.", "http1: a header field",
                   [&load](std::string_view name, std::string_view value) {
                     return add_header(load, name, value);
                   });
  words.number("check.status", "the only good status; else any 2xx", load.check.status,
               std::uint16_t{100});
  words.number("check.body_bytes", "the only good size of a body", load.check.body_bytes,
               std::uint64_t{0});
  words.add("check.body", "the only good body", [&load](std::string_view value) -> Words::Result {
    load.check.body = std::string(value);
    return {};
  });
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
  words.number("threads", "of the generator", load.threads, 1U);
  words.list("cpus", "thread i runs on the i-th of these", load.cpus);
  words.number("pipeline", "requests outstanding on one connection", load.pipeline, std::size_t{1});
  request_words(words, load);
  arrival_words(words, load.arrival);
  time_words(words, load);
  words.number("seed", "of arrivals", load.seed, std::uint64_t{0});
  words.number("board_fd", "descriptor of a shared board", setting.board_fd, 0);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  words.flag("hold", "after the result stay, with all connections, until stdin ends", setting.hold);
  words.socket(load.socket);
  return words;
}

}  // namespace zyphos

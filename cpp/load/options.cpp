#include "load/options.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/address.h"
#include "protocol/echo/client.h"

namespace zyphos {
namespace {

// More intervals than any plot shows; each has a histogram per thread.
constexpr std::int64_t kIntervals_max = 10'000;

// In the order of Law.
constexpr std::array<std::string_view, 7> kLaws{"closed", "constant", "poisson",    "on-off",
                                                "ramp",   "trace",    "partly-open"};

// A part of the arrival law: its word, and whether it was given.
struct Part {
  std::string_view word;
  bool given;
};

// What a law must have and what it may have besides, by their places in parts().
struct Needs {
  Law law;
  std::vector<std::size_t> must;
  std::vector<std::size_t> may;
};

enum : std::size_t { kRate, kThink, kOn, kOff, kFrom, kTo, kRequests, kPeriod, kFile };

std::array<Part, 9> parts(const ArrivalOptions& arrival) {
  return {Part{"rate_per_second", arrival.rate_per_second != 0.0},
          {"think_ns", arrival.think_ns != 0},
          {"on_ns", arrival.on_ns != 0},
          {"off_ns", arrival.off_ns != 0},
          {"from_per_second", arrival.from_per_second != 0.0},
          {"to_per_second", arrival.to_per_second != 0.0},
          {"requests_mean", arrival.requests_mean != 0.0},
          {"period_ns", arrival.period_ns != 0},
          {"file", arrival.trace != nullptr}};
}

const Needs& needs(Law law) {
  static const std::array<Needs, kLaws.size()> all{
      Needs{Law::closed, {}, {kThink}},
      {Law::constant, {kRate}, {}},
      {Law::poisson, {kRate}, {}},
      {Law::on_off, {kRate, kOn, kOff}, {}},
      {Law::ramp, {kFrom, kTo}, {}},
      {Law::trace, {kFile}, {kPeriod}},
      {Law::partly_open, {kRate, kRequests}, {kThink}}};
  return all[static_cast<std::size_t>(law)];
}

std::string trace_complaint(const ArrivalOptions& arrival) {
  if (arrival.law != Law::trace) return "";
  if (arrival.period_ns == 0 && arrival.trace->natural_period_ns() == 0) {
    return "a trace whose arrivals are all at one time needs arrival.period_ns";
  }
  if (arrival.period_ns != 0 && arrival.period_ns <= arrival.trace->offsets_ns.back()) {
    return "arrival.period_ns must be longer than the trace's last offset, " +
           std::to_string(arrival.trace->offsets_ns.back());
  }
  return "";
}

std::string arrival_complaint(const ArrivalOptions& arrival) {
  const std::string law(kLaws[static_cast<std::size_t>(arrival.law)]);
  const Needs& wanted = needs(arrival.law);
  const auto all = parts(arrival);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string word = "arrival." + std::string(all[i].word);
    const bool must = std::ranges::find(wanted.must, i) != wanted.must.end();
    const bool may = must || std::ranges::find(wanted.may, i) != wanted.may.end();
    if (must && !all[i].given) return "arrival.law=" + law + " needs " + word;
    if (!may && all[i].given) return "arrival.law=" + law + " has no " + word;
  }
  return trace_complaint(arrival);
}

std::string echo_complaint(const LoadOptions& options) {
  if (!echo::write_pattern(options.write_pattern)) {
    return "write_pattern must be one of one two writev cork";
  }
  if (options.send_call != SendCall::send && options.write_pattern != "one") {
    return "send_call is that of write_pattern=one";
  }
  if (options.check.status || options.check.body || options.check.body_bytes) {
    return "protocol=echo checks every byte itself: check.* belongs to protocol=http1";
  }
  if (!options.body.empty() || options.body_bytes != 0 || !options.headers.empty()) {
    return "body and header belong to protocol=http1";
  }
  return "";
}

// Whether something is said of the one request that there is without a list.
bool single_given(const LoadOptions& options) {
  const LoadOptions plain;
  return options.method != plain.method || options.path != plain.path || !options.body.empty() ||
         options.body_bytes != 0;
}

std::string list_complaint(const LoadOptions& options) {
  if (options.requests.empty()) {
    return options.in_order ? "order=sequential needs a list of requests: request.0.path=/" : "";
  }
  if (options.protocol != "http1") return "request.* belongs to protocol=http1";
  if (single_given(options)) {
    return "method, path, body and body_bytes stand in request.* where there is one";
  }
  const auto both = [](const RequestOptions& one) {
    return !one.body.empty() && one.body_bytes != 0;
  };
  const auto wrong = std::ranges::find_if(options.requests, both);
  if (wrong == options.requests.end()) return "";
  return "request." + std::to_string(wrong - options.requests.begin()) +
         ": body and body_bytes exclude each other";
}

std::string request_complaint(const LoadOptions& options) {
  if (!options.body.empty() && options.body_bytes != 0) {
    return "body and body_bytes exclude each other";
  }
  if (const std::string text = list_complaint(options); !text.empty()) return text;
  if (options.protocol == "echo") return echo_complaint(options);
  return options.send_call == SendCall::send ? "" : "send_call belongs to protocol=echo";
}

// What one connection cannot do at once.
std::string connection_complaint(const LoadOptions& options) {
  if (options.kernel_timestamps && options.pipeline != 1) {
    return "kernel_timestamps needs pipeline=1: a stamp is of one request";
  }
  if (options.kernel_timestamps && options.send_call == SendCall::zerocopy) {
    return "kernel_timestamps and send_call=zerocopy read the same queue: one of them";
  }
  if (options.requests_per_connection > 0 && options.pipeline != 1) {
    return "requests_per_connection needs pipeline=1: nothing may be under way at the close";
  }
  return "";
}

std::string pool_complaint(const LoadOptions& options) {
  if (!options.pooled) return "";
  if (options.arrival.law == Law::closed || options.arrival.law == Law::partly_open) {
    const std::string law(kLaws[static_cast<std::size_t>(options.arrival.law)]);
    return "pool needs arrivals that wait for nobody, not arrival.law=" + law;
  }
  if (options.pipeline != 1) return "pool needs pipeline=1: a connection serves one at a time";
  return "";
}

// Every address of 127.0.0.0/8 is this machine's; ::1 has no such neighbours.
std::string addresses_complaint(const LoadOptions& options, const Address& server) {
  constexpr unsigned kAddresses_max = 250;
  if (options.addresses == 1) return "";
  if (options.addresses > kAddresses_max) return "addresses must be at most 250";
  if (server.family != Address::Family::ipv4 || server.host[0] != 127) {
    return "addresses are those of 127.0.0.0/8: address=" + options.address + " is outside";
  }
  return "";
}

std::string processes_complaint(const LoadOptions& options) {
  constexpr unsigned kProcesses_max = 250;
  if (options.processes > kProcesses_max) return "processes must be at most 250";
  if (options.process >= options.processes) {
    return "process must be below processes=" + std::to_string(options.processes);
  }
  // In all, which fits: threads are of each process.
  const std::uint64_t threads = std::uint64_t{options.threads} * options.processes;
  if (options.connections >= threads) return "";
  if (options.processes == 1) return "connections must be at least threads";
  return "connections must be at least threads, of all processes together: " +
         std::to_string(threads);
}

}  // namespace

std::optional<Law> law_named(const std::string& name) {
  for (std::size_t i = 0; i < kLaws.size(); ++i) {
    if (name == kLaws[i]) return static_cast<Law>(i);
  }
  return {};
}

std::optional<double> mean_rate_per_second(const ArrivalOptions& arrival) {
  switch (arrival.law) {
    case Law::closed: return {};
    case Law::ramp: return (arrival.from_per_second + arrival.to_per_second) / 2;
    case Law::partly_open: return arrival.rate_per_second * arrival.requests_mean;
    case Law::trace: {
      const std::int64_t period_ns =
          arrival.period_ns > 0 ? arrival.period_ns : arrival.trace->natural_period_ns();
      return 1e9 * static_cast<double>(arrival.trace->offsets_ns.size()) /
             static_cast<double>(period_ns);
    }
    default: return arrival.rate_per_second;
  }
}

std::string complaint(const LoadOptions& options) {
  if (options.port == 0) return "port= is needed";
  const auto server = Address::parse(options.address, options.port);
  if (!server) return "address: " + server.error();
  if (const std::string text = addresses_complaint(options, *server); !text.empty()) return text;
  if (const std::string text = processes_complaint(options); !text.empty()) return text;
  if (options.interval_ns > 0 && options.window_ns / options.interval_ns > kIntervals_max) {
    return "interval_ns is too short: at most 10000 intervals in a window";
  }
  if (const std::string text = connection_complaint(options); !text.empty()) return text;
  if (const std::string text = pool_complaint(options); !text.empty()) return text;
  if (const std::string text = arrival_complaint(options.arrival); !text.empty()) return text;
  return request_complaint(options);
}

}  // namespace zyphos

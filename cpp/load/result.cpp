#include "load/result.h"

#include "base/json.h"

namespace zyphos {
namespace {

void put_errors(JsonLine& json, std::string_view key,
                const std::array<std::uint64_t, kErrcCount>& errors) {
  json.begin(key, '{');
  for (std::size_t i = 0; i < kErrcCount; ++i) {
    if (errors[i] != 0) json.number(errc_name(static_cast<Errc>(i)), errors[i]);
  }
  json.end('}');
}

void put(JsonLine& json, std::string_view key, const Histogram& histogram) {
  json.text(key, base64(histogram.encode()));
}

void put_counts(JsonLine& json, const Counts& counts) {
  json.number("requests_scheduled", counts.scheduled)
      .number("requests_sent", counts.sent)
      .number("requests_done", counts.done)
      .number("requests_failed", counts.failed)
      .number("requests_censored", counts.censored)
      .number("requests_done_in_window", counts.done_in_window)
      .number("requests_sent_in_window", counts.sent_in_window);
  put_errors(json, "errors", counts.errors);
}

void put_health(JsonLine& json, const LoadResult& result) {
  json.number("connections", std::uint64_t{result.connections})
      .number("reconnects", result.reconnects);
  put_errors(json, "connection_errors", result.connection_errors);
  json.number("bytes_out", result.bytes_out)
      .number("bytes_in", result.bytes_in)
      .number("requests_per_second", result.requests_per_second())
      .number("rate_asked_per_second", result.rate_asked_per_second)
      .number("rate_ratio", result.rate_ratio())
      .number("arrivals_ks", result.arrivals_ks)
      .number("arrivals_ks_resolved", result.arrivals_ks_resolved)
      .number("arrivals_observed", result.arrivals_observed)
      .number("requests_in_flight_mean", result.in_flight.mean(result.window_ns))
      .number("little_ratio", result.in_flight.little_ratio())
      .number("times_beyond_range", result.beyond_range())
      .number("client_cpu_ns", result.client_cpu_ns)
      .number("client_threads_spin_ns", result.client_threads_spin_ns)
      .number("client_threads", std::uint64_t{result.client_threads});
  if (result.client_threads_run_delay_ns) {
    json.number("client_threads_run_delay_ns", *result.client_threads_run_delay_ns);
  } else {
    json.number("client_threads_run_delay_ns", std::optional<double>());
  }
}

}  // namespace

std::optional<double> LoadResult::requests_per_second() const {
  if (window_ns <= 0) return {};
  return static_cast<double>(recorder.counts().done_in_window) * 1e9 /
         static_cast<double>(window_ns);
}

std::optional<double> LoadResult::rate_ratio() const {
  if (!rate_asked_per_second || recorder.counts().scheduled == 0) return {};
  return static_cast<double>(recorder.counts().sent_in_window) /
         static_cast<double>(recorder.counts().scheduled);
}

std::uint64_t LoadResult::beyond_range() const {
  return recorder.latency_ns().saturated() + recorder.service_ns().saturated() +
         recorder.schedule_lag_ns().saturated() + recorder.censored_ns().saturated();
}

std::string to_json(const LoadResult& result) {
  JsonLine json;
  json.begin("", '{').text("event", "result").number("window_ns", result.window_ns);
  json.flag("interrupted", result.interrupted);
  put_counts(json, result.recorder.counts());
  put_health(json, result);
  json.begin("histograms", '{');
  put(json, "latency_ns", result.recorder.latency_ns());
  put(json, "service_ns", result.recorder.service_ns());
  put(json, "schedule_lag_ns", result.recorder.schedule_lag_ns());
  if (result.kernel_timestamps) put(json, "wire_ns", result.recorder.wire_ns());
  put(json, "censored_ns", result.recorder.censored_ns());
  put(json, "service_censored_ns", result.recorder.service_censored_ns());
  put(json, "schedule_lag_censored_ns", result.recorder.schedule_lag_censored_ns());
  for (const auto& [name, histogram] : result.phases) put(json, name, histogram);
  json.end('}').begin("intervals", '[');
  for (const Interval& interval : result.recorder.intervals()) {
    json.begin("", '{').number("start_ns", interval.start.ns);
    json.number("requests_done", interval.latency_ns.count());
    put(json, "latency_ns", interval.latency_ns);
    json.end('}');
  }
  json.end(']').begin("entries", '[');
  for (const EntryCounts& entry : result.recorder.entries()) {
    json.begin("", '{').number("requests_done", entry.done);
    json.number("requests_failed", entry.failed).number("requests_censored", entry.censored);
    put(json, "latency_ns", entry.latency_ns);
    json.end('}');
  }
  json.end(']');
  if (!result.arrivals_seen.empty()) {
    json.begin("arrivals_seen", '[');
    for (const std::uint64_t count : result.arrivals_seen) json.number("", count);
    json.end(']');
  }
  return json.end('}').line();
}

std::string connected_json(std::size_t connections, Time now) {
  JsonLine json;
  json.begin("", '{').text("event", "connected").number("connections", std::uint64_t{connections});
  return json.number("time_ns", now.ns).end('}').line();
}

std::string window_json(Window window) {
  JsonLine json;
  json.begin("", '{').text("event", "window").number("start_ns", window.start.ns);
  return json.number("end_ns", window.end.ns).end('}').line();
}

std::string error_json(std::string_view errc, std::string_view message) {
  JsonLine json;
  json.begin("", '{').text("event", "error").text("errc", errc);
  return json.text("message", message).end('}').line();
}

}  // namespace zyphos

#include <numeric>
#include <optional>

#include "base/json.h"
#include "ipc/ask.h"

namespace zyphos::ipc {

std::uint64_t StreamResult::messages() const {
  return std::accumulate(intervals.begin(), intervals.end(), std::uint64_t{0});
}

std::string to_json(const StreamResult& result) {
  constexpr std::string_view kNoAnswer = "a stream has no answers, of which it would be the time";
  const std::uint64_t messages = result.messages();
  JsonLine json;
  json.begin("", '{').text("event", "result").number("window_ns", result.window_ns);
  for (const char* name : {"requests_scheduled", "requests_sent", "requests_done"}) {
    json.number(name, messages);
  }
  json.number("requests_failed", result.wrong).number("requests_censored", std::uint64_t{0});
  json.begin("errors", '{');
  if (result.wrong > 0) json.number("wrong_body", result.wrong);
  json.end('}').number("connections", std::uint64_t{1});
  const double window_s = static_cast<double>(result.window_ns) / kSecond_ns;
  json.number("requests_per_second", std::optional(static_cast<double>(messages) / window_s));
  json.number("bytes_out", messages * result.message_bytes);
  json.number("client_cpu_ns", result.client_cpu_ns).number("client_threads", std::uint64_t{1});
  if (result.client_threads_run_delay_ns) {
    json.number("client_threads_run_delay_ns", *result.client_threads_run_delay_ns);
  }
  json.begin("histograms", '{').end('}').begin("skipped", '{');
  for (const char* name : {"latency_ns", "service_ns", "schedule_lag_ns"}) {
    json.text(name, kNoAnswer);
  }
  json.end('}').begin("intervals", '[');
  std::int64_t start_ns = 0;
  for (const std::uint64_t count : result.intervals) {
    json.begin("", '{').number("start_ns", start_ns).number("requests_done", count).end('}');
    start_ns += result.interval_ns;
  }
  return json.end(']').end('}').line();
}

}  // namespace zyphos::ipc

#include "reference/truth.h"

#include "base/json.h"

namespace zyphos::reference {
namespace {

struct Sums {
  std::uint64_t received = 0;
  std::uint64_t answered = 0;
  std::uint64_t lost = 0;
  std::uint64_t unstamped = 0;
  std::uint64_t left_in_time = 0;
  Histogram delay_ns;
  Histogram asked_ns;
};

std::string written(const Sums& sums, Time start, Time end, std::uint64_t unkept) {
  JsonLine json;
  json.begin("", '{').text("event", "truth").number("start_ns", start.ns);
  json.number("end_ns", end.ns)
      .number("requests_received", sums.received)
      .number("requests_answered", sums.answered)
      .number("requests_lost", sums.lost)
      .number("requests_unanswered", sums.received - sums.answered - sums.lost)
      .number("requests_unstamped", sums.unstamped)
      .number("requests_unkept", unkept)
      .number("answers_in_window", sums.left_in_time);
  json.begin("histograms", '{').text("delay_ns", base64(sums.delay_ns.encode()));
  json.text("asked_ns", base64(sums.asked_ns.encode())).end('}').end('}');
  return json.line();
}

}  // namespace

Truth::Id Truth::received(Time received, std::int64_t asked_ns, bool stamped) {
  if (requests_.size() == kKept_max) {
    ++unkept_;
    return kNone;
  }
  requests_.push_back({received, Time::never(), asked_ns, State::open, stamped});
  return requests_.size() - 1;
}

void Truth::lost(Id id) {
  if (id != kNone) requests_[id].state = State::lost;
}

void Truth::answered(Id id, Time left, bool stamped) {
  if (id == kNone) return;
  Request& request = requests_[id];
  request.left = left;
  request.state = State::answered;
  request.stamped = request.stamped && stamped;
}

std::string Truth::to_json(Time start, Time end) const {
  Sums sums;
  for (const Request& request : requests_) {
    const bool answered = request.state == State::answered;
    if (answered && request.left >= start && request.left < end) ++sums.left_in_time;
    if (request.received < start || request.received >= end) continue;
    ++sums.received;
    if (request.state == State::lost) ++sums.lost;
    if (!answered) continue;
    ++sums.answered;
    sums.asked_ns.record(request.asked_ns);
    if (request.stamped) {
      sums.delay_ns.record(request.left - request.received);
    } else {
      ++sums.unstamped;
    }
  }
  return written(sums, start, end, unkept_);
}

}  // namespace zyphos::reference

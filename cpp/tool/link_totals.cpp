#include "tool/link_totals.h"

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace zyphos {
namespace {

void add_lateness(JsonLine& json, const std::string& name, const Histogram& late_ns) {
  const auto quantile = [&](double q) -> std::optional<double> {
    if (late_ns.count() == 0) return {};
    return static_cast<double>(late_ns.quantile_ns(q));
  };
  json.number(name + "_mean", late_ns.count() == 0 ? std::optional<double>{} : late_ns.mean_ns());
  json.number(name + "_p50", quantile(0.5));
  json.number(name + "_p99", quantile(0.99));
  json.number(name + "_max", quantile(1.0));
}

void add_way(JsonLine& json, const link::LinkBoard::Snapshot& snapshot, link::Direction direction) {
  const std::string_view way = link::direction_name(direction);
  const std::size_t first = link::LinkCounters::position(direction, link::LinkCounter{});
  json.begin(way, '{');
  for (std::size_t i = first; i < first + link::kLinkCounterCount; ++i) {
    const std::string_view name = link::LinkCounters::name(i).substr(way.size() + 1);
    json.number(name, snapshot.counters.values[i]);
  }
  const bool forward = direction == link::Direction::forward;
  add_lateness(json, "late_ns", forward ? snapshot.forward_late_ns : snapshot.backward_late_ns);
  add_lateness(json, "handed_late_ns",
               forward ? snapshot.forward_handed_late_ns : snapshot.backward_handed_late_ns);
  json.end('}');
}

}  // namespace

std::string totals_json(const link::LinkBoard::Snapshot& snapshot,
                        const link::EmulatorTotals& totals, std::int64_t run_ns,
                        std::int64_t cpu_ns) {
  JsonLine json;
  json.begin("", '{').text("event", "link");
  add_way(json, snapshot, link::Direction::forward);
  add_way(json, snapshot, link::Direction::backward);
  json.number("turns", totals.turns).number("sleeps", totals.sleeps);
  json.number("run_ns", run_ns).number("cpu_ns", cpu_ns).end('}');
  return json.line();
}

}  // namespace zyphos

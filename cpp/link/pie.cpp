#include "link/pie.h"

#include <algorithm>
#include <array>
#include <utility>

namespace zyphos::link {
namespace {

// RFC 8033, 4.2, in 1/s.
constexpr double kAlpha = 0.125;
constexpr double kBeta = 1.25;
constexpr double kDecay = 0.98;
// Below so great a probability a step is so many times smaller.
constexpr std::array<std::pair<double, double>, 6> kScales{
    {{1e-6, 2048}, {1e-5, 512}, {1e-4, 128}, {1e-3, 32}, {1e-2, 8}, {0.1, 2}}};
constexpr double kCalm = 0.2;         // 4.1: below it, a short queue is left alone
constexpr double kMarked_most = 0.1;  // 5.1: above it, even what can be marked is dropped
constexpr double kSoonest = 0.85;     // 5.4: so much probability lies between two drops
constexpr double kLatest = 8.5;
constexpr double kCapped_from = 0.1;  // 5.5
constexpr double kStep_most = 0.02;

double seconds(std::int64_t ns) { return static_cast<double>(ns) / kSecond_ns; }

double scaled(double step, double probability) {
  for (const auto& [below, divisor] : kScales) {
    if (probability < below) return step / divisor;
  }
  return step;
}

}  // namespace

Pie::Pie(const PathOptions& options, std::uint32_t packet_bytes_max, Time start, Random random)
    : target_ns_(options.pie_target_ns),
      period_ns_(options.pie_period_ns),
      burst_most_ns_(options.pie_burst_ns),
      always_bytes_(std::uint64_t{2} * packet_bytes_max),
      next_update_(start + options.pie_period_ns),
      burst_ns_(options.pie_burst_ns),
      random_(random) {}

Verdict Pie::arrives(const Queue& queue, Time now) {
  catch_up(now);
  if (burst_ns_ > 0 || !drops_early(queue)) return Verdict::waits;
  return probability_ <= kMarked_most ? Verdict::signals : Verdict::dropped;
}

void Pie::leaves(const Packet& packet, const Queue& queue, Time now) {
  catch_up(now);
  latency_ns_ = queue.empty() ? 0 : now - packet.arrived;
}

void Pie::catch_up(Time now) {
  while (next_update_ <= now) {
    if (at_rest()) {  // nothing changes until a packet comes
      next_update_ = next_update_ + ((now - next_update_) / period_ns_ + 1) * period_ns_;
      return;
    }
    update();
    next_update_ = next_update_ + period_ns_;
  }
}

bool Pie::at_rest() const {
  return probability_ == 0 && latency_ns_ == 0 && latency_old_ns_ == 0 &&
         burst_ns_ == burst_most_ns_;
}

void Pie::update() {
  const double step = scaled(
      kAlpha * seconds(latency_ns_ - target_ns_) + kBeta * seconds(latency_ns_ - latency_old_ns_),
      probability_);
  probability_ += probability_ >= kCapped_from ? std::min(step, kStep_most) : step;
  if (latency_ns_ == 0 && latency_old_ns_ == 0) probability_ *= kDecay;
  probability_ = std::clamp(probability_, 0.0, 1.0);
  burst_ns_ = std::max<std::int64_t>(0, burst_ns_ - period_ns_);
  const bool low = latency_ns_ < target_ns_ / 2 && latency_old_ns_ < target_ns_ / 2;
  if (probability_ == 0 && low) burst_ns_ = burst_most_ns_;
  latency_old_ns_ = latency_ns_;
}

bool Pie::drops_early(const Queue& queue) {
  const bool calm = latency_old_ns_ < target_ns_ / 2 && probability_ < kCalm;
  if (calm || queue.bytes() <= always_bytes_) return false;
  accumulated_ = probability_ == 0 ? 0 : accumulated_ + probability_;
  if (accumulated_ < kSoonest) return false;
  if (accumulated_ < kLatest && random_.unit() > probability_) return false;
  accumulated_ = 0;
  return true;
}

}  // namespace zyphos::link

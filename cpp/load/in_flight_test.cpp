#include "load/in_flight.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/random.h"

namespace zyphos {
namespace {

constexpr Time at(std::int64_t ms) { return {ms * kMillisecond_ns}; }
constexpr Window kWindow{at(1000), at(2000)};
constexpr std::int64_t kWindow_ns = 1000 * kMillisecond_ns;

InFlight in_flight() {
  InFlight out;
  out.window(kWindow);
  return out;
}

TEST(InFlight, CountsFromTheScheduleWhateverWasSeenWhen) {
  InFlight flying = in_flight();
  flying.begun(at(1100), at(1150));
  flying.begun(at(1200), at(1200));
  flying.ended(at(1100), at(1300));
  flying.ended(at(1200), at(1700));
  flying.pass(at(5000));
  EXPECT_DOUBLE_EQ(flying.mean(kWindow_ns).value_or(0), 0.2 + 0.5);
  EXPECT_DOUBLE_EQ(flying.little_ratio().value_or(0), 1.0);
}

TEST(InFlight, OnlyWhatLiesInTheWindowIsCounted) {
  InFlight flying = in_flight();
  flying.begun(at(300), at(300));
  flying.begun(at(500), at(500));
  flying.ended(at(300), at(900));
  flying.ended(at(500), at(1100));  // its first half second was before
  flying.begun(at(1900), at(1900));
  flying.ended(at(1900), at(2600));  // and this one's answer comes after
  EXPECT_DOUBLE_EQ(flying.mean(kWindow_ns).value_or(0), 0.1 + 0.1);
  EXPECT_DOUBLE_EQ(flying.little_ratio().value_or(0), 0.2 / 0.6) << "600 ms ended within it";
}

TEST(InFlight, TheUnfinishedAndTheBacklogCountAndBreakTheLaw) {
  InFlight flying = in_flight();
  flying.begun(at(1000), at(1000));
  flying.ended(at(1000), at(1100));
  flying.begun(at(1500), at(1500));   // never answered
  flying.waited(at(1800), at(3000));  // never sent
  EXPECT_DOUBLE_EQ(flying.mean(kWindow_ns).value_or(0), 0.1 + 0.5 + 0.2);
  EXPECT_DOUBLE_EQ(flying.little_ratio().value_or(0), 8.0);
}

TEST(InFlight, HasNothingToSayOfNothing) {
  const InFlight flying = in_flight();
  EXPECT_FALSE(flying.mean(0).has_value());
  EXPECT_FALSE(flying.little_ratio().has_value());
  EXPECT_DOUBLE_EQ(flying.mean(kWindow_ns).value_or(1), 0.0);
}

// One server, Poisson arrivals at 800/s, exponential service of 1 ms: rho = 0.8, so L = 4.
TEST(InFlight, AgreesWithQueueingTheory) {
  constexpr std::int64_t kLong_ns = 400 * kSecond_ns;
  InFlight flying;
  flying.window({at(10'000), at(10'000) + kLong_ns});
  Random random(7);
  struct Stay {
    Time scheduled;
    Time done;
  };
  std::deque<Stay> queue;
  Time arrival{0};
  Time idle{0};
  while (arrival < at(410'000)) {
    arrival = arrival + static_cast<std::int64_t>(random.exponential(1e9 / 800));
    for (; !queue.empty() && queue.front().done <= arrival; queue.pop_front()) {
      flying.ended(queue.front().scheduled, queue.front().done);
    }
    flying.begun(arrival, arrival);
    idle = std::max(idle, arrival) + static_cast<std::int64_t>(random.exponential(1e6));
    queue.push_back({arrival, idle});
  }
  EXPECT_NEAR(flying.mean(kLong_ns).value_or(0), 4.0, 0.2) << "seed 7";
  EXPECT_NEAR(flying.little_ratio().value_or(0), 1.0, 0.001);
}

}  // namespace
}  // namespace zyphos

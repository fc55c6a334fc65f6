// The wheel in virtual time, against an ordered map as the model.
#include "sched/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "base/random.h"

namespace zyphos {
namespace {

constexpr std::int64_t kTick = TimerWheel::kTick_ns;

std::vector<Timer*> fired_at(TimerWheel& wheel, Time now) {
  std::vector<Timer*> out;
  wheel.advance(now, [&](Timer& timer) { out.push_back(&timer); });
  return out;
}

TEST(TimerWheel, FiresNeverEarlyAndAtMostATickLate) {
  for (const std::int64_t delay : {kTick, 63 * kTick, 64 * kTick, 65 * kTick, 4095 * kTick,
                                   4096 * kTick + 1, 60 * kSecond_ns, 7200 * kSecond_ns}) {
    for (const std::int64_t start : {std::int64_t{0}, 63 * kTick + 5, 987'654'321'987}) {
      TimerWheel wheel(Time{start});
      Timer timer;
      wheel.schedule(timer, Time{start + delay});
      EXPECT_TRUE(fired_at(wheel, Time{start + delay - 1}).empty()) << delay << " " << start;
      EXPECT_EQ(fired_at(wheel, Time{start + delay + kTick}).size(), 1U) << delay << " " << start;
      EXPECT_TRUE(wheel.next().is_never());
    }
  }
}

TEST(TimerWheel, BeyondItsRangeItIsLookedAtAgain) {
  const std::int64_t far = 100 * 3600 * kSecond_ns;
  TimerWheel wheel(Time{0});
  Timer timer;
  wheel.schedule(timer, Time{far});
  int steps = 0;
  while (wheel.next() < Time{far} && ++steps < 100) {
    EXPECT_TRUE(fired_at(wheel, wheel.next()).empty());
  }
  EXPECT_LT(steps, 100);
  EXPECT_EQ(fired_at(wheel, Time{far + kTick}).size(), 1U);
}

TEST(TimerWheel, LaterDeadlineLeavesTheTimerWhereItIsFiled) {
  TimerWheel wheel(Time{0});
  Timer timer;
  wheel.schedule(timer, Time{kSecond_ns});
  const Time filed = wheel.next();
  for (int i = 2; i < 1000; ++i) wheel.schedule(timer, Time{i * kSecond_ns});
  EXPECT_EQ(wheel.next(), filed);
  EXPECT_TRUE(fired_at(wheel, Time{998 * kSecond_ns}).empty());
  EXPECT_EQ(fired_at(wheel, Time{999 * kSecond_ns + kTick}).size(), 1U);
}

TEST(TimerWheel, NeverAndCancelledDoNotFire) {
  TimerWheel wheel(Time{0});
  Timer lazy;
  Timer cancelled;
  wheel.schedule(lazy, Time{kSecond_ns});
  wheel.schedule(lazy, Time::never());
  wheel.schedule(cancelled, Time{kSecond_ns});
  wheel.cancel(cancelled);
  EXPECT_TRUE(fired_at(wheel, Time{3 * kSecond_ns}).empty());
  EXPECT_FALSE(lazy.filed());
}

TEST(TimerWheel, FiringMayScheduleCancelAndDestroyOthers) {
  TimerWheel wheel(Time{0});
  Timer again;
  Timer victim;
  auto doomed = std::make_unique<Timer>();
  for (Timer* timer : {&again, &victim, doomed.get()}) wheel.schedule(*timer, Time{kTick});
  int count = 0;
  const auto fire = [&](Timer& timer) {
    EXPECT_EQ(&timer, &again);
    ++count;
    wheel.cancel(victim);
    doomed.reset();
    wheel.schedule(again, Time{0});  // in the past: the next advance, not this one
  };
  wheel.advance(Time{5 * kTick}, fire);
  EXPECT_EQ(count, 1);
  wheel.advance(Time{5 * kTick + 1}, fire);
  EXPECT_EQ(count, 1);
  wheel.advance(Time{6 * kTick}, fire);
  EXPECT_EQ(count, 2);
}

TEST(TimerWheel, AgreesWithAModel) {
  const std::uint64_t seed = 20261120;
  SCOPED_TRACE(seed);
  Random random(seed);
  TimerWheel wheel(Time{0});
  std::deque<Timer> timers(200);
  std::vector<Time> model(timers.size(), Time::never());
  Time now{0};
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = random.below(timers.size());
    const auto scale = static_cast<int>(random.below(44));
    if (random.below(8) == 0) {
      wheel.cancel(timers[i]);
      model[i] = Time::never();
    } else {
      model[i] = now + static_cast<std::int64_t>(random.below(std::uint64_t{1} << scale));
      wheel.schedule(timers[i], model[i]);
    }
    if (random.below(4) != 0) continue;
    const Time before = now;
    now = now + static_cast<std::int64_t>(random.below(std::uint64_t{1} << random.below(42)));
    if (random.below(2) == 0) now = std::max(before, std::min(now, wheel.next()));
    wheel.advance(now, [&](Timer& timer) {
      const auto index = static_cast<std::size_t>(
          std::ranges::find_if(timers, [&](Timer& t) { return &t == &timer; }) - timers.begin());
      ASSERT_LE(model[index], now);
      model[index] = Time::never();
    });
    for (std::size_t k = 0; k < model.size(); ++k) {
      ASSERT_GT(model[k] + 2 * kTick, now) << "missed, step " << step;
      ASSERT_GE(model[k] + 2 * kTick, wheel.next()) << "would oversleep, step " << step;
    }
  }
}

}  // namespace
}  // namespace zyphos

// The wheel against a tree to the tick, at its edges (turns, levels, its horizon, the end of time)
// and with a million timers; all in virtual time. With it the mistake that its horizon invites.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "sched/textbook_timers.h"
#include "sched/timer_wheel.h"

namespace zyphos {
namespace {

constexpr std::int64_t kTick = TimerWheel::kTick_ns;
constexpr std::int64_t kHour_ns = 3600 * kSecond_ns;

// Timers with numbers, and beside the wheel a tree of the ticks at which they have to fire.
class Both {
 public:
  Both(Time now, std::size_t count)
      : now_(now), wheel_(now), timers_(std::make_unique<Timer[]>(count)), places_(count) {}

  void schedule(std::size_t number, Time deadline) {
    wheel_.schedule(timers_[number], deadline);
    forget(number);
    if (deadline.is_never()) return;
    const auto end = static_cast<std::uint64_t>(deadline.ns) + kTick - 1;  // may be beyond 2^63
    const std::int64_t tick = std::max<std::int64_t>(end / kTick, now_.ns / kTick + 1);
    places_[number] = tree_.emplace(tick, number);
  }
  void cancel(std::size_t number) {
    wheel_.cancel(timers_[number]);
    forget(number);
  }
  Time next() const { return wheel_.next(); }
  Time now() const { return now_; }
  std::size_t live() const { return tree_.size(); }

  // Whoever fires is due, and nobody who is due is left. `fired` may schedule and cancel.
  template <class Fired>
  void advance(Time now, Fired fired) {
    now_ = now;
    wheel_.advance(now, [&](Timer& timer) {
      const auto number = static_cast<std::size_t>(&timer - timers_.get());
      ASSERT_TRUE(places_[number]) << number << " fired and was not set";
      ASSERT_LE((*places_[number])->first, now.ns / kTick) << number << " fired early";
      forget(number);
      fired(number);
    });
    if (tree_.empty()) return;
    ASSERT_GT(tree_.begin()->first, now.ns / kTick) << tree_.begin()->second << " was missed";
    ASSERT_LE(next().ns / kTick, tree_.begin()->first) << "would oversleep";
  }
  void advance(Time now) {
    advance(now, [](std::size_t) {});
  }

 private:
  using Tree = std::multimap<std::int64_t, std::size_t>;

  void forget(std::size_t number) {
    if (places_[number]) tree_.erase(*std::exchange(places_[number], std::nullopt));
  }

  Time now_;
  TimerWheel wheel_;
  std::unique_ptr<Timer[]> timers_;
  Tree tree_;
  std::vector<std::optional<Tree::iterator>> places_;
};

class Model : public ::testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Model, ::testing::Range<std::uint64_t>(1, 9));

// Delays from nothing to 13 days and steps from nothing to 5 hours, each size as likely.
// answers: m08.build.4
TEST_P(Model, AgreesToTheTick) {
  SCOPED_TRACE(GetParam());
  Random random(GetParam());
  const auto any = [&](std::uint64_t sizes) {
    return static_cast<std::int64_t>(random.below(std::uint64_t{1} << random.below(sizes)));
  };
  constexpr std::size_t kTimers = 300;
  Both both(Time{any(60)}, kTimers);
  for (int step = 0; step < 30'000 && !HasFatalFailure(); ++step) {
    const std::size_t number = random.below(kTimers);
    switch (random.below(8)) {
      case 0: both.cancel(number); break;
      case 1: both.schedule(number, Time::never()); break;
      case 2: both.advance(both.now() + any(44)); break;
      case 3:
        both.advance(std::max(both.now(), std::min(both.next(), both.now() + any(46))));
        break;
      case 4:
        both.advance(both.now() + any(30), [&](std::size_t fired) {
          both.schedule(fired, both.now() + kTick + any(40));
          both.cancel((fired + 1) % kTimers);
        });
        break;
      default: both.schedule(number, both.now() + any(50)); break;
    }
  }
}

// From just before each level's turn, tick by tick over it.
TEST(TimerWheelEdges, TurnsOfEachLevel) {
  for (const int level : {1, 2, 3, 4, 5}) {
    const std::int64_t turn = std::int64_t{1} << (6 * level);
    for (const std::int64_t before : {1, 2, 63, 64, 65}) {
      SCOPED_TRACE(before);
      Both both(Time{(2 * turn - before) * kTick + 7}, 200);
      std::size_t number = 0;
      for (const std::int64_t ticks : {0, 1, 2, 62, 63, 64, 65, 66, 127, 128, 129, 4095, 4096}) {
        both.schedule(number++, both.now() + ticks * kTick);
        both.schedule(number++, both.now() + ticks * kTick + 1);
      }
      for (int i = 0; i < 4200 && !HasFatalFailure(); ++i) both.advance(both.now() + kTick);
      EXPECT_EQ(both.live(), 0U) << "level " << level;
    }
  }
}

// Beyond the horizon of 19 hours, up to the end of time, woken only when the wheel asks for it.
TEST(TimerWheelEdges, FarFuture) {
  Both both(Time{kHour_ns}, 8);
  std::size_t number = 0;
  for (const std::int64_t hours : {18, 19, 20, 39, 1000, 100'000}) {
    both.schedule(number++, both.now() + hours * kHour_ns);
  }
  int woken = 0;
  while (both.live() > 0 && ++woken < 20'000 && !HasFatalFailure()) both.advance(both.next());
  EXPECT_EQ(both.live(), 0U);
  EXPECT_LT(woken, 100'000 / 19 + 200) << "once for each turn and a few";
  both.schedule(0, Time{Time::never().ns - 1});
  both.advance(both.now() + 50 * kHour_ns);
  EXPECT_EQ(both.live(), 1U);
  both.cancel(0);
}

TEST(TimerWheelEdges, TimeJumpsFarAhead) {
  Random random(7);
  Both both(Time{12345}, 10'000);
  for (std::size_t i = 0; i < 10'000; ++i) {
    const std::uint64_t reach_ns = std::uint64_t{1} << random.below(54);
    both.schedule(i, both.now() + static_cast<std::int64_t>(random.below(reach_ns)));
  }
  std::size_t fired = 0;
  both.advance(both.now() + 10'000 * kHour_ns, [&](std::size_t) { ++fired; });
  EXPECT_EQ(fired, 10'000U);
  EXPECT_TRUE(both.next().is_never());
  both.schedule(0, both.now() + 3 * kTick);
  both.advance(both.now() + 2 * kTick);
  EXPECT_EQ(both.live(), 1U);
  both.advance(both.now() + 2 * kTick);
  EXPECT_EQ(both.live(), 0U);
}

TEST(TimerWheelEdges, EachFiringCancelsAnother) {
  constexpr std::size_t kPairs = 1000;
  Both both(Time{0}, 2 * kPairs);
  for (std::size_t i = 0; i < 2 * kPairs; ++i) both.schedule(i, Time{kSecond_ns});
  std::size_t fired = 0;
  both.advance(Time{2 * kSecond_ns}, [&](std::size_t number) {
    ++fired;
    both.cancel(number ^ 1);
  });
  EXPECT_EQ(fired, kPairs);
}

TEST(TimerWheelEdges, ArmedAgainWhenItFires) {
  Both both(Time{0}, 1);
  constexpr std::int64_t kPeriod_ns = 10 * kMillisecond_ns;
  both.schedule(0, Time{kPeriod_ns});
  int fired = 0;
  for (Time now{0}; now.ns <= kSecond_ns; now = now + kMillisecond_ns) {
    both.advance(now, [&](std::size_t) {
      ++fired;
      both.schedule(0, Time{(fired + 1) * kPeriod_ns});
    });
  }
  EXPECT_GE(fired, 99);
  EXPECT_LE(fired, 100);
}

// A quarter cancelled, a quarter moved later; each of the others once, in its tick.
// answers: m08.build.4
TEST(TimerWheelEdges, AMillion) {
  constexpr std::size_t kTimers = 1'000'000;
  Random random(11);
  TimerWheel wheel(Time{0});
  const auto timers = std::make_unique<Timer[]>(kTimers);
  std::vector<std::int64_t> due(kTimers);
  for (std::size_t i = 0; i < kTimers; ++i) {
    due[i] = 1 + static_cast<std::int64_t>(random.below(60 * kSecond_ns));
    wheel.schedule(timers[i], Time{due[i]});
  }
  for (std::size_t i = 0; i < kTimers; i += 4) {
    wheel.cancel(timers[i]);
    due[i + 1] += static_cast<std::int64_t>(random.below(60 * kSecond_ns));
    wheel.schedule(timers[i + 1], Time{due[i + 1]});
  }
  std::size_t fired = 0;
  std::size_t wrong = 0;
  Time last{0};
  for (Time now{0}; now.ns < 121 * kSecond_ns; now = now + 10 * kMillisecond_ns) {
    wheel.advance(now, [&](Timer& timer) {
      const auto i = static_cast<std::size_t>(&timer - timers.get());
      const bool in_time = due[i] <= now.ns && due[i] + kTick > last.ns;
      wrong += i % 4 == 0 || !in_time ? 1 : 0;
      ++fired;
    });
    last = now;
  }
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(fired, kTimers / 4 * 3);
  EXPECT_TRUE(wheel.next().is_never());
}

// --- overflow: a timer further ahead than the wheel is long ---

// When it fires, asked each 10 ms; never within ten times the delay: nothing.
template <class Timers>
std::optional<Time> fires_at(Timers& timers, std::int64_t delay_ns, std::int64_t step_ns) {
  timers.set(0, Time{delay_ns});
  std::optional<Time> at;
  for (Time now{0}; !at && now.ns <= 10 * delay_ns; now = now + step_ns) {
    timers.expire(now, [&](std::size_t) { at = now; });
  }
  return at;
}

struct OurWheel {
  void set(std::size_t, Time deadline) { wheel.schedule(timer, deadline); }
  template <class Fire>
  void expire(Time now, Fire fire) {
    wheel.advance(now, [&](Timer&) { fire(0); });
  }
  TimerWheel wheel{Time{0}};
  Timer timer;
};

// The failure: an idle timeout of 60 s on a wheel of 268 ms ends the connection within 268 ms.
// answers: m08.fail.2
TEST(TimerWheelOverflow, OneTurnWithoutRoundsFiresEarly) {
  using Wheel = textbook::OneWheel<textbook::Rounds::forgotten>;
  Wheel wheel(1);
  const auto at = fires_at(wheel, 60 * kSecond_ns, 10 * kMillisecond_ns);
  ASSERT_TRUE(at);
  EXPECT_LE(at->ns, Wheel::kHorizon_ns + 10 * kMillisecond_ns);
}

// The cures: rounds counted, or more levels; ours also beyond its own horizon.
// answers: m08.fail.2
TEST(TimerWheelOverflow, RoundsOrLevelsFireInTime) {
  textbook::OneWheel<textbook::Rounds::counted> rounds(1);
  OurWheel ours;
  OurWheel far;
  const std::int64_t minute = 60 * kSecond_ns;
  EXPECT_EQ(fires_at(rounds, minute, 10 * kMillisecond_ns), Time{minute + 10 * kMillisecond_ns});
  EXPECT_EQ(fires_at(ours, minute, 10 * kMillisecond_ns), Time{minute + 10 * kMillisecond_ns});
  EXPECT_EQ(fires_at(far, 100 * kHour_ns, kSecond_ns), Time{100 * kHour_ns + kSecond_ns});
}

}  // namespace
}  // namespace zyphos

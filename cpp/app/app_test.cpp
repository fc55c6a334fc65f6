// The applications through a Sink that is not HTTP, and by their names.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <numeric>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/bells.h"
#include "app/delay.h"
#include "app/handlers.h"
#include "app/nest.h"
#include "app/tally.h"
#include "app/timers.h"
#include "app/transfer.h"

namespace zyphos::app {
namespace {

// Room for so many bytes at a time.
class Paper final : public Sink {
 public:
  bool head(const ResponseHead& given) override {
    if (room_ == 0) return false;
    status = given.status;
    length = given.content_length;
    std::string lines;
    for (const Header& field : given.headers) {
      const std::string line = std::string(field.name) + ": " + std::string(field.value);
      fields += line + "\n";
      lines += line + "\r\n";
    }
    // Who gives them ready-made as well gives the same.
    EXPECT_TRUE(given.field_lines.empty() || given.field_lines == lines) << given.field_lines;
    return true;
  }
  std::size_t room() const override { return room_; }
  std::size_t body(ConstBytes bytes) override {
    const std::size_t n = std::min(bytes.size(), room_);
    text += as_text(bytes.first(n));
    room_ -= n;
    return n;
  }
  bool refer(ConstBytes bytes, Hold) override {
    if (room_ == 0) return false;
    text += as_text(bytes);
    return true;
  }
  bool whole(const ResponseHead& given, ConstBytes bytes) override {
    return bytes.size() <= room_ && head(given) && body(bytes) == bytes.size();
  }
  void give(std::size_t n) { room_ = n; }

  int status = 0;
  std::optional<std::uint64_t> length;
  std::string fields;
  std::string text;

 private:
  std::size_t room_ = 1'000'000;
};

class Flag final : public WakeTarget {
 public:
  void wake(std::uint32_t, std::uint32_t, std::uint32_t) noexcept override { woken.release(); }
  std::counting_semaphore<> woken{0};
};

struct Call {
  std::unique_ptr<Exchange> begin(Handler& handler, const RequestHead& head) {
    return handler.begin(
        head, {.wake = {flag, 0, 0}, .random = random, .counters = counters, .now = now});
  }
  std::shared_ptr<Flag> flag = std::make_shared<Flag>();
  Random random{1};
  Counters counters;
  Time now{0};
};

Bytes writable(std::string& text) {
  return {reinterpret_cast<std::byte*>(text.data()), text.size()};
}

TEST(Handlers, AreKnownByName) {
  for (const auto name : handler_names()) EXPECT_NE(make_handler(name, {}), nullptr);
  EXPECT_TRUE(handler_wakes("delay"));
  EXPECT_FALSE(handler_wakes("hello"));
  try {
    make_handler("helo", {});
    FAIL() << "an unknown name was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(),
                 "unknown app 'helo' (known: hello, echo, delay, counter, transfer, nest, report)");
  }
}

TEST(HelloApp, SaysHelloInAnyLength) {
  for (const std::size_t size : {0U, 13U, 30U, 100'000U}) {
    Call call;
    Paper paper;
    const auto handler = make_handler("hello", {.response_bytes = size});
    const auto exchange = call.begin(*handler, {});
    EXPECT_EQ(exchange->produce(paper, call.now), Produce::done);
    EXPECT_EQ(paper.status, 200);
    EXPECT_EQ(paper.length, size);
    EXPECT_EQ(paper.fields, "Content-Type: text/plain\n");
    EXPECT_EQ(paper.text.size(), size);
    EXPECT_TRUE(paper.text.starts_with(std::string("Hello, world!").substr(0, size)));
  }
}

TEST(HelloApp, AnswersAtOnceWhatIsShortAndFits) {
  Paper paper;
  const auto hello = make_handler("hello", {.response_bytes = 13});
  paper.give(12);
  EXPECT_FALSE(hello->answer({}, paper));
  EXPECT_EQ(paper.status, 0);
  paper.give(13);
  EXPECT_TRUE(hello->answer({}, paper));
  EXPECT_EQ(paper.fields, "Content-Type: text/plain\n");
  EXPECT_EQ(paper.length, 13U);
  EXPECT_EQ(paper.text, "Hello, world!");
  Paper large;
  EXPECT_FALSE(make_handler("hello", {.response_bytes = 100'000})->answer({}, large));
  EXPECT_EQ(large.text, "");
}

TEST(HelloApp, WaitsForRoom) {
  Call call;
  Paper paper;
  const auto handler = make_handler("hello", {});
  const auto exchange = call.begin(*handler, {});
  paper.give(0);
  EXPECT_EQ(exchange->produce(paper, call.now), Produce::more);
  paper.give(5);
  EXPECT_EQ(exchange->produce(paper, call.now), Produce::more);
  paper.give(100);
  EXPECT_EQ(exchange->produce(paper, call.now), Produce::done);
  EXPECT_EQ(paper.text, "Hello, world!");
}

TEST(EchoApp, GivesTheBodyBackInItsType) {
  Call call;
  Paper paper;
  const auto handler = make_handler("echo", {});
  const std::array<Header, 1> fields{Header{.name = "content-TYPE", .value = "text/x"}};
  RequestHead head;
  head.headers = fields;
  head.has_body = true;
  head.content_length = 6;
  const auto exchange = call.begin(*handler, head);
  std::string body = "abcdef";
  EXPECT_EQ(exchange->produce(paper, call.now), Produce::pending);
  EXPECT_EQ(exchange->body(writable(body).first(2), false), 2U);
  EXPECT_EQ(exchange->produce(paper, call.now), Produce::pending);
  EXPECT_EQ(exchange->body(writable(body).subspan(2), true), 4U);
  EXPECT_EQ(exchange->produce(paper, call.now), Produce::done);
  EXPECT_EQ(paper.text, "abcdef");
  EXPECT_EQ(paper.length, 6U);
  EXPECT_EQ(paper.fields, "Content-Type: text/x\n");
}

TEST(EchoApp, WithoutABodyAnswersNone) {
  Call call;
  Paper paper;
  const auto handler = make_handler("echo", {});
  const auto exchange = call.begin(*handler, {});
  EXPECT_EQ(exchange->produce(paper, call.now), Produce::done);
  EXPECT_EQ(paper.length, 0U);
  EXPECT_EQ(paper.fields, "Content-Type: application/octet-stream\n");
}

TEST(EchoApp, BrakesWhenNothingLeaves) {
  Call call;
  Paper paper;
  const auto handler = make_handler("echo", {});
  RequestHead head;
  head.has_body = true;
  const auto exchange = call.begin(*handler, head);
  std::string body(100'000, 'b');
  const std::size_t taken = exchange->body(writable(body), true);
  EXPECT_LT(taken, 20'000U);
  EXPECT_EQ(exchange->body(writable(body).subspan(taken), true), 0U);
  std::size_t at = taken;
  Produce last = exchange->produce(paper, call.now);
  while (last != Produce::done) {
    at += exchange->body(writable(body).subspan(at), true);
    last = exchange->produce(paper, call.now);
  }
  EXPECT_EQ(at, body.size());
  EXPECT_EQ(paper.text, body);
  EXPECT_FALSE(paper.length);
}

TEST(DelayApp, AnswersWhenItsTimeHasCome) {
  struct Noted final : Timers {
    void wake_at(Time due, Waker) override { times.push_back(due); }
    std::vector<Time> times;
  } timers;
  Call call;
  Paper paper;
  Delay handler(timers, 1000, 13);
  const auto exchange = call.begin(handler, {});
  EXPECT_EQ(exchange->produce(paper, Time{0}), Produce::pending);
  EXPECT_EQ(exchange->produce(paper, Time{999}), Produce::pending);
  EXPECT_EQ(exchange->produce(paper, Time{1000}), Produce::done);
  EXPECT_EQ(paper.text, "Hello, world!");
  EXPECT_EQ(timers.times, (std::vector<Time>{Time{1000}, Time{1000}}));
}

TEST(DelayApp, IsWokenByItsThread) {
  Call call;
  const auto handler = make_handler("delay", {.delay_ns = 1000});
  Paper paper;
  const auto exchange = call.begin(*handler, {});
  EXPECT_EQ(exchange->produce(paper, Time{0}), Produce::pending);
  call.flag->woken.acquire();
  EXPECT_EQ(exchange->produce(paper, Time{1000}), Produce::done);
}

TEST(CounterApp, AnswersAsHello) {
  for (const auto counter : tally_names()) {
    Call call;
    Paper paper;
    const auto handler = make_handler("counter", {.counter = std::string(counter)});
    const auto exchange = call.begin(*handler, {});
    EXPECT_EQ(exchange->produce(paper, call.now), Produce::done);
    EXPECT_EQ(paper.text, "Hello, world!");
  }
  EXPECT_THROW(make_handler("counter", {.counter = "spinlock"}), std::invalid_argument);
}

TEST(Tally, LosesNothingWhoeverAdds) {
  constexpr std::uint64_t kTimes = 10'000;
  for (const auto name : tally_names()) {
    Tally tally(tally_kind(name), 3);
    {
      std::vector<std::jthread> threads;
      for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&] {
          for (std::uint64_t time = 0; time < kTimes; ++time) tally.add();
        });
    }
    EXPECT_EQ(tally.total(), 4 * kTimes) << name;
  }
}

// Without a deadlock, or past each one that is found, everybody gets through, and nothing is lost.
TEST(TransferApp, MovesAndLosesNothing) {
  constexpr std::int64_t kHold_ns = 20'000;
  for (const Locking locking : {Locking::ranked, Locking::retry}) {
    Transfer transfer(locking, kHold_ns, 13);
    std::array<std::uint64_t, 4> counted{};
    {
      std::vector<std::jthread> threads;
      for (std::uint64_t& deadlocks : counted) {
        threads.emplace_back([&] {
          Call call;
          for (int i = 0; i < 200; ++i) {
            Paper paper;
            const auto exchange = call.begin(transfer, {});
            ASSERT_EQ(exchange->produce(paper, call.now), Produce::done);
            ASSERT_EQ(paper.text, "Hello, world!");
          }
          deadlocks = call.counters.errors(Errc::deadlock);
        });
      }
    }
    EXPECT_EQ(transfer.sum(), 0);
    const std::uint64_t all = std::accumulate(counted.begin(), counted.end(), std::uint64_t{0});
    EXPECT_EQ(all, transfer.deadlocks());
    if (locking == Locking::ranked) {
      EXPECT_EQ(all, 0U);
    }
  }
}

TEST(TransferApp, KnowsItsWays) {
  for (const auto name : locking_names()) {
    EXPECT_NE(make_handler("transfer", {.locking = std::string(name)}), nullptr);
  }
  EXPECT_THROW(make_handler("transfer", {.locking = "never"}), std::invalid_argument);
}

TEST(NestApp, GoesAsDeepAsItIsTold) {
  for (const std::size_t bytes : {0U, 1U, 1000U, 100'000U}) {
    const std::size_t depth = descend(bytes);
    EXPECT_GE(depth, bytes);
    EXPECT_LE(depth, bytes + 4000);  // a sanitizer's frames are larger
  }
  Call call;
  Paper paper;
  const auto handler = make_handler("nest", {.nest_bytes = 100'000});
  EXPECT_EQ(call.begin(*handler, {.target = "/deep"})->produce(paper, call.now), Produce::done);
  EXPECT_EQ(paper.text, "Hello, world!");
}

// Set so far ahead that a test which waited for it would not end: one turn of the wheel is 268 ms.
constexpr std::int64_t kFarAhead_ns = 1000 * 268'435'456LL;

// Whether a bell that far ahead has rung before one that was set 400 ms ahead.
bool rings_early(Clockwork clockwork) {
  const auto flag = std::make_shared<Flag>();
  const auto bells = make_bells(clockwork);
  const auto far = std::make_shared<Bell>(Waker());
  const auto near = std::make_shared<Bell>(Waker(flag, 0, 0));
  const Time now{std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::steady_clock::now().time_since_epoch())
                     .count()};
  bells->ring_at(now + kFarAhead_ns, far);
  bells->ring_at(now + 400'000'000, near);
  flag->woken.acquire();
  EXPECT_TRUE(near->rung);
  return far->rung;
}

TEST(Bells, BeyondOneTurnOnlyTheForgetfulRingsEarly) {
  EXPECT_FALSE(rings_early(Clockwork::wheel));
  EXPECT_FALSE(rings_early(Clockwork::rounds));
}

TEST(Bells, AWheelThatForgetsItsRoundsRingsWithTheFirst) {
  const auto flag = std::make_shared<Flag>();
  const auto bells = make_bells(Clockwork::forgotten);
  bells->ring_at({std::numeric_limits<std::int64_t>::max() / 2},
                 std::make_shared<Bell>(Waker(flag, 0, 0)));
  flag->woken.acquire();  // which is in 146 years
}

TEST(Bells, RingInOrderAndDropTheRest) {
  for (const Clockwork clockwork : {Clockwork::wheel, Clockwork::rounds, Clockwork::forgotten}) {
    const auto flag = std::make_shared<Flag>();
    {
      const auto bells = make_bells(clockwork);
      for (int i = 0; i < 100; ++i) {
        bells->ring_at(Time{i}, std::make_shared<Bell>(Waker(flag, 0, 0)));
      }
      for (int i = 0; i < 100; ++i) flag->woken.acquire();
    }
    EXPECT_FALSE(flag->woken.try_acquire());
    EXPECT_EQ(flag.use_count(), 1);
  }
}

TEST(TimerThread, WakesInOrderAndDropsTheRest) {
  auto flag = std::make_shared<Flag>();
  {
    TimerThread timers;
    timers.wake_at(Time::never(), Waker(flag, 0, 0));
    timers.wake_at(Time{2}, Waker(flag, 0, 0));
    timers.wake_at(Time{1}, Waker(flag, 0, 0));
    flag->woken.acquire();
    flag->woken.acquire();
  }
  EXPECT_FALSE(flag->woken.try_acquire());
  EXPECT_EQ(flag.use_count(), 1);
}

}  // namespace
}  // namespace zyphos::app

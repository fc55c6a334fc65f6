// The pool in virtual time: who is served by which connection, and what is done before.
#include "load/pool.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "base/random.h"

namespace zyphos {
namespace {

using Kind = Pool::Step::Kind;
using Steps = std::vector<Pool::Step>;

constexpr std::int64_t kTimeout_ns = 100;

Pool::Step serve(std::uint32_t connection, std::uint64_t request) {
  return {Kind::serve, connection, request};
}
Pool::Step dial(std::uint32_t connection) { return {Kind::dial, connection}; }
Pool::Step check(std::uint32_t connection) { return {Kind::check, connection}; }
Pool::Step close(std::uint32_t connection) { return {Kind::close, connection}; }

Steps steps(Pool& pool, Time now) {
  Steps found;
  while (const auto step = pool.next(now)) found.push_back(*step);
  return found;
}

// `n` connections that have served and are idle since 0, 1, ...
void fill(Pool& pool, std::uint32_t n) {
  for (std::uint32_t i = 0; i < n; ++i) ASSERT_TRUE(pool.ask(i));
  ASSERT_EQ(steps(pool, {}).size(), n);
  for (std::uint32_t i = 0; i < n; ++i) pool.dialed(i);
  ASSERT_EQ(steps(pool, {}).size(), n);
  for (std::uint32_t i = 0; i < n; ++i) pool.released(i, {i});
  ASSERT_EQ(pool.idle(), n);
}

TEST(Pool, DialsForWhoWaitsAndServesInOrder) {
  Pool pool({.connections_max = 2});
  EXPECT_EQ(steps(pool, {}), Steps{});
  for (const std::uint64_t request : {7, 8, 9}) ASSERT_TRUE(pool.ask(request));
  EXPECT_EQ(steps(pool, {}), (Steps{dial(0), dial(1)}));
  pool.dialed(1);
  EXPECT_EQ(steps(pool, {}), Steps{serve(1, 7)});
  pool.dialed(0);
  EXPECT_EQ(steps(pool, {}), Steps{serve(0, 8)});
  EXPECT_EQ(pool.waiting(), 1U);
  pool.released(1, {5});
  EXPECT_EQ(steps(pool, {5}), Steps{serve(1, 9)});
  EXPECT_EQ(pool.counts().served, 3U);
  EXPECT_EQ(pool.counts().reused, 1U);
  EXPECT_EQ(pool.counts().dialed, 2U);
}

TEST(Pool, OneWhoWaitsIsDialedForOnce) {
  Pool pool({.connections_max = 4});
  ASSERT_TRUE(pool.ask(1));
  EXPECT_EQ(steps(pool, {}), Steps{dial(0)});
  EXPECT_EQ(steps(pool, {}), Steps{});
  ASSERT_TRUE(pool.ask(2));
  EXPECT_EQ(steps(pool, {}), Steps{dial(1)});
}

TEST(Pool, WhatComesBackFirstServesAndTheDialStaysForTheNext) {
  Pool pool({.connections_max = 2});
  fill(pool, 1);
  ASSERT_TRUE(pool.ask(1));
  ASSERT_TRUE(pool.ask(2));
  EXPECT_EQ(steps(pool, {}), (Steps{serve(0, 1), dial(1)}));
  pool.released(0, {3});
  EXPECT_EQ(steps(pool, {3}), Steps{serve(0, 2)});
  pool.dialed(1);
  EXPECT_EQ(steps(pool, {3}), Steps{});
  EXPECT_EQ(pool.idle(), 1U);
  ASSERT_TRUE(pool.ask(3));
  EXPECT_EQ(steps(pool, {4}), Steps{serve(1, 3)});
  EXPECT_EQ(pool.counts().reused, 2U);  // not the last: it had served nobody
}

TEST(Pool, TheLastInIsTheFirstOut) {
  Pool pool({.connections_max = 3, .order = PoolOrder::lifo});
  fill(pool, 3);
  for (const std::uint64_t request : {1, 2, 3}) ASSERT_TRUE(pool.ask(request));
  EXPECT_EQ(steps(pool, {9}), (Steps{serve(2, 1), serve(1, 2), serve(0, 3)}));
}

TEST(Pool, OrTheOneThatHasWaitedLongest) {
  Pool pool({.connections_max = 3, .order = PoolOrder::fifo});
  fill(pool, 3);
  for (const std::uint64_t request : {1, 2, 3}) ASSERT_TRUE(pool.ask(request));
  EXPECT_EQ(steps(pool, {9}), (Steps{serve(0, 1), serve(1, 2), serve(2, 3)}));
}

TEST(Pool, TheQueueIsBounded) {
  Pool pool({.connections_max = 2, .waiting_max = 1});
  for (const std::uint64_t request : {1, 2, 3}) EXPECT_TRUE(pool.ask(request));
  EXPECT_FALSE(pool.ask(4));
  EXPECT_EQ(steps(pool, {}), (Steps{dial(0), dial(1)}));
  EXPECT_FALSE(pool.ask(5));
  pool.dialed(0);
  pool.dialed(1);
  EXPECT_EQ(steps(pool, {}).size(), 2U);
  EXPECT_FALSE(pool.ask(6));
  pool.released(0, {1});
  EXPECT_EQ(steps(pool, {1}), Steps{serve(0, 3)});
  EXPECT_TRUE(pool.ask(7));
  EXPECT_EQ(pool.counts().refused, 3U);
}

TEST(Pool, WithoutAQueueWhoComesIsServedOrRefused) {
  Pool pool({.connections_max = 1, .waiting_max = 0});
  EXPECT_TRUE(pool.ask(1));
  EXPECT_FALSE(pool.ask(2));
  EXPECT_EQ(steps(pool, {}), Steps{dial(0)});
  pool.dialed(0);
  EXPECT_EQ(steps(pool, {}), Steps{serve(0, 1)});
  EXPECT_FALSE(pool.ask(3));
  pool.released(0, {1});
  EXPECT_TRUE(pool.ask(4));
  EXPECT_EQ(steps(pool, {1}), Steps{serve(0, 4)});
}

TEST(Pool, WhatIsIdleForTooLongIsClosedAndNeverServes) {
  Pool pool({.connections_max = 2, .idle_timeout_ns = kTimeout_ns});
  fill(pool, 2);
  EXPECT_EQ(pool.due(), Time{kTimeout_ns});
  EXPECT_EQ(steps(pool, {kTimeout_ns - 1}), Steps{});
  ASSERT_TRUE(pool.ask(5));
  EXPECT_EQ(steps(pool, {kTimeout_ns + 1}), (Steps{close(0), close(1), dial(1)}));
  EXPECT_EQ(pool.due(), Time::never());
  EXPECT_EQ(pool.counts().timed_out, 2U);
  EXPECT_EQ(pool.open(), 1U);
}

TEST(Pool, WhoServesDoesNotTimeOut) {
  Pool pool({.connections_max = 1, .idle_timeout_ns = kTimeout_ns});
  fill(pool, 1);
  ASSERT_TRUE(pool.ask(1));
  EXPECT_EQ(steps(pool, {50}), Steps{serve(0, 1)});
  EXPECT_EQ(steps(pool, {10'000}), Steps{});
  pool.released(0, {10'000});
  EXPECT_EQ(pool.due(), Time{10'000 + kTimeout_ns});
}

TEST(Pool, WhatWasIdleForAWhileIsCheckedBeforeItServes) {
  Pool pool({.connections_max = 2, .check_after_ns = 10});
  fill(pool, 1);
  ASSERT_TRUE(pool.ask(1));
  EXPECT_EQ(steps(pool, {9}), Steps{serve(0, 1)});
  pool.released(0, {9});
  ASSERT_TRUE(pool.ask(2));
  EXPECT_EQ(steps(pool, {19}), Steps{check(0)});
  pool.sound(0);
  EXPECT_EQ(steps(pool, {19}), Steps{serve(0, 2)});
  EXPECT_EQ(pool.counts().checked, 1U);
}

TEST(Pool, ADeadOneIsReplacedAndNobodyIsLost) {
  Pool pool({.connections_max = 1, .check_after_ns = 0});
  fill(pool, 1);
  ASSERT_TRUE(pool.ask(1));
  EXPECT_EQ(steps(pool, {}), Steps{check(0)});
  pool.gone(0);
  EXPECT_EQ(steps(pool, {}), Steps{dial(0)});
  pool.gone(0);
  EXPECT_EQ(steps(pool, {}), Steps{dial(0)});
  pool.dialed(0);
  EXPECT_EQ(steps(pool, {}), Steps{serve(0, 1)});
}

TEST(Pool, ARequestThatWasNotTakenIsTheNextAgain) {
  Pool pool({.connections_max = 2, .waiting_max = 1});
  for (const std::uint64_t request : {1, 2, 3}) ASSERT_TRUE(pool.ask(request));
  EXPECT_EQ(steps(pool, {}), (Steps{dial(0), dial(1)}));
  pool.dialed(0);
  EXPECT_EQ(steps(pool, {}), Steps{serve(0, 1)});
  pool.untaken(0, 1);
  EXPECT_FALSE(pool.ask(4));
  EXPECT_EQ(steps(pool, {}), Steps{dial(0)});
  pool.dialed(1);
  EXPECT_EQ(steps(pool, {}), Steps{serve(1, 1)});
  EXPECT_EQ(pool.give_up(), 2U);
  EXPECT_EQ(pool.give_up(), 3U);
  EXPECT_EQ(pool.give_up(), std::nullopt);
  EXPECT_EQ(pool.counts().served, 1U);
}

TEST(Pool, AConnectionMayEndInEveryState) {
  Pool pool({.connections_max = 4});
  fill(pool, 3);
  pool.gone(1);  // idle, in the middle
  EXPECT_EQ(pool.idle(), 2U);
  pool.gone(1);  // closed
  ASSERT_TRUE(pool.ask(1));
  EXPECT_EQ(steps(pool, {9}), Steps{serve(2, 1)});
  pool.gone(2);  // serving
  for (const std::uint64_t request : {2, 3, 4}) ASSERT_TRUE(pool.ask(request));
  const Steps found = steps(pool, {9});
  EXPECT_EQ(found, (Steps{serve(0, 2), dial(2), dial(1)}));
  pool.dialed(2);
  pool.gone(2);  // ready
  pool.gone(1);  // dialing
  EXPECT_EQ(pool.open(), 1U);
  EXPECT_EQ(pool.waiting(), 2U);
  EXPECT_EQ(steps(pool, {9}), (Steps{dial(1), dial(2)}));
}

// A driver whose connections and requests end as chance has it. Who asks is served once and in
// order, no connection serves two, none beyond the limits.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed), options_(draw()), pool_(options_) {}

  void turn() {
    now_ = now_ + static_cast<std::int64_t>(random_.below(20));
    const std::uint64_t choice = random_.below(10);
    if (choice < 4) ask();
    if (choice >= 4 && choice < 7) release();
    if (choice == 7) lose();
    if (choice > 7) settle();
    obey();
  }

  // Nobody asks any more and nothing is lost: all are served.
  void end() {
    for (int i = 0; i < 10'000 && !waiting_.empty(); ++i) {
      settle();
      release();
      obey();
    }
    EXPECT_TRUE(waiting_.empty());
    EXPECT_EQ(pool_.waiting(), 0U);
    EXPECT_EQ(pool_.counts().served + pool_.counts().refused, asked_);
  }

 private:
  PoolOptions draw() {
    PoolOptions options{.connections_max = 1 + random_.below(5), .waiting_max = random_.below(4)};
    options.idle_timeout_ns = random_.below(2) == 0 ? 0 : kTimeout_ns;
    if (random_.below(2) == 0) options.check_after_ns = random_.below(50);
    options.order = random_.below(2) == 0 ? PoolOrder::lifo : PoolOrder::fifo;
    return options;
  }

  void ask() {
    const bool full =
        waiting_.size() + serving_.size() >= options_.connections_max + options_.waiting_max;
    EXPECT_EQ(pool_.ask(asked_), !full);
    if (!full) waiting_.push_back(asked_);
    ++asked_;
  }
  void release() {
    if (serving_.empty()) return;
    const std::uint32_t connection = any_of(serving_);
    serving_.erase(connection);
    idle_since_[connection] = now_;
    pool_.released(connection, now_);
  }
  void lose() {
    const auto connection = static_cast<std::uint32_t>(random_.below(options_.connections_max));
    for (auto* set : {&serving_, &dialing_, &checking_}) set->erase(connection);
    idle_since_.erase(connection);
    pool_.gone(connection);
  }
  void settle() {
    for (const std::uint32_t one : dialing_) pool_.dialed(one);
    for (const std::uint32_t one : checking_) pool_.sound(one);
    dialing_.clear();
    checking_.clear();
  }

  void obey() {
    while (const auto step = pool_.next(now_)) {
      const std::uint32_t connection = step->connection;
      ASSERT_LT(connection, options_.connections_max);
      for (auto* set : {&serving_, &dialing_, &checking_}) EXPECT_FALSE(set->contains(connection));
      const bool was_idle = idle_since_.contains(connection);
      const std::int64_t idle_ns = was_idle ? now_ - idle_since_[connection] : 0;
      idle_since_.erase(connection);
      if (step->kind == Kind::dial) dialing_.insert(connection);
      if (step->kind == Kind::check) checking_.insert(connection);
      if (was_idle && options_.idle_timeout_ns > 0) {
        EXPECT_EQ(step->kind == Kind::close, idle_ns >= kTimeout_ns);
      }
      if (step->kind != Kind::serve) continue;
      ASSERT_FALSE(waiting_.empty());
      EXPECT_EQ(step->request, waiting_.front());
      waiting_.pop_front();
      serving_.insert(connection);
    }
    EXPECT_EQ(pool_.waiting(), waiting_.size());
    EXPECT_LE(pool_.open(), options_.connections_max);
  }

  std::uint32_t any_of(const std::set<std::uint32_t>& set) {
    return *std::next(set.begin(), static_cast<std::ptrdiff_t>(random_.below(set.size())));
  }

  Random random_;
  PoolOptions options_;
  Pool pool_;
  Time now_{};
  std::uint64_t asked_ = 0;
  std::deque<std::uint64_t> waiting_;
  std::set<std::uint32_t> serving_;
  std::set<std::uint32_t> dialing_;
  std::set<std::uint32_t> checking_;
  std::map<std::uint32_t, Time> idle_since_;  // of those that have served
};

TEST(Pool, KeepsItsRulesWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int i = 0; i < 500; ++i) model.turn();
    model.end();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace zyphos

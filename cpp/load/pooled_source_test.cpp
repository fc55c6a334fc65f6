// Arrivals through a pool of connections, in virtual time.
#include "load/pooled_source.h"

#include <gtest/gtest.h>

#include <vector>

namespace zyphos {
namespace {

using Kind = Order::Kind;

constexpr Time at(std::int64_t ms) { return {ms * kMillisecond_ns}; }

// 100 requests a second, until 100 ms.
std::unique_ptr<Source> make(const PoolOptions& pool, std::uint32_t channels) {
  LoadOptions options;
  options.arrival = {.law = Law::constant, .rate_per_second = 100.0};
  options.pooled = true;
  options.pool = pool;
  auto source = make_source(options, channels, 0, Random(1));
  source->run(at(0), {at(0), at(100)});
  return source;
}

// {kind, channel} in their order.
std::vector<std::pair<Kind, std::uint32_t>> orders(Source& source) {
  std::vector<std::pair<Kind, std::uint32_t>> found;
  for (Order order; source.order(order);) found.emplace_back(order.kind, order.channel);
  return found;
}

using Orders = std::vector<std::pair<Kind, std::uint32_t>>;

// Of the arrivals of a constant law, whose first comes within the first distance.
Time first_of(Source& source) { return source.due(); }

TEST(PooledSource, DialsWhenARequestComesAndItsTimeRuns) {
  auto source = make({}, 2);
  const Time first = first_of(*source);
  Ticket ticket;
  EXPECT_FALSE(source->peek({first.ns - 1}, ticket));
  EXPECT_EQ(orders(*source), Orders{});
  EXPECT_FALSE(source->peek(first, ticket));
  EXPECT_EQ(orders(*source), (Orders{{Kind::dial, 0}}));
  source->joined(0, first + 3);
  ASSERT_TRUE(source->peek(first + 3, ticket));
  EXPECT_EQ(ticket.scheduled, first);
  EXPECT_EQ(ticket.channel, 0U);
  source->take();
  source->freed(0, first + 5);
  ASSERT_TRUE(source->peek(first + 10 * kMillisecond_ns, ticket)) << "kept for the next";
  EXPECT_EQ(ticket.scheduled, first + 10 * kMillisecond_ns);
  EXPECT_EQ(orders(*source), Orders{});
}

TEST(PooledSource, WhatIsShownAndNotTakenGoesToAnother) {
  auto source = make({}, 1);
  const Time first = first_of(*source);
  Ticket ticket;
  EXPECT_FALSE(source->peek(first, ticket));
  source->joined(0, first);
  EXPECT_EQ(orders(*source), (Orders{{Kind::dial, 0}}));
  ASSERT_TRUE(source->peek(first, ticket));
  source->lost(0);
  EXPECT_FALSE(source->peek(first, ticket));
  EXPECT_EQ(orders(*source), (Orders{{Kind::dial, 0}}));
  source->joined(0, first);
  ASSERT_TRUE(source->peek(first, ticket));
  EXPECT_EQ(ticket.scheduled, first);
}

TEST(PooledSource, WhoFindsNoRoomIsTold) {
  auto source = make({.waiting_max = 1}, 1);
  const Time first = first_of(*source);
  Ticket ticket;
  EXPECT_FALSE(source->peek(first + 25 * kMillisecond_ns, ticket));
  Time scheduled;
  ASSERT_TRUE(source->refused(scheduled));
  EXPECT_EQ(scheduled, first + 20 * kMillisecond_ns);
  EXPECT_FALSE(source->refused(scheduled));
}

TEST(PooledSource, AnIdleConnectionIsCheckedAndThenClosed) {
  auto source = make({.idle_timeout_ns = 15 * kMillisecond_ns, .check_after_ns = 0}, 1);
  const Time first = first_of(*source);
  Ticket ticket;
  EXPECT_FALSE(source->peek(first, ticket));
  source->joined(0, first);
  ASSERT_TRUE(source->peek(first, ticket));
  source->take();
  source->freed(0, first);
  orders(*source);
  EXPECT_EQ(source->due(), first + 10 * kMillisecond_ns);
  EXPECT_FALSE(source->peek(first + 10 * kMillisecond_ns, ticket));
  EXPECT_EQ(orders(*source), (Orders{{Kind::check, 0}}));
  source->sound(0);
  ASSERT_TRUE(source->peek(first + 10 * kMillisecond_ns, ticket));
  source->take();
  source->freed(0, first + 10 * kMillisecond_ns);
  source->stop(first + 11 * kMillisecond_ns);
  EXPECT_EQ(source->due(), first + 25 * kMillisecond_ns);
  EXPECT_FALSE(source->peek(first + 25 * kMillisecond_ns, ticket));
  EXPECT_EQ(orders(*source), (Orders{{Kind::close, 0}}));
  EXPECT_TRUE(source->due().is_never());
}

TEST(PooledSource, WhoeverStillWaitsAtTheEndIsCounted) {
  auto source = make({}, 1);
  const Time first = first_of(*source);
  Ticket ticket;
  EXPECT_FALSE(source->peek(first + 10 * kMillisecond_ns, ticket));
  source->stop(first + 30 * kMillisecond_ns);
  EXPECT_TRUE(source->has_backlog());
  std::vector<Time> found;
  for (Time scheduled; source->backlog(scheduled);) found.push_back(scheduled);
  EXPECT_EQ(found,
            (std::vector<Time>{first, first + 10 * kMillisecond_ns, first + 20 * kMillisecond_ns}));
  EXPECT_FALSE(source->has_backlog());
}

TEST(PooledSource, AnAnswerOfALostConnectionFreesNothing) {
  auto source = make({}, 1);
  const Time first = first_of(*source);
  Ticket ticket;
  EXPECT_FALSE(source->peek(first, ticket));
  source->joined(0, first);
  ASSERT_TRUE(source->peek(first, ticket));
  source->take();
  source->lost(0);
  source->freed(0, first);
  source->lost(0);
  EXPECT_FALSE(source->peek(first, ticket));
}

}  // namespace
}  // namespace zyphos

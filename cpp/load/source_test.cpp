#include "load/source.h"

#include <gtest/gtest.h>

#include <vector>

namespace zyphos {
namespace {

constexpr Time at(std::int64_t ms) { return {ms * kMillisecond_ns}; }

LoadOptions options(Law law, double rate, std::size_t pipeline, std::int64_t think_ns = 0) {
  LoadOptions out;
  out.arrival.law = law;
  out.arrival.rate_per_second = rate;
  out.arrival.think_ns = think_ns;
  out.pipeline = pipeline;
  return out;
}

std::unique_ptr<Source> make(const LoadOptions& with, std::uint32_t channels) {
  return make_source(with, channels, 0, Random(1));
}

std::vector<Ticket> take_all(Source& source, Time now) {
  std::vector<Ticket> out;
  for (Ticket ticket; source.peek(now, ticket); source.take()) out.push_back(ticket);
  return out;
}

TEST(ClosedSource, AnsweredBatchesMakeTheNext) {
  auto source = make(options(Law::closed, 0.0, 2), 2);
  source->joined(0, at(0));
  source->joined(1, at(0));
  source->run(at(10), {at(10), at(100)});
  EXPECT_TRUE(take_all(*source, at(9)).empty());
  EXPECT_EQ(source->due(), at(10));
  EXPECT_EQ(take_all(*source, at(10)).size(), 4U);
  EXPECT_TRUE(source->due().is_never());
  source->freed(1, at(20));
  EXPECT_TRUE(take_all(*source, at(20)).empty()) << "the other of its two is still unanswered";
  source->freed(1, at(21));
  const auto next = take_all(*source, at(21));
  ASSERT_EQ(next.size(), 2U);
  EXPECT_EQ(next[0].channel, 1U);
  EXPECT_EQ(next[0].scheduled, at(21));
  source->freed(0, at(100));
  source->freed(0, at(100));
  EXPECT_TRUE(take_all(*source, at(101)).empty()) << "nothing at or after the end";
  EXPECT_FALSE(source->has_backlog());
}

TEST(ClosedSource, UsersThinkAndStartSpreadOut) {
  auto source = make(options(Law::closed, 0.0, 1, 10 * kMillisecond_ns), 8);
  for (std::uint32_t i = 0; i < 8; ++i) source->joined(i, at(0));
  source->run(at(0), {at(0), at(1000)});
  const auto first = take_all(*source, at(10));
  ASSERT_EQ(first.size(), 8U);
  for (std::size_t i = 1; i < first.size(); ++i) {
    EXPECT_GE(first[i].scheduled, first[i - 1].scheduled);
  }
  EXPECT_LT(first.front().scheduled, first.back().scheduled);
  source->freed(3, at(20));
  EXPECT_EQ(source->due(), at(30));
  EXPECT_TRUE(take_all(*source, at(29)).empty());
  EXPECT_EQ(take_all(*source, at(30)).size(), 1U);
}

TEST(ClosedSource, UsersOfALostConnectionComeBackWithIt) {
  auto source = make(options(Law::closed, 0.0, 3), 2);
  source->joined(0, at(0));
  source->joined(1, at(0));
  source->run(at(0), {at(0), at(1000)});
  source->lost(0);
  for (const Ticket& ticket : take_all(*source, at(1))) EXPECT_EQ(ticket.channel, 1U);
  source->freed(0, at(2));  // an answer that came before the end was seen
  EXPECT_TRUE(take_all(*source, at(2)).empty());
  source->joined(0, at(5));
  const auto again = take_all(*source, at(5));
  ASSERT_EQ(again.size(), 3U);
  EXPECT_EQ(again[0].channel, 0U);
  EXPECT_EQ(again[0].scheduled, at(5));
}

TEST(OpenSource, ConnectionsTakeTurns) {
  auto source = make(options(Law::constant, 1000.0, 2), 3);
  for (std::uint32_t i = 0; i < 3; ++i) source->joined(i, at(0));
  source->run(at(0), {at(0), at(1000)});
  const auto tickets = take_all(*source, at(5));
  ASSERT_EQ(tickets.size(), 6U);
  for (std::size_t k = 0; k < 6; ++k) {
    EXPECT_EQ(tickets[k].channel, k % 3);
    EXPECT_EQ(tickets[k].scheduled, at(static_cast<std::int64_t>(k)));
  }
}

TEST(OpenSource, ArrivalsWaitForAPlaceAndKeepTheirTime) {
  auto source = make(options(Law::constant, 1000.0, 1), 1);
  source->joined(0, at(0));
  source->run(at(0), {at(0), at(10)});
  EXPECT_EQ(take_all(*source, at(0)).size(), 1U);
  EXPECT_TRUE(source->due().is_never()) << "only a free place can help";
  EXPECT_TRUE(take_all(*source, at(5)).empty());
  source->freed(0, at(5));
  const auto late = take_all(*source, at(5));
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].scheduled, at(1));
  // The rest of the schedule is never dropped: it is the backlog.
  EXPECT_TRUE(source->has_backlog());
  Time scheduled;
  std::int64_t next = 2;
  while (source->backlog(scheduled)) EXPECT_EQ(scheduled, at(next++));
  EXPECT_EQ(next, 10);
}

TEST(OpenSource, ALostConnectionsArrivalsGoToAnother) {
  auto source = make(options(Law::constant, 1000.0, 4), 2);
  source->joined(0, at(0));
  source->joined(1, at(0));
  source->run(at(0), {at(0), at(100)});
  source->lost(0);
  for (const Ticket& ticket : take_all(*source, at(50))) EXPECT_EQ(ticket.channel, 1U);
  source->joined(0, at(50));
  const auto tickets = take_all(*source, at(50));
  ASSERT_EQ(tickets.size(), 4U);
  EXPECT_EQ(tickets[0].scheduled, at(4));
}

TEST(OpenSource, StopEndsTheSchedule) {
  auto source = make(options(Law::poisson, 1000.0, 1), 1);
  source->run(at(0), {at(0), at(1000)});
  source->stop(at(10));
  Time scheduled;
  std::size_t n = 0;
  for (; source->backlog(scheduled); ++n) EXPECT_LT(scheduled, at(10));
  EXPECT_GT(n, 0U);
  EXPECT_LT(n, 100U);
}

}  // namespace
}  // namespace zyphos

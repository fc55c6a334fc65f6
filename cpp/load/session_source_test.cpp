// The partly open law in virtual time.
#include "load/session_source.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <map>
#include <vector>

#include "load/fit.h"

namespace zyphos {
namespace {

constexpr Time at(std::int64_t ms) { return {ms * kMillisecond_ns}; }

std::unique_ptr<Source> make(double rate, double mean, std::int64_t think_ms,
                             std::uint32_t channels, std::size_t places = 1,
                             std::uint64_t seed = 1) {
  LoadOptions options;
  options.arrival = {.law = Law::partly_open,
                     .rate_per_second = rate,
                     .think_ns = think_ms * kMillisecond_ns,
                     .requests_mean = mean};
  options.pipeline = places;
  auto source = make_source(options, channels, 0, Random(seed));
  for (std::uint32_t i = 0; i < channels; ++i) source->joined(i, at(0));
  return source;
}

// What was asked, and when, of a server that answers each after `service_ns`.
struct Asked {
  std::vector<Ticket> tickets;
  std::vector<Time> sent;
  std::size_t sessions = 0;
};

Asked play(Source& source, Time end, std::int64_t service_ns) {
  source.run(at(0), {at(0), end});
  Asked out;
  std::deque<std::pair<Time, std::uint32_t>> answers;
  Time now = at(0);
  for (;;) {
    const Time answer = answers.empty() ? Time::never() : answers.front().first;
    now = std::max(now, std::min(source.due(), answer));
    if (now.is_never()) return out;
    if (answer <= now) {
      source.freed(answers.front().second, now);
      answers.pop_front();
    }
    for (Ticket ticket; source.peek(now, ticket); source.take()) {
      out.tickets.push_back(ticket);
      out.sent.push_back(now);
      out.sessions += ticket.opens_session ? 1 : 0;
      answers.emplace_back(now + service_ns, ticket.channel);
    }
  }
}

TEST(SessionSource, SessionsAreGeometricAndComeAsPoisson) {
  const auto source = make(1000.0, 4.0, 1, 500);
  const Time end = at(60'000);
  const Asked asked = play(*source, end, kMillisecond_ns);
  const auto sessions = static_cast<double>(asked.sessions);
  EXPECT_NEAR(sessions, 60'000.0, 5 * std::sqrt(60'000.0)) << "seed 1";
  EXPECT_NEAR(static_cast<double>(asked.tickets.size()) / sessions, 4.0, 0.1);
  ArrivalOptions declared{.law = Law::partly_open, .rate_per_second = 1000.0, .requests_mean = 4.0};
  Fit fit(declared, 1);
  Fit all(declared, 1);
  fit.window({at(0), end});
  all.window({at(0), end});
  for (std::size_t i = 0; i < asked.tickets.size(); ++i) {
    all.sent(asked.sent[i]);
    if (asked.tickets[i].opens_session) fit.sent(asked.sent[i]);
  }
  EXPECT_LT(fit.distance(end).value_or(1.0), 0.02);
  EXPECT_GT(all.distance(end).value_or(0.0), 0.3) << "requests are not Poisson, sessions are";
}

TEST(SessionSource, LengthsAreThoseOfTheGeometricLaw) {
  // One connection, rare sessions, so that they do not mix.
  const auto source = make(10.0, 3.0, 1, 1);
  const Asked asked = play(*source, at(2'000'000), kMillisecond_ns / 100);
  std::map<std::size_t, std::size_t> lengths;
  std::size_t length = 0;
  for (const Ticket& ticket : asked.tickets) {
    if (ticket.opens_session && length > 0) {
      ++lengths[length];
      length = 0;
    }
    ++length;
  }
  const auto sessions = static_cast<double>(asked.sessions);
  for (std::size_t n = 1; n <= 5; ++n) {
    const double p = std::pow(2.0 / 3.0, static_cast<double>(n - 1)) / 3.0;
    EXPECT_NEAR(static_cast<double>(lengths[n]) / sessions, p,
                5 * std::sqrt(p * (1 - p) / sessions))
        << n;
  }
}

TEST(SessionSource, OneRequestASessionIsTheOpenLaw) {
  LoadOptions open;
  open.arrival = {.law = Law::poisson, .rate_per_second = 500.0};
  const auto sessions = make(500.0, 1.0, 0, 4);
  const auto requests = make_source(open, 4, 0, Random(1));
  for (std::uint32_t i = 0; i < 4; ++i) requests->joined(i, at(0));
  const Asked a = play(*sessions, at(5000), 3 * kMillisecond_ns);
  const Asked b = play(*requests, at(5000), 3 * kMillisecond_ns);
  ASSERT_EQ(a.tickets.size(), b.tickets.size());
  for (std::size_t i = 0; i < a.tickets.size(); ++i) {
    ASSERT_EQ(a.tickets[i].scheduled, b.tickets[i].scheduled);
    ASSERT_EQ(a.sent[i], b.sent[i]);
  }
}

TEST(SessionSource, TheNextRequestIsDueAfterThinkingOnTheSameConnection) {
  const auto source = make(1.0, 1e9, 20, 2);
  source->run(at(0), {at(0), at(1'000'000)});
  const Time first = source->due();
  Ticket ticket;
  ASSERT_TRUE(source->peek(first, ticket));
  EXPECT_TRUE(ticket.opens_session);
  const std::uint32_t channel = ticket.channel;
  source->take();
  source->freed(channel, first + 5 * kMillisecond_ns);
  EXPECT_EQ(source->due(), first + 25 * kMillisecond_ns);
  EXPECT_FALSE(source->peek(first + 24 * kMillisecond_ns, ticket));
  ASSERT_TRUE(source->peek(first + 30 * kMillisecond_ns, ticket));
  EXPECT_FALSE(ticket.opens_session);
  EXPECT_EQ(ticket.channel, channel);
  EXPECT_EQ(ticket.scheduled, first + 25 * kMillisecond_ns) << "its time runs from when it was due";
}

TEST(SessionSource, SessionsQueueForAConnectionAndAreNeverDropped) {
  const auto source = make(1000.0, 1e9, 20, 2);
  source->run(at(0), {at(0), at(1000)});
  Ticket ticket;
  std::size_t taken = 0;
  for (; source->peek(at(500), ticket); source->take()) ++taken;
  EXPECT_EQ(taken, 2U) << "each keeps its connection";
  EXPECT_TRUE(source->has_backlog());
  // Those who have a connection go on while others wait for one.
  source->freed(0, at(500));
  EXPECT_EQ(source->due(), at(520));
  ASSERT_TRUE(source->peek(at(520), ticket));
  EXPECT_EQ(ticket.channel, 0U);
  EXPECT_FALSE(ticket.opens_session);
  source->take();
  std::size_t waiting = 0;
  Time last = at(0);
  for (Time scheduled; source->backlog(scheduled); ++waiting) {
    EXPECT_GE(scheduled, last);
    EXPECT_LT(scheduled, at(1000));
    last = scheduled;
  }
  EXPECT_NEAR(static_cast<double>(waiting), 998.0, 160.0);
  EXPECT_FALSE(source->has_backlog());
}

TEST(SessionSource, TheSameSeedMakesTheSameSessionsHoweverSlowTheServer) {
  const auto quick = make(200.0, 5.0, 0, 300, 1, 9);
  const auto slow = make(200.0, 5.0, 0, 300, 1, 9);
  const Asked a = play(*quick, at(10'000), 1000);
  const Asked b = play(*slow, at(10'000), 7 * kMillisecond_ns);
  std::vector<Time> opened;
  for (const Ticket& ticket : a.tickets) {
    if (ticket.opens_session) opened.push_back(ticket.scheduled);
  }
  std::size_t i = 0;
  for (const Ticket& ticket : b.tickets) {
    if (!ticket.opens_session) continue;
    ASSERT_LT(i, opened.size());
    ASSERT_EQ(ticket.scheduled, opened[i++]);
  }
  EXPECT_EQ(i, opened.size());
}

TEST(SessionSource, WithItsConnectionASessionIsGone) {
  const auto source = make(1000.0, 1e9, 10, 1, 2);
  source->run(at(0), {at(0), at(1000)});
  Ticket ticket;
  for (; source->peek(at(100), ticket);) source->take();
  source->freed(0, at(100));  // one thinks, one waits for its answer
  source->lost(0);
  source->freed(0, at(101));
  EXPECT_FALSE(source->peek(at(200), ticket));
  source->joined(0, at(200));
  std::size_t taken = 0;
  for (; source->peek(at(200), ticket); source->take(), ++taken) EXPECT_TRUE(ticket.opens_session);
  EXPECT_EQ(taken, 2U);
}

TEST(SessionSource, StopEndsWhatWasYetToCome) {
  const auto source = make(1000.0, 1e9, 50, 1);
  source->run(at(0), {at(0), at(1000)});
  Ticket ticket;
  ASSERT_TRUE(source->peek(at(100), ticket));
  source->take();
  source->freed(0, at(100));
  source->stop(at(120));
  EXPECT_TRUE(source->due().is_never());
  EXPECT_FALSE(source->peek(at(200), ticket));
  for (Time scheduled; source->backlog(scheduled);) EXPECT_LT(scheduled, at(120));
}

}  // namespace
}  // namespace zyphos

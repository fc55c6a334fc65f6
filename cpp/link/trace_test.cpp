#include "link/trace.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace zyphos::link {
namespace {

std::int64_t ms(std::int64_t value) { return value * kMillisecond_ns; }

TracedLine line_of(std::vector<std::int64_t> times_ms, Time start = {}) {
  for (std::int64_t& time : times_ms) time = ms(time);
  return {std::make_shared<const Trace>(Trace{times_ms}), start};
}

// When packets of these sizes, all there at `ready`, are sent; in milliseconds.
std::vector<std::int64_t> sent(TracedLine& line, const std::vector<std::size_t>& sizes,
                               Time ready) {
  std::vector<std::int64_t> times;
  times.reserve(sizes.size());
  for (const std::size_t size : sizes) {
    times.push_back(line.send(size, line.begins(ready)).ns / kMillisecond_ns);
  }
  return times;
}

using Times = std::vector<std::int64_t>;

TEST(Trace, OneFullPacketLeavesAtEachOpportunity) {
  TracedLine line = line_of({10, 20, 20, 35});
  EXPECT_EQ(sent(line, std::vector<std::size_t>(9, 1500), Time{0}),
            (Times{10, 20, 20, 35, 45, 55, 55, 70, 80}));
}

TEST(Trace, SmallPacketsShareAnOpportunity) {
  TracedLine line = line_of({10, 20});
  EXPECT_EQ(sent(line, {500, 500, 500, 1, 1499}, Time{0}), (Times{10, 10, 10, 20, 20}));
}

TEST(Trace, ALargePacketTakesSeveral) {
  TracedLine line = line_of({10, 20, 30});
  EXPECT_EQ(sent(line, {4000, 500, 1}, Time{0}), (Times{30, 30, 40}));
}

TEST(Trace, WhatIsNotUsedInTimeIsLost) {
  TracedLine line = line_of({10, 20, 30});
  EXPECT_EQ(sent(line, {100}, Time{0}), (Times{10}));
  // The rest of the first one has passed, the second is taken by who is there in time.
  EXPECT_EQ(sent(line, {100}, Time{ms(10) + 1}), (Times{20}));
  EXPECT_EQ(sent(line, {1500}, Time{ms(20)}), (Times{30}));
}

TEST(Trace, ARoundsEndBelongsToIt) {
  TracedLine line = line_of({0, 10});
  EXPECT_EQ(sent(line, {1500}, Time{0}), (Times{0}));
  EXPECT_EQ(sent(line, {1500, 1500, 1500}, Time{ms(10)}), (Times{10, 10, 20}));
}

TEST(Trace, BeginsAtItsStart) {
  TracedLine line = line_of({10}, Time{ms(1000)});
  EXPECT_EQ(sent(line, {1500, 1500}, Time{ms(1000)}), (Times{1010, 1020}));
  EXPECT_EQ(sent(line, {1500}, Time{ms(3'600'000)}), (Times{3'600'000}));
}

TEST(Trace, HoldsItsRateOverManyRounds) {
  TracedLine line = line_of({1, 2, 3, 5});  // 4 packets in 5 ms: 9.6 Mbit/s
  Time last{};
  for (int i = 0; i < 40'000; ++i) last = line.send(1500, line.begins(Time{}));
  EXPECT_EQ(last.ns, ms(50'000));
}

class TraceFile : public ::testing::Test {
 protected:
  std::expected<Trace, std::string> read(const std::string& text) {
    std::ofstream(path_) << text;
    return read_trace(path_);
  }
  void TearDown() override { std::remove(path_.c_str()); }

  std::string path_ = ::testing::TempDir() + "zy-trace-" + std::to_string(getpid());
};

TEST_F(TraceFile, IsReadWholly) {
  const auto trace = read("0\n5\n5\r\n12\n");
  ASSERT_TRUE(trace.has_value()) << trace.error();
  EXPECT_EQ(trace->at_ns, (Times{0, ms(5), ms(5), ms(12)}));
}

TEST_F(TraceFile, SaysWhatIsWrongAndWhere) {
  const auto error = [this](const std::string& text) {
    const auto trace = read(text);
    return trace ? std::string() : trace.error().substr(path_.size());
  };
  EXPECT_EQ(error("1\nx\n"), ":2: must be a time in whole milliseconds");
  EXPECT_EQ(error("1\n\n"), ":2: must be a time in whole milliseconds");
  EXPECT_EQ(error("-1\n"), ":1: must be a time in whole milliseconds");
  EXPECT_EQ(error("99999999999999999999\n"), ":1: must be a time in whole milliseconds");
  EXPECT_EQ(error("5\n4\n"), ":2: must not be before the line above");
  EXPECT_EQ(error(""), ": must have a last time above 0, the trace's length");
  EXPECT_EQ(error("0\n0\n"), ": must have a last time above 0, the trace's length");
  const auto missing = read_trace("/nowhere/at/all");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error(), "cannot read /nowhere/at/all");
}

}  // namespace
}  // namespace zyphos::link

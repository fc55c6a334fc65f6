#include "load/trace.h"

#include <gtest/gtest.h>

namespace zyphos {
namespace {

using Offsets = std::vector<std::int64_t>;

TEST(Trace, WholeNumbersAreNanosecondsDecimalsSeconds) {
  EXPECT_EQ(parse_trace("0\n5\n5\n900\n", "x")->offsets_ns, (Offsets{0, 5, 5, 900}));
  EXPECT_EQ(parse_trace("0.0\n0.25\n1.000000001", "x")->offsets_ns,
            (Offsets{0, 250'000'000, 1'000'000'001}));
}

TEST(Trace, EmptyLinesAndRemarksDoNotCount) {
  const auto trace = parse_trace("# of monday\n\n  7 # first\r\n\t8\n\n", "x");
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->offsets_ns, (Offsets{7, 8}));
}

TEST(Trace, ComplaintsNameTheLine) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"1\n2\n\nx\n", "t:4: `x` is no offset"},
      {"1\n-2\n", "t:2: `-2` is no offset"},
      {"0.5\n1\n", "t:2: `1` is in nanoseconds, those before in seconds"},
      {"1\n1.5\n", "t:2: `1.5` is in seconds, those before in nanoseconds"},
      {"5\n4\n", "t:2: `4` lies before"},
      {"1 2\n", "t:1: `1 2` is no offset"},
      {"1e300.\n", "t:1: `1e300.` is no offset"},
      {"nan.\n", "t:1: `nan.` is no offset"},
      {"99999999999999999999\n", "t:1: "},
      {"# nothing\n", "t:1: no arrival"},
      {"", "t:1: no arrival"},
  };
  for (const auto& [text, complaint] : cases) {
    const auto trace = parse_trace(text, "t");
    ASSERT_FALSE(trace.has_value()) << text;
    EXPECT_EQ(trace.error().substr(0, complaint.size()), complaint);
  }
}

TEST(Trace, RepeatsAtItsOwnRate) {
  EXPECT_EQ(parse_trace("0\n10\n20\n30\n", "x")->natural_period_ns(), 40);
  EXPECT_EQ(parse_trace("0\n5\n40\n", "x")->natural_period_ns(), 60);
  EXPECT_EQ(parse_trace("7\n", "x")->natural_period_ns(), 0);
  EXPECT_EQ(parse_trace("7\n7\n", "x")->natural_period_ns(), 0);
}

TEST(Trace, AFileThatCannotBeReadIsALine) {
  EXPECT_EQ(read_trace("/nowhere/at/all").error(), "/nowhere/at/all: No such file or directory");
  EXPECT_EQ(read_trace("/").error(), "/: Is a directory");
}

}  // namespace
}  // namespace zyphos

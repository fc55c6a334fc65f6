// The helpers themselves: each must be able to fail.
#include <gtest/gtest.h>

#include <string>

#include "testing/guard_buffer.h"
#include "testing/one_peer.h"
#include "testing/splits.h"

namespace zyphos::testing {
namespace {

TEST(EverySplit, FindsWhatDependsOnTheCut) {
  const auto sums = [](const Pieces& pieces) {
    std::string out;
    for (const auto piece : pieces) out += piece;
    return out;
  };
  EXPECT_FALSE(every_split("abcdef", sums));
  // Wrong only when "cd" is cut between.
  const auto blind = [](const Pieces& pieces) {
    for (const auto piece : pieces) {
      if (piece.find("cd") != piece.npos) return std::string("seen");
    }
    return std::string("missed");
  };
  const auto difference = every_split("abcdef", blind);
  ASSERT_TRUE(difference);
  EXPECT_NE(difference->find("cut at 3"), std::string::npos) << *difference;
}

TEST(EverySplit, CutsKeepEveryByte) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::string joined;
    for (const auto piece : cut_randomly("0123456789", seed, 4)) {
      EXPECT_LE(piece.size(), 4U);
      joined += piece;
    }
    EXPECT_EQ(joined, "0123456789");
  }
}

TEST(GuardBufferDeathTest, EndsWhoReadsTooFar) {
  GuardBuffer buffer(100);
  const Bytes bytes = buffer.place(as_bytes("abc"));
  EXPECT_EQ(as_text(bytes), "abc");
  const auto* padding = reinterpret_cast<const volatile char*>(bytes.data() + bytes.size());
  EXPECT_EQ(static_cast<char>(padding[kReadPadding - 1]), 'x');
  EXPECT_DEATH(static_cast<void>(padding[kReadPadding]), "");
}

TEST(GuardBuffer, SpoilsWhatWasKept) {
  GuardBuffer buffer(100);
  const Bytes bytes = buffer.place(as_bytes("abc"));
  buffer.spoil();
  EXPECT_EQ(bytes[0], std::byte{0xdd});
}

}  // namespace
}  // namespace zyphos::testing

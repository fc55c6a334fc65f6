#include "tool/listen_words.h"

#include <gtest/gtest.h>

namespace zyphos {
namespace {

// "ADDRESS only|dual|" or what was wrong.
std::string place(std::string address, std::string family) {
  const auto found =
      place_of({.address = std::move(address), .family = std::move(family), .port = 80});
  if (!found) return found.error();
  if (!found->ipv6_only) return found->address.text();
  return found->address.text() + (*found->ipv6_only ? " only" : " dual");
}

TEST(ListenWords, AFamilyHasItsAddress) {
  EXPECT_EQ(place("", ""), "127.0.0.1:80");
  EXPECT_EQ(place("", "ipv4"), "127.0.0.1:80");
  EXPECT_EQ(place("", "ipv6"), "[::1]:80 only");
  EXPECT_EQ(place("", "dual"), "[::]:80 dual");
}

TEST(ListenWords, AnAddressHasItsFamily) {
  EXPECT_EQ(place("::1", ""), "[::1]:80");
  EXPECT_EQ(place("10.0.0.1", "ipv4"), "10.0.0.1:80");
  EXPECT_EQ(place("::", "ipv6"), "[::]:80 only");
}

TEST(ListenWords, ContradictionsAreOneLine) {
  EXPECT_EQ(place("127.0.0.1", "ipv6"), "address=127.0.0.1 is not of family=ipv6");
  EXPECT_EQ(place("::1", "ipv4"), "address=::1 is not of family=ipv4");
  EXPECT_EQ(place("127.0.0.1", "dual"), "address=127.0.0.1 is not of family=dual");
  EXPECT_EQ(place("::1", "dual"), "family=dual listens on address=::, not on ::1");
  EXPECT_EQ(place("nowhere", ""), "address: not an IPv4 or IPv6 address: 'nowhere'");
}

}  // namespace
}  // namespace zyphos

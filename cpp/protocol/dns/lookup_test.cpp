#include "protocol/dns/lookup.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace zyphos::dns {
namespace {

constexpr std::uint16_t kId = 0x0a0b;
const Question kAsked{.name = "www.zyphos.test"};
constexpr std::array<std::byte, 4> kHost{std::byte{198}, std::byte{18}, std::byte{0}, std::byte{2}};

Message answer() {
  Message message;
  message.header = {.id = kId, .response = true};
  message.questions = {kAsked};
  return message;
}

Record host(const std::string& name, std::uint32_t ttl_s = 60) {
  return {.name = name, .ttl_s = ttl_s, .data = kHost};
}

std::expected<Found, Errc> read(const Message& message) {
  const std::vector<std::byte> bytes = write_message(message);
  return read_answer(bytes, kId, kAsked);
}

Errc error_of(const Message& message) {
  const auto found = read(message);
  return found ? Errc::ok : found.error();
}

TEST(DnsLookup, QueryAsksForOneNameWithRecursion) {
  const std::vector<std::byte> bytes = query(kId, kAsked);
  const auto message = read_message(bytes);
  ASSERT_TRUE(message);
  const Header wanted{.id = kId, .recursion_desired = true};
  EXPECT_EQ(message->header, wanted);
  EXPECT_EQ(message->questions, std::vector<Question>{kAsked});
  EXPECT_EQ(bytes.size(), kHeader_bytes + 17 + 4);
}

TEST(DnsLookup, AddressesOfTheNameAreFound) {
  Message message = answer();
  message.answers = {host("WWW.zyphos.test", 60), host("other.test"), host("www.zyphos.test", 30)};
  const auto found = read(message);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->addresses.size(), 2U);
  EXPECT_EQ(found->addresses[0], *Address::parse("198.18.0.2", 0));
  EXPECT_EQ(found->ttl_s, 30U);
}

TEST(DnsLookup, Ipv6AddressesAreThoseOfAaaa) {
  const Question asked{.name = "six.test", .type = Type::aaaa};
  const Address address = *Address::parse("2001:db8::5", 0);
  Message message = answer();
  message.questions = {asked};
  message.answers = {{.name = "six.test",
                      .type = Type::aaaa,
                      .ttl_s = 9,
                      .data = std::as_bytes(std::span(address.host))}};
  const std::vector<std::byte> bytes = write_message(message);
  const auto found = read_answer(bytes, kId, asked);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->addresses, std::vector<Address>{address});
}

std::vector<std::byte> name_bytes(const std::string& name) {
  std::vector<std::byte> bytes = query(0, {.name = name});
  bytes.erase(bytes.begin(), bytes.begin() + kHeader_bytes);
  bytes.resize(bytes.size() - 4);
  return bytes;
}

TEST(DnsLookup, AliasesLeadToTheAddress) {
  const auto cdn = name_bytes("cdn.test");
  const auto edge = name_bytes("edge.test");
  Message message = answer();
  message.answers = {host("edge.test", 60),
                     {.name = "cdn.test", .type = Type::cname, .ttl_s = 20, .data = edge},
                     {.name = "www.zyphos.test", .type = Type::cname, .ttl_s = 40, .data = cdn}};
  const auto found = read(message);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->addresses.size(), 1U);
  EXPECT_EQ(found->ttl_s, 20U);
}

TEST(DnsLookup, AliasesInACircleHaveNoAddress) {
  const auto cdn = name_bytes("cdn.test");
  const auto www = name_bytes("www.zyphos.test");
  Message message = answer();
  message.answers = {{.name = "cdn.test", .type = Type::cname, .data = www},
                     {.name = "www.zyphos.test", .type = Type::cname, .data = cdn}};
  EXPECT_EQ(error_of(message), Errc::no_address);
}

TEST(DnsLookup, AnswersWithoutAnAddress) {
  EXPECT_EQ(error_of(answer()), Errc::no_address);
  for (const Rcode rcode : {Rcode::name_error, Rcode::server_failure, Rcode::refused}) {
    Message message = answer();
    message.header.rcode = rcode;
    message.answers = {host("www.zyphos.test")};
    EXPECT_EQ(error_of(message), Errc::no_address);
  }
}

TEST(DnsLookup, WhatIsNoAnswerToTheQueryIsPassedOver) {
  std::vector<Message> wrong(6, answer());
  wrong[0].header.id = kId + 1;
  wrong[1].header.response = false;
  wrong[2].header.opcode = 5;
  wrong[3].questions[0].name = "www.zyphos.tesu";
  wrong[4].questions[0].type = Type::aaaa;
  wrong[5].questions.push_back(kAsked);
  for (Message& message : wrong) {
    message.answers = {host("www.zyphos.test")};
    EXPECT_EQ(error_of(message), Errc::bad_dns);
  }
  EXPECT_EQ(read_answer(as_bytes("GET / HTTP/1.1\r\n\r\n"), kId, kAsked).error(), Errc::bad_dns);
}

TEST(DnsLookup, AnAddressHasItsSize) {
  Message message = answer();
  message.answers = {host("www.zyphos.test")};
  message.answers[0].data = std::span(kHost).first(3);
  EXPECT_EQ(error_of(message), Errc::bad_dns);
}

}  // namespace
}  // namespace zyphos::dns

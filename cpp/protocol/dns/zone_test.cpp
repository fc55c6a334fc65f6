#include "protocol/dns/zone.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/dns/lookup.h"

namespace zyphos::dns {
namespace {

Zone zone() {
  Zone out(300);
  out.add("www.zyphos.test", *Address::parse("198.18.0.2", 0));
  out.add("www.zyphos.test", *Address::parse("2001:db8::2", 0));
  return out;
}

Message asking(const std::string& name, Type type = Type::a) {
  Message message;
  message.header = {.id = 77, .recursion_desired = true};
  message.questions = {{.name = name, .type = type}};
  return message;
}

// What a message says without its records, which point into bytes that are gone.
struct Said {
  Rcode rcode;
  std::size_t answers;
  bool truncated;
  std::size_t bytes;
};

Said said(const Zone& zone, const Message& query) {
  const std::vector<std::byte> bytes = zone.answer(write_message(query));
  const auto read = read_message(bytes);
  EXPECT_TRUE(read && read->header.response && read->header.id == query.header.id);
  return {read->header.rcode, read->answers.size(), read->header.truncated, bytes.size()};
}

TEST(DnsZone, ItsAnswersAreFoundByItsClient) {
  for (const Type type : {Type::a, Type::aaaa}) {
    const Question asked{.name = "WWW.zyphos.test", .type = type};
    const auto found = read_answer(zone().answer(query(9, asked)), 9, asked);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->addresses.size(), 1U);
    const char* wanted = type == Type::a ? "198.18.0.2" : "2001:db8::2";
    EXPECT_EQ(found->addresses[0], *Address::parse(wanted, 0));
    EXPECT_EQ(found->ttl_s, 300U);
  }
}

TEST(DnsZone, UnknownNamesAndTypes) {
  EXPECT_EQ(said(zone(), asking("other.test")).rcode, Rcode::name_error);
  EXPECT_EQ(said(zone(), asking("zyphos.test")).rcode, Rcode::name_error);
  const Said no_data = said(zone(), asking("www.zyphos.test", static_cast<Type>(15)));
  EXPECT_EQ(no_data.rcode, Rcode::no_error);
  EXPECT_EQ(no_data.answers, 0U);
}

TEST(DnsZone, WhatItDoesNotDo) {
  Message update = asking("www.zyphos.test");
  update.header.opcode = 5;
  EXPECT_EQ(said(zone(), update).rcode, Rcode::not_implemented);
  Message chaos = asking("www.zyphos.test");
  chaos.questions[0].klass = static_cast<Class>(3);
  EXPECT_EQ(said(zone(), chaos).rcode, Rcode::refused);
  Message two = asking("www.zyphos.test");
  two.questions.push_back(two.questions[0]);
  EXPECT_EQ(said(zone(), two).rcode, Rcode::format_error);
}

TEST(DnsZone, MalformedQueriesAreToldAndOthersPassedOver) {
  std::vector<std::byte> bytes = write_message(asking("www.zyphos.test"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> answer = zone().answer(ConstBytes(bytes).first(size));
    if (size < kHeader_bytes) {
      EXPECT_TRUE(answer.empty());
      continue;
    }
    const auto read = read_message(answer);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->header.rcode, Rcode::format_error);
    EXPECT_EQ(read->header.id, 77);
  }
  // Two servers that answered each other's answers would never end.
  EXPECT_TRUE(zone().answer(zone().answer(bytes)).empty());
}

Record edns(std::uint16_t size, std::uint32_t version = 0) {
  return {
      .name = "", .type = Type::opt, .klass = static_cast<Class>(size), .ttl_s = version << 16U};
}

TEST(DnsZone, AnswersThatDoNotFitSaySo) {
  Zone many(60);
  for (int i = 1; i <= 40; ++i) {
    many.add("many.test", *Address::parse("198.18.0." + std::to_string(i), 0));
  }
  Message query = asking("many.test");
  const Said plain = said(many, query);
  EXPECT_TRUE(plain.truncated);
  EXPECT_EQ(plain.answers, 0U);
  query.additionals = {edns(4096)};
  const Said large = said(many, query);
  EXPECT_FALSE(large.truncated);
  EXPECT_EQ(large.answers, 40U);
  EXPECT_GT(large.bytes, kMessage_bytes_max);
  query.additionals = {edns(100)};  // less than 512 counts as 512 (RFC 6891, 6.2.3)
  EXPECT_TRUE(said(many, query).truncated);
}

TEST(DnsZone, EdnsOfAnotherVersionIsRefused) {
  Message query = asking("www.zyphos.test");
  query.additionals = {edns(4096, 1)};
  const std::vector<std::byte> bytes = zone().answer(write_message(query));
  const auto read = read_message(bytes);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->answers.empty());
  ASSERT_EQ(read->additionals.size(), 1U);
  EXPECT_EQ(read->additionals[0].ttl_s >> 24U, 1U);
}

}  // namespace
}  // namespace zyphos::dns

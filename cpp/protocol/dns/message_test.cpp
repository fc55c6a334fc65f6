#include "protocol/dns/message.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "testing/guard_buffer.h"

namespace zyphos::dns {
namespace {

using namespace std::string_literals;

// id 0x1234, a response that is authoritative to a query that wanted recursion; one question, one
// answer: www.zyphos.test is 198.18.0.2 for an hour.
const std::string kHeader = "\x12\x34\x85\x00\x00\x01\x00\x01\x00\x00\x00\x00"s;
const std::string kQuestion = "\x03www\x06zyphos\x04test\x00\x00\x01\x00\x01"s;
const std::string kAnswer = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc6\x12\x00\x02"s;

std::string question_only(const std::string& name) {
  return "\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"s + name + "\x00\x01\x00\x01"s;
}

// Of a message whose only question has these bytes as its name; "bad" where it is none.
std::string name_of(const std::string& name) {
  const std::string bytes = question_only(name);
  testing::GuardBuffer guard(bytes.size());
  const auto message = read_message(guard.place(as_bytes(bytes)));
  return message ? message->questions.at(0).name : "bad";
}

TEST(DnsMessage, AnswerIsReadFieldByField) {
  const std::string bytes = kHeader + kQuestion + kAnswer;
  const auto message = read_message(as_bytes(bytes));
  ASSERT_TRUE(message);
  const Header wanted{
      .id = 0x1234, .response = true, .authoritative = true, .recursion_desired = true};
  EXPECT_EQ(message->header, wanted);
  EXPECT_EQ(message->questions, std::vector<Question>{{.name = "www.zyphos.test"}});
  ASSERT_EQ(message->answers.size(), 1U);
  const Record& record = message->answers[0];
  EXPECT_EQ(record.name, "www.zyphos.test");
  EXPECT_EQ(record.type, Type::a);
  EXPECT_EQ(record.ttl_s, 3600U);
  EXPECT_EQ(as_text(record.data), "\xc6\x12\x00\x02"s);
}

TEST(DnsMessage, WhatIsReadIsWrittenAgain) {
  const std::string bytes = kHeader + kQuestion + kAnswer;
  const auto message = read_message(as_bytes(bytes));
  ASSERT_TRUE(message);
  const std::vector<std::byte> again = write_message(*message);
  EXPECT_EQ(as_text(again), bytes);
}

TEST(DnsMessage, EveryTruncationIsRefusedWithoutReadingOn) {
  const std::string bytes = kHeader + kQuestion + kAnswer;
  testing::GuardBuffer guard(bytes.size());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto message = read_message(guard.place(as_bytes(bytes.substr(0, size))));
    ASSERT_FALSE(message) << size;
    EXPECT_EQ(message.error(), Errc::bad_dns);
  }
}

TEST(DnsMessage, CountsBeyondTheBytesAreRefused) {
  for (const std::size_t count : {4U, 6U, 8U, 10U}) {
    std::string bytes = kHeader + kQuestion + kAnswer;
    bytes[count] = '\xff';
    EXPECT_FALSE(read_message(as_bytes(bytes))) << count;
  }
}

TEST(DnsMessage, NamesOfRfc1035) {
  // 4.1.4: F.ISI.ARPA at 20, FOO with a pointer to it, a pointer to ARPA, the root.
  EXPECT_EQ(name_of("\x01"s + "F\x03ISI\x04" + "ARPA\x00"s), "F.ISI.ARPA");
  EXPECT_EQ(name_of("\x00"s), "");
  const std::string bytes = "\x00\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00"s + "\x01"s +
                            "F\x03ISI\x04" + "ARPA\x00\x00\x01\x00\x01"s + "\x03"s +
                            "FOO\xc0\x0c\x00\x01\x00\x01"s + "\xc0\x12\x00\x01\x00\x01"s;
  const auto message = read_message(as_bytes(bytes));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->questions.at(1).name, "FOO.F.ISI.ARPA");
  EXPECT_EQ(message->questions.at(2).name, "ARPA");
}

TEST(DnsMessage, PointersThatGoInCirclesOrForwardsAreRefused) {
  EXPECT_EQ(name_of("\xc0\x0c"s), "bad");             // to itself
  EXPECT_EQ(name_of("\x01"s + "a\xc0\x0c"s), "bad");  // to its own first label
  EXPECT_EQ(name_of("\xc0\x0e"s), "bad");             // forwards
  EXPECT_EQ(name_of("\xc0\xff"s), "bad");             // beyond the end
  EXPECT_EQ(name_of("\xc0"s), "bad");                 // its second byte is the type's first
  // Two that lead to each other.
  const std::string bytes = "\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00"s + "\x01"s +
                            "a\xc0\x12\x00\x01\x00\x01"s + "\xc0\x0c\x00\x01\x00\x01"s;
  EXPECT_FALSE(read_message(as_bytes(bytes)));
}

TEST(DnsMessage, PointersIntoTheHeaderAreBytesLikeAnyOthers) {
  // The header's first byte is 0: the root.
  EXPECT_EQ(name_of("\x01"s + "a\xc0\x00"s), "a");
}

TEST(DnsMessage, ReservedLabelTypesAreRefused) {
  EXPECT_EQ(name_of("\x41"s + std::string(0x41, 'a') + "\x00"s), "bad");
  EXPECT_EQ(name_of("\x80\x00"s), "bad");
}

TEST(DnsMessage, NamesEndAt255Bytes) {
  std::string labels;
  for (int i = 0; i < 3; ++i) labels += "\x3f"s + std::string(63, 'a');
  const std::string longest = labels + "\x3d"s + std::string(61, 'b') + "\x00"s;
  ASSERT_EQ(longest.size(), kName_bytes_max);
  EXPECT_EQ(name_of(longest).size(), kName_bytes_max - 2);
  EXPECT_EQ(name_of(labels + "\x3e"s + std::string(62, 'b') + "\x00"s), "bad");
}

TEST(DnsMessage, OddBytesOfALabelAreEscapedAndComeBack) {
  EXPECT_EQ(name_of("\x03"s + "a.b\x00"s), "a\\046b");
  EXPECT_EQ(name_of("\x02\x00\xff\x00"s), "\\000\\255");
  const std::string bytes = question_only("\x05"s + "a.\\\x00-\x00"s);
  const auto message = read_message(as_bytes(bytes));
  ASSERT_TRUE(message);
  EXPECT_EQ(as_text(write_message(*message)), bytes);
}

TEST(DnsMessage, AnAliasKeepsItsTarget) {
  const std::string alias =
      "\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03"s + "cdn\xc0\x10"s;
  const std::string bytes = kHeader + kQuestion + alias;
  const auto message = read_message(as_bytes(bytes));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->answers.at(0).target, "cdn.zyphos.test");
  // Its data end behind the name, or before.
  for (const char size : {'\x05', '\x07'}) {
    std::string wrong = bytes + "\x00"s;
    wrong[kHeader.size() + kQuestion.size() + 11] = size;
    EXPECT_FALSE(read_message(as_bytes(wrong)));
  }
}

TEST(DnsMessage, OnlyWhatFitsIsAName) {
  for (const char* good : {"", "a", "www.zyphos.test", "_dns.a-b.c"}) EXPECT_TRUE(valid_name(good));
  for (const char* bad : {".", "a.", ".a", "a..b", "\\", "\\25", "\\256", "\\00x"}) {
    EXPECT_FALSE(valid_name(bad)) << bad;
  }
  EXPECT_TRUE(valid_name(std::string(63, 'a')));
  EXPECT_FALSE(valid_name(std::string(64, 'a')));
}

TEST(DnsMessage, NamesHaveNoCase) {
  EXPECT_TRUE(same_name("WWW.Zyphos.test", "www.zyphos.TEST"));
  EXPECT_FALSE(same_name("www.zyphos.test", "www.zyphos.tes"));
  EXPECT_FALSE(same_name("a[", "a{"));  // 0x5b and 0x7b are no letters
}

}  // namespace
}  // namespace zyphos::dns

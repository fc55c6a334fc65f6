#include "reference/framing.h"

#include <gtest/gtest.h>

#include <string>

namespace zyphos::reference {
namespace {

std::size_t size_of(const Framing& framing, std::string_view text) {
  return framing.request_bytes(as_bytes(text));
}

std::string answer_to(const Framing& framing, std::string_view request) {
  std::string out;
  framing.answer(as_bytes(request), out);
  return out;
}

TEST(Framing, EveryNameOfTheTableIsMade) {
  for (const std::string& name : protocol_names()) {
    EXPECT_NE(make_framing({.protocol = name}), nullptr) << name;
  }
  EXPECT_EQ(make_framing({.protocol = "gopher"}), nullptr);
}

TEST(Framing, EchoCountsAndRepeats) {
  const auto same = make_framing({.protocol = "echo", .message_bytes = 4});
  EXPECT_EQ(size_of(*same, "abc"), 0U);
  EXPECT_EQ(size_of(*same, "abcde"), 4U);
  EXPECT_EQ(answer_to(*same, "abcd"), "abcd");
  const auto longer = make_framing({.protocol = "echo", .message_bytes = 4, .response_bytes = 6});
  EXPECT_EQ(answer_to(*longer, "abcd"), "abcdab");
}

TEST(Framing, HttpEndsWhereItsHeadAndBodyDo) {
  const auto http = make_framing({});
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t held = 0; held < get.size(); ++held) {
    EXPECT_EQ(size_of(*http, get.substr(0, held)), 0U);
  }
  EXPECT_EQ(size_of(*http, get + get), get.size());
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:  5\r\n\r\n";
  EXPECT_EQ(size_of(*http, head + "1234"), 0U);
  EXPECT_EQ(size_of(*http, head + "123456"), head.size() + 5);
}

TEST(Framing, HttpAnswerHasItsSize) {
  const auto http = make_framing({.response_bytes = 30});
  const std::string answer = answer_to(*http, "GET / HTTP/1.1\r\n\r\n");
  const std::size_t head = answer.find("\r\n\r\n") + 4;
  EXPECT_EQ(answer.size() - head, 30U);
  EXPECT_NE(answer.find("Content-Length: 30\r\n"), std::string::npos);
}

}  // namespace
}  // namespace zyphos::reference

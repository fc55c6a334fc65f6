#include "peer/hello.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace zyphos::peer {
namespace {

constexpr std::time_t kNow = 784111777;  // RFC 9110, 5.6.7
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Length: 13\r\n\r\nHello, world!";

struct Answered {
  std::string out;
  Hello::Step step;
};

Answered answered(std::string_view in) {
  Answered found;
  found.step = Hello(kNow).answer(in, found.out);
  return found;
}

std::string times(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(PeerHello, AnswersAndKeepsTheConnection) {
  const Answered found = answered(kGet);
  EXPECT_EQ(found.out, kAnswer);
  EXPECT_EQ(found.step.consumed, kGet.size());
  EXPECT_FALSE(found.step.close);
}

TEST(PeerHello, AnswersAllThatHasComeWholeAndNoMore) {
  const std::string in = times(kGet, 3) + std::string(kGet.substr(0, kGet.size() - 1));
  const Answered found = answered(in);
  EXPECT_EQ(found.out, times(kAnswer, 3));
  EXPECT_EQ(found.step.consumed, 3 * kGet.size());
}

TEST(PeerHello, EverySplitGivesTheSame) {
  const std::string post = "GET / HTTP/1.1\r\nhost:b\r\nContent-Length: 5\r\n\r\n12345";
  const std::string in = std::string(kGet) + post + std::string(kGet);
  for (std::size_t split = 0; split <= in.size(); ++split) {
    const Hello hello(kNow);
    std::string out;
    const std::size_t first = hello.answer(std::string_view(in).substr(0, split), out).consumed;
    ASSERT_LE(first, split);
    const std::size_t rest = hello.answer(std::string_view(in).substr(first), out).consumed;
    EXPECT_EQ(first + rest, in.size()) << split;
    EXPECT_EQ(out, times(kAnswer, 3)) << split;
  }
}

TEST(PeerHello, ClosesWhereTheRequestSaysSo) {
  const std::string asked = "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n";
  const Answered found = answered(asked + std::string(kGet));
  EXPECT_TRUE(found.step.close);
  EXPECT_EQ(found.step.consumed, asked.size());
  EXPECT_NE(found.out.find("\r\nConnection: close\r\n\r\nHello, world!"), std::string::npos);
  EXPECT_TRUE(answered("GET / HTTP/1.0\r\n\r\n").step.close);
  EXPECT_FALSE(answered("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").step.close);
}

TEST(PeerHello, HeadHasNoBody) {
  const Answered found = answered("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(found.out + "Hello, world!", kAnswer);
}

TEST(PeerHello, RefusesWhatItCannotAnswer) {
  struct Case {
    std::string in;
    const char* status;
  };
  const std::array cases{
      Case{"GET /\r\n\r\n", "400"},
      Case{"GET  HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      Case{"GET / HTTP/1.1\r\n\r\n", "400"},
      Case{"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", "400"},
      Case{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
      Case{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n", "400"},
      Case{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "400"},
      Case{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 8193\r\n\r\n", "413"},
      Case{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "501"},
      Case{"POST / HTTP/1.1\r\nHost: a\r\n\r\n", "405"},
      Case{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
      Case{std::string(kHeadBytes_max, 'a'), "431"},
  };
  for (const Case& one : cases) {
    const Answered found = answered(one.in + std::string(kGet));
    EXPECT_EQ(found.out.substr(0, 12), std::string("HTTP/1.1 ") + one.status) << one.in;
    EXPECT_TRUE(found.out.ends_with("\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    EXPECT_TRUE(found.step.close) << one.in;
  }
}

TEST(PeerHello, TheDateMovesOn) {
  Hello hello(kNow);
  hello.set_date(kNow + 1);
  std::string out;
  hello.answer(kGet, out);
  EXPECT_NE(out.find("Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"), std::string::npos);
}

}  // namespace
}  // namespace zyphos::peer

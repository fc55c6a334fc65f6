#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "protocol/echo/client.h"
#include "protocol/echo/server.h"
#include "testing/one_peer.h"
#include "testing/splits.h"
#include "testing/two_peers.h"

namespace zyphos::echo {
namespace {

using testing::OnePeer;

std::string numbered(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

// --- server ---

TEST(EchoServer, WritesNothingBeforeTheLastByte) {
  for (const std::size_t size : {1U, 64U, 20'000U, 200'000U}) {
    const std::string message = numbered(size);
    OnePeer peer(std::make_unique<EchoServer>(size));
    peer.feed(message.substr(0, size - 1));
    EXPECT_EQ(peer.output(), "") << size;
    peer.feed(message.substr(size - 1));
    EXPECT_EQ(peer.output(), message) << size;
    EXPECT_EQ(peer.around().counters.value(Counter::requests), 1U);
  }
}

TEST(EchoServer, IsTheSameInEverySplit) {
  for (const std::uint32_t size : {1U, 7U, 64U}) {
    for (const std::uint32_t response : {0U, 3U, 200U}) {
      const auto run = [&](const testing::Pieces& pieces) {
        OnePeer peer(std::make_unique<EchoServer>(
                         ServerOptions{.message_bytes = size, .response_bytes = response}),
                     {.limits = {}, .flush_bytes = 11});
        for (const auto piece : pieces) peer.feed(piece);
        peer.finish();
        return peer.output() + std::string(peer.ending()) +
               std::string(errc_name(peer.slot().error()));
      };
      const auto difference = testing::every_split(numbered(200), run);
      EXPECT_FALSE(difference) << *difference;
    }
  }
}

TEST(EchoServer, AnswersInAnotherSizeByRepeating) {
  OnePeer peer(
      std::make_unique<EchoServer>(ServerOptions{.message_bytes = 3, .response_bytes = 8}));
  peer.feed("abcdef");
  EXPECT_EQ(peer.output(), "abcabcabdefdefde");
}

TEST(EchoServer, CopiesNothingOfWholeMessages) {
  OnePeer peer(std::make_unique<EchoServer>(64));
  for (int i = 0; i < 10; ++i) peer.feed(numbered(64 * 3));
  EXPECT_EQ(peer.output().size(), 64U * 30);
  EXPECT_EQ(peer.around().counters.value(Counter::bytes_copied), 0U);
}

TEST(EchoServer, APeerThatFinishesInAMessageIsTruncated) {
  OnePeer whole(std::make_unique<EchoServer>(4));
  whole.feed("1234");
  whole.finish();
  EXPECT_EQ(whole.slot().error(), Errc::ok);
  EXPECT_TRUE(whole.slot().finished());
  OnePeer half(std::make_unique<EchoServer>(4));
  half.feed("123412");
  half.finish();
  EXPECT_EQ(half.slot().error(), Errc::truncated);
  EXPECT_EQ(half.output(), "1234");
}

TEST(EchoServer, IdlesOutAndDrains) {
  OnePeer idle(std::make_unique<EchoServer>(4));
  idle.at(idle.slot().deadline());
  EXPECT_EQ(idle.ending(), "close");
  EXPECT_EQ(idle.slot().error(), Errc::idle_timeout);
  OnePeer draining(std::make_unique<EchoServer>(4));
  draining.feed("12");
  draining.around().draining = true;
  draining.pump();
  EXPECT_EQ(draining.ending(), "open");  // a message is under way
  draining.feed("34");
  EXPECT_EQ(draining.output(), "1234");
  EXPECT_EQ(draining.ending(), "close");
}

// --- client ---

// The send calls of a client that has `count` messages to write.
std::vector<std::vector<std::size_t>> send_calls(WritePattern pattern, std::size_t size,
                                                 std::size_t count, bool& corked) {
  testing::Surroundings around;
  Slot slot(around.driver);
  auto made = std::make_unique<EchoClient>(size, pattern, count);
  EchoClient& client = *made;
  slot.open(std::move(made));
  for (std::size_t i = 0; i < count; ++i) client.submit({}, i);
  slot.pump(Time{1});
  corked = slot.out().corked();
  std::vector<std::vector<std::size_t>> calls;
  while (!slot.out().empty()) {
    std::array<ConstBytes, 8> parts;
    const std::size_t n = slot.out().gather(parts);
    std::size_t sent = 0;
    auto& call = calls.emplace_back();
    for (std::size_t i = 0; i < n; ++i) {
      call.push_back(parts.at(i).size());
      sent += parts.at(i).size();
    }
    slot.out().sent(sent);
  }
  return calls;
}

TEST(EchoClient, EachPatternIsItsOwnSendCalls) {
  using Calls = std::vector<std::vector<std::size_t>>;
  bool corked = false;
  EXPECT_EQ(send_calls(WritePattern::one, 64, 2, corked), (Calls{{64}, {64}}));
  EXPECT_FALSE(corked);
  EXPECT_EQ(send_calls(WritePattern::two, 64, 2, corked), (Calls{{8}, {56}, {8}, {56}}));
  EXPECT_FALSE(corked);
  EXPECT_EQ(send_calls(WritePattern::writev, 64, 2, corked), (Calls{{8, 56}, {8, 56}}));
  EXPECT_FALSE(corked);
  EXPECT_EQ(send_calls(WritePattern::cork, 64, 1, corked), (Calls{{8}, {56}}));
  EXPECT_TRUE(corked);
  EXPECT_EQ(send_calls(WritePattern::one, 100'000, 1, corked), (Calls{{100'000}}));
  EXPECT_EQ(send_calls(WritePattern::two, 100'000, 1, corked), (Calls{{12'500}, {87'500}}));
  EXPECT_EQ(send_calls(WritePattern::two, 3, 1, corked), (Calls{{1}, {2}}));
  EXPECT_EQ(send_calls(WritePattern::two, 1, 1, corked), (Calls{{1}}));
}

TEST(EchoClient, PatternsHaveNames) {
  EXPECT_EQ(write_pattern("one"), WritePattern::one);
  EXPECT_EQ(write_pattern("cork"), WritePattern::cork);
  EXPECT_FALSE(write_pattern("three"));
}

TEST(EchoClient, ChecksEveryByte) {
  for (const std::size_t wrong : {0U, 1U, 63U}) {
    auto made = std::make_unique<EchoClient>(64, WritePattern::one, 2);
    EchoClient& client = *made;
    OnePeer peer(std::move(made));
    ASSERT_TRUE(client.submit({}, 1));
    ASSERT_TRUE(client.submit({}, 2));
    ASSERT_FALSE(client.submit({}, 3));
    peer.pump();
    std::string answer = peer.take_output();
    ASSERT_EQ(answer.size(), 128U);
    answer[wrong] = static_cast<char>(answer[wrong] + 1);
    std::vector<bool> expected;
    for (const char c : answer) {
      peer.feed({&c, 1});
      for (const auto& completion : client.completed()) {
        EXPECT_EQ(completion.tag, expected.size() + 1);
        EXPECT_EQ(completion.error, Errc::ok);
        expected.push_back(completion.body_expected);
      }
    }
    EXPECT_EQ(expected, (std::vector<bool>{false, true})) << wrong;
  }
}

TEST(EchoClient, EndsWithWhatIsOutstanding) {
  struct Ending {
    const char* fed;
    bool finish;
    Errc error;
  };
  for (const Ending& ending :
       {Ending{"", true, Errc::truncated}, Ending{"", false, Errc::peer_reset},
        Ending{"123456", true, Errc::unexpected_data}}) {
    auto made = std::make_unique<EchoClient>(4, WritePattern::one, 1);
    EchoClient& client = *made;
    OnePeer peer(std::move(made));
    ASSERT_TRUE(client.submit({}, 5));
    peer.pump();
    peer.feed(ending.fed);
    if (ending.finish) {
      peer.finish();
    } else {
      peer.lose();
    }
    EXPECT_EQ(client.outstanding(), 0U);
    EXPECT_EQ(peer.slot().error(), ending.error);
    const auto completed = client.completed();
    ASSERT_EQ(completed.size(), 1U);
    EXPECT_FALSE(client.submit({}, 6));
  }
}

TEST(Echo, BothSidesInAnyPieces) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::size_t size = 1 + seed * seed * seed * 10;
    testing::TwoPeers peers(
        std::make_unique<EchoClient>(size, static_cast<WritePattern>(seed % 4), 5),
        std::make_unique<EchoServer>(size),
        {.limits = {}, .piece_bytes_max = 1 + seed * 100, .wire_bytes_max = 5000, .seed = seed});
    while (peers.client().submit({}, 0)) {
    }
    peers.run();
    const auto completed = peers.client().completed();
    EXPECT_EQ(completed.size(), 5U) << "seed " << seed;
    EXPECT_TRUE(std::ranges::all_of(completed, &Completion::body_expected)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace zyphos::echo

// Every kind of channel: whole messages in their order, both ways, whatever the size of the
// buffers; what waits is woken, and what waits for nobody is told. A wake-up that is lost would be
// a test that never ends: an alarm ends it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "ipc/answer.h"
#include "ipc/channel.h"
#include "ipc/meeting.h"
#include "ipc/message.h"
#include "ipc/ring.h"

namespace zyphos::ipc {
namespace {

constexpr unsigned kPatience_s = 120;

struct Case {
  By by;
  std::uint64_t message_bytes;
  std::uint64_t buffer_bytes;
  std::uint64_t spins = 0;
};

std::string name_of(const testing::TestParamInfo<Case>& info) {
  const Case& one = info.param;
  return std::string(kByNames.at(static_cast<std::size_t>(one.by))) + "_" +
         std::to_string(one.message_bytes) + "_" + std::to_string(one.buffer_bytes) +
         (one.spins > 0 ? "_spins" : "");
}

// The smallest buffers first: there everybody waits for everybody.
std::vector<Case> cases() {
  std::vector<Case> found;
  for (std::size_t by = 0; by < kByNames.size(); ++by) {
    for (const std::uint64_t size : {8, 100, 65536}) {
      const By which{static_cast<std::uint8_t>(by)};
      // Below a page a pipe has a page all the same.
      found.push_back({which, size, 2 * size});
      // What a socket may have is net.core.wmem_max, some 200 KiB.
      found.push_back({which, size, (in_shared_memory(which) ? 8U : 3U) * 65536U});
    }
  }
  found.push_back({By::futex, 8, 128, 50});
  found.push_back({By::eventfd, 8, 128, 50});
  return found;
}

class Channels : public testing::TestWithParam<Case> {
 protected:
  Channels() {
    std::signal(SIGPIPE, SIG_IGN);
    ::alarm(kPatience_s);
    const Case& one = GetParam();
    options_ = {.by = one.by,
                .message_bytes = one.message_bytes,
                .buffer_bytes = one.buffer_bytes,
                .spins = one.spins};
    Ends ends = make_ends(options_);
    asker_ = open_channel(options_, Side::ask, std::move(ends.asker));
    answerer_ = open_channel(options_, Side::answer, std::move(ends.answerer));
    message_.resize(one.message_bytes);
  }
  ~Channels() override { ::alarm(0); }

  // Who spins may have to wait for the other's turn on a CPU, each time.
  std::uint64_t count() const {
    if (options_.by == By::spin) return 100;
    return options_.message_bytes > 4096 ? 100 : 1000;
  }
  void send(std::uint64_t number) {
    stamp(message_, number);
    asker_->send(message_);
  }

  ChannelOptions options_;
  std::unique_ptr<Channel> asker_;
  std::unique_ptr<Channel> answerer_;
  std::vector<std::byte> message_;
};

TEST_P(Channels, EachMessageIsAnsweredWithItself) {
  Totals totals;
  std::thread other([&] { totals = answer_all(*answerer_, Pattern::ping_pong); });
  for (std::uint64_t i = 0; i < count(); ++i) {
    send(i);
    const ConstBytes back = asker_->receive();
    ASSERT_EQ(back.size(), message_.size());
    ASSERT_TRUE(stamped(back, i)) << i;
  }
  send(kLast);
  other.join();
  EXPECT_EQ(totals.messages, count());
  EXPECT_EQ(totals.wrong, 0U);
}

TEST_P(Channels, AStreamArrivesWholeAndInOrder) {
  Totals totals;
  std::thread other([&] { totals = answer_all(*answerer_, Pattern::stream); });
  for (std::uint64_t i = 0; i < 10 * count(); ++i) send(i);
  send(kLast);
  other.join();
  EXPECT_EQ(totals.messages, 10 * count());
  EXPECT_EQ(totals.wrong, 0U);
}

TEST_P(Channels, AMessageThatIsNotTheNextIsWrong) {
  Totals totals;
  std::thread other([&] { totals = answer_all(*answerer_, Pattern::stream); });
  for (const std::uint64_t number : {0, 1, 3, 3}) send(number);
  stamp(message_, 4);
  // With two stamps in the same place there is nothing that could be torn.
  const bool torn = message_.size() > 8;
  if (torn) message_.back() = std::byte{1};
  asker_->send(message_);
  send(kLast);
  other.join();
  EXPECT_EQ(totals.messages, 5U);
  EXPECT_EQ(totals.wrong, torn ? 2U : 1U);
}

INSTANTIATE_TEST_SUITE_P(All, Channels, testing::ValuesIn(cases()), name_of);

TEST(KernelChannels, TellThatTheOtherEndHasGone) {
  std::signal(SIGPIPE, SIG_IGN);
  for (const By by : {By::pipe, By::unix_stream, By::unix_seqpacket}) {
    const ChannelOptions options{.by = by};
    Ends ends = make_ends(options);
    ends.answerer.clear();
    const auto channel = open_channel(options, Side::ask, std::move(ends.asker));
    const std::vector<std::byte> message(options.message_bytes);
    EXPECT_THROW(channel->send(message), std::system_error);
    EXPECT_THROW(channel->receive(), std::system_error);
  }
}

TEST(KernelChannels, RefuseABufferThatTheSystemDoesNotAllow) {
  const std::uint64_t huge = kBuffer_bytes_max;
  EXPECT_THROW(make_ends({.by = By::unix_stream, .buffer_bytes = huge}), std::system_error);
}

// A slot is not written to again while the reader is shown it.
TEST(Ring, TheMessageShownStays) {
  ::alarm(kPatience_s);
  const ChannelOptions options{.by = By::futex, .message_bytes = 8, .buffer_bytes = 16};
  const RingShape shape(options);
  EXPECT_EQ(shape.slots, 2U);
  struct alignas(kLine_bytes) Line {
    std::array<std::byte, kLine_bytes> bytes{};
  };
  std::vector<Line> memory(shape.bytes / kLine_bytes);
  RingWriter writer(memory.data(), options, -1, -1);
  RingReader reader(memory.data(), options, -1, -1);
  std::thread other([&] {
    std::array<std::byte, 8> message{};
    for (std::uint64_t i = 0; i < 3; ++i) {
      stamp(message, i);
      writer.send(message);
    }
  });
  const ConstBytes shown = reader.receive();
  // It sleeps, having no room for the third.
  auto& sleeps = reinterpret_cast<RingHead*>(memory.data())->writer_sleeps;
  while (sleeps.load() == 0) std::this_thread::yield();
  EXPECT_TRUE(stamped(shown, 0));
  EXPECT_TRUE(stamped(reader.receive(), 1));
  EXPECT_TRUE(stamped(reader.receive(), 2));
  other.join();
  ::alarm(0);
}

TEST(Meeting, WhoAsksBringsTheChannel) {
  for (std::size_t by = 0; by < kByNames.size(); ++by) {
    std::uint16_t port = 0;
    const Fd place = meeting_place(port);
    EXPECT_NE(port, 0);
    EXPECT_THROW(meeting_place(port), std::system_error);
    const ChannelOptions options{.by = By{static_cast<std::uint8_t>(by)}, .message_bytes = 100};
    Met asker;
    std::thread other([&] { asker = ask_at(port, options); });
    const Met answerer = wait_for_asker(place, -1);
    other.join();
    EXPECT_EQ(answerer.options.by, options.by);
    EXPECT_EQ(answerer.options.message_bytes, options.message_bytes);
    std::vector<std::byte> message(100);
    stamp(message, 7);
    asker.channel->send(message);
    EXPECT_TRUE(stamped(answerer.channel->receive(), 7)) << kByNames.at(by);
    say(answerer.control, {.messages = 1, .wrong = 0});
    EXPECT_EQ(told(asker.control).messages, 1U);
  }
}

TEST(Meeting, NobodyThere) {
  std::uint16_t port = 0;
  meeting_place(port);
  EXPECT_THROW(ask_at(port, {}), std::system_error);
}

TEST(Options, WhatDoesNotGoTogetherIsSaid) {
  EXPECT_EQ(complaint({}), "");
  EXPECT_NE(complaint({.message_bytes = 7}), "");
  EXPECT_NE(complaint({.message_bytes = kMessage_bytes_max + 1}), "");
  EXPECT_NE(complaint({.message_bytes = 65536, .buffer_bytes = 131071}), "");
  EXPECT_EQ(complaint({.message_bytes = 65536, .buffer_bytes = 131072}), "");
  EXPECT_NE(complaint({.by = By::spin, .spins = 1}), "");
  EXPECT_EQ(complaint({.by = By::futex, .spins = 1}), "");
}

}  // namespace
}  // namespace zyphos::ipc

// The driver's side of the seam against connections that do what a script says.
#include "protocol/slot.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "testing/one_peer.h"

namespace zyphos {
namespace {

using testing::OnePeer;

// Each advance is answered by `act`; what it was shown is written down.
struct Script final : Connection {
  using Act = std::function<Step(Bytes, Peer, Outbox&, Time)>;

  Script(Act what, std::vector<std::string>& where) : act(std::move(what)), seen(where) {}
  void start(Context& given) override { context = &given; }
  void woken(std::uint32_t tag) override { seen.push_back("woken " + std::to_string(tag)); }
  Step advance(Bytes in, Peer peer, Outbox& out, Time now) override {
    seen.emplace_back(as_text(in));
    return act(in, peer, out, now);
  }

  Act act;
  std::vector<std::string>& seen;
  Context* context = nullptr;
};

struct Scripted {
  explicit Scripted(Script::Act act, const testing::OnePeerOptions& options = {})
      : peer(std::make_unique<Script>(std::move(act), seen), options) {}
  std::vector<std::string> seen;
  OnePeer peer;
};

Step consume_all(Bytes in, Peer, Outbox&, Time) { return {.consumed = in.size()}; }

TEST(Slot, TheFirstAdvanceComesWithEmptyInput) {
  Scripted scripted(consume_all);
  EXPECT_EQ(scripted.seen, std::vector<std::string>{""});
}

TEST(Slot, ShowsTheUnconsumedAgainBeforeNewerBytes) {
  Scripted scripted(
      [](Bytes in, Peer, Outbox&, Time) { return Step{.consumed = in.size() / 4 * 4}; });
  scripted.peer.feed("abcdef");
  scripted.peer.feed("gh");
  EXPECT_EQ(scripted.seen, (std::vector<std::string>{"", "abcdef", "ef", "efgh"}));
}

// Are the slot's buffers with its driver, for others to take?
bool rests(OnePeer& peer) {
  auto& waiting = peer.around().driver.buffers;
  SlotBuffers* one = waiting.take();
  if (one != nullptr) waiting.give(one);
  return one != nullptr;
}

// answers: s4.3
TEST(Slot, AtRestItHasBuffersOnlyForBytes) {
  Scripted scripted([](Bytes in, Peer, Outbox& out, Time) {
    const Bytes whole = in.first(in.size() / 4 * 4);
    out.write(whole);
    return Step{.consumed = whole.size()};
  });
  EXPECT_TRUE(rests(scripted.peer));
  scripted.peer.feed("ab");
  EXPECT_FALSE(rests(scripted.peer)) << "a part of a message is held";
  scripted.peer.feed("cd");
  EXPECT_TRUE(rests(scripted.peer));
  scripted.peer.hold_output(true);
  scripted.peer.feed("efgh");
  EXPECT_FALSE(rests(scripted.peer)) << "an answer is not yet sent";
  scripted.peer.hold_output(false);
  scripted.peer.pump();
  EXPECT_TRUE(rests(scripted.peer));
  EXPECT_EQ(scripted.peer.output(), "abcdefgh");
}

TEST(Slot, WhatItHeldIsNotTheNextOnes) {
  testing::Surroundings around;
  std::vector<std::string> seen;
  const auto open = [&](Slot& slot) {
    slot.open(std::make_unique<Script>(
        [](Bytes in, Peer, Outbox& out, Time) {
          out.write(in);
          return Step{};
        },
        seen));
  };
  {
    Slot first(around.driver);
    open(first);
    std::string bytes = "left" + std::string(kReadPadding, ' ');
    first.input(Bytes(reinterpret_cast<std::byte*>(bytes.data()), 4));
    first.pump(Time{1});
    first.settle();
    first.rest();
    EXPECT_EQ(first.out().pending(), 4U);
  }
  Slot next(around.driver);
  open(next);
  next.pump(Time{1});
  EXPECT_EQ(next.out().pending(), 0U);
  EXPECT_EQ(seen, (std::vector<std::string>{"left", ""}));
}

TEST(Slot, NeedWakeLeavesInputAlone) {
  Scripted scripted([](Bytes, Peer, Outbox&, Time) { return Step{.need = Need::wake}; });
  scripted.peer.feed(std::string(70'000, 'x'));
  EXPECT_EQ(scripted.peer.ending(), "open");
  EXPECT_FALSE(scripted.peer.slot().wants_input());
  EXPECT_EQ(scripted.peer.slot().error(), Errc::ok);
}

TEST(Slot, AMessageThatDoesNotFitIsInputLimit) {
  Scripted scripted([](Bytes, Peer, Outbox&, Time) { return Step{}; });
  scripted.peer.feed(std::string(40'000, 'x'));
  EXPECT_EQ(scripted.peer.ending(), "open");
  scripted.peer.feed(std::string(40'000, 'x'));
  EXPECT_EQ(scripted.peer.ending(), "abort");
  EXPECT_EQ(scripted.peer.slot().error(), Errc::input_limit);
  EXPECT_EQ(scripted.peer.around().counters.errors(Errc::input_limit), 1U);
}

TEST(Slot, PumpsAgainWhenAFlushMadeRoom) {
  std::size_t left = 100'000;
  Scripted scripted([&](Bytes in, Peer, Outbox& out, Time) {
    left -= out.write(as_bytes(std::string(left, 'x')));
    return Step{.consumed = in.size(), .need = left > 0 ? Need::room : Need::input};
  });
  EXPECT_EQ(left, 0U);
  EXPECT_EQ(scripted.peer.output().size(), 100'000U);
}

TEST(Slot, FinishSendsFinAndGoesOnReading) {
  Scripted scripted([](Bytes in, Peer peer, Outbox& out, Time) {
    if (in.size() == 0 && peer == Peer::open) out.write(as_bytes("bye"));
    return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::finish : Next::close};
  });
  EXPECT_EQ(scripted.peer.output(), "bye");
  EXPECT_EQ(scripted.peer.ending(), "half");
  scripted.peer.feed("more");
  EXPECT_EQ(scripted.seen.back(), "more");
  EXPECT_FALSE(scripted.peer.slot().finished());
  scripted.peer.finish();
  EXPECT_TRUE(scripted.peer.slot().finished());
  EXPECT_FALSE(scripted.peer.slot().abortive());
}

TEST(Slot, CloseFlushesThenDiscardsUntilThePeersFin) {
  Scripted scripted([](Bytes in, Peer, Outbox& out, Time) {
    if (in.size() == 0) return Step{};
    out.write(as_bytes("answer"));
    return Step{.consumed = 1, .next = Next::close, .error = Errc::bad_header};
  });
  scripted.peer.hold_output(true);
  scripted.peer.feed("bad");
  EXPECT_FALSE(scripted.peer.slot().wants_fin());  // the answer first
  scripted.peer.hold_output(false);
  scripted.peer.pump();
  EXPECT_EQ(scripted.peer.output(), "answer");
  EXPECT_EQ(scripted.peer.ending(), "close");
  const std::size_t calls = scripted.seen.size();
  scripted.peer.feed("ignored");
  EXPECT_EQ(scripted.seen.size(), calls);
  EXPECT_FALSE(scripted.peer.slot().finished());
  scripted.peer.finish();
  EXPECT_TRUE(scripted.peer.slot().finished());
  EXPECT_EQ(scripted.peer.slot().error(), Errc::bad_header);
}

TEST(Slot, LingeringEnds) {
  Scripted scripted([](Bytes, Peer, Outbox&, Time) { return Step{.next = Next::close}; });
  EXPECT_EQ(scripted.peer.ending(), "close");
  const Time due = scripted.peer.slot().deadline();
  EXPECT_EQ(due - scripted.peer.now(), SlotLimits{}.linger_ns);
  scripted.peer.at(Time{due.ns - 1});
  EXPECT_FALSE(scripted.peer.slot().finished());
  scripted.peer.at(due);
  EXPECT_TRUE(scripted.peer.slot().finished());
}

TEST(Slot, AnAnswerHasLongerToLeaveThanItsPeerToClose) {
  Scripted scripted([](Bytes in, Peer, Outbox& out, Time) {
    if (in.empty()) return Step{};
    out.write(as_bytes("read late"));
    return Step{.consumed = in.size(), .next = Next::close};
  });
  scripted.peer.hold_output(true);
  scripted.peer.feed("x");
  EXPECT_EQ(scripted.peer.slot().deadline() - scripted.peer.now(), SlotLimits{}.flush_ns);
  scripted.peer.hold_output(false);
  scripted.peer.pump();
  EXPECT_EQ(scripted.peer.output(), "read late");
  scripted.peer.slot().progressed(scripted.peer.now());
  EXPECT_EQ(scripted.peer.slot().deadline() - scripted.peer.now(), SlotLimits{}.linger_ns);
}

TEST(Slot, APeerLostWhileLingeringEndsIt) {
  Scripted scripted([](Bytes, Peer, Outbox& out, Time) {
    out.write(as_bytes("never read"));
    return Step{.next = Next::close};
  });
  Scripted unflushed([](Bytes in, Peer, Outbox& out, Time) {
    if (in.size() == 0) return Step{};
    out.write(as_bytes("never read"));
    return Step{.consumed = in.size(), .next = Next::close};
  });
  unflushed.peer.hold_output(true);
  unflushed.peer.feed("x");
  unflushed.peer.slot().peer(Peer::lost);
  EXPECT_TRUE(unflushed.peer.slot().finished());
  EXPECT_FALSE(unflushed.peer.slot().wants_fin());
  EXPECT_FALSE(scripted.peer.slot().finished());
  scripted.peer.lose();
  EXPECT_TRUE(scripted.peer.slot().finished());
}

TEST(Slot, ALostPeerIsToldOnceAndEndsTheConnection) {
  Scripted scripted([](Bytes in, Peer, Outbox& out, Time) {
    out.write(as_bytes("x"));
    return Step{.consumed = in.size()};
  });
  scripted.peer.lose();
  EXPECT_TRUE(scripted.peer.slot().abortive());
}

TEST(Slot, WhyAPeerWasLostIsTheDriversToSay) {
  Scripted scripted([](Bytes in, Peer peer, Outbox&, Time) {
    return Step{.consumed = in.size(), .error = peer == Peer::lost ? Errc::peer_reset : Errc::ok};
  });
  scripted.peer.slot().lose(Errc::system, scripted.peer.now());
  EXPECT_EQ(scripted.seen.size(), 2U);
  EXPECT_EQ(scripted.peer.slot().error(), Errc::system);
  EXPECT_EQ(scripted.peer.around().counters.errors(Errc::peer_reset), 0U);
  EXPECT_TRUE(scripted.peer.slot().abortive());
}

TEST(Slot, DeadlinesComeFromTheLatestStep) {
  std::deque<Time> deadlines{Time{5'000'000'000}, Time{3'000'000'000}, Time::never()};
  Scripted scripted([&](Bytes in, Peer, Outbox&, Time) {
    const Time next = deadlines.front();
    deadlines.pop_front();
    return Step{.consumed = in.size(), .deadline = next};
  });
  EXPECT_EQ(scripted.peer.slot().deadline(), Time{5'000'000'000});
  scripted.peer.at(Time{5'000'000'000});
  EXPECT_EQ(scripted.peer.slot().deadline(), Time{3'000'000'000});
  scripted.peer.pump();
  EXPECT_TRUE(scripted.peer.slot().deadline().is_never());
}

TEST(Slot, WakesCarryTheirTag) {
  Scripted scripted(consume_all);
  const Waker waker = scripted.peer.around().waker().tagged(7);
  waker();
  EXPECT_EQ(scripted.peer.deliver_wakes(), 1U);
  EXPECT_EQ(scripted.seen, (std::vector<std::string>{"", "woken 7", ""}));
  Waker{}();  // one that belongs to nobody does nothing
}

TEST(Slot, BecomesItsSuccessorWithTheRestOfTheInput) {
  std::vector<std::string> seen;
  std::vector<std::string> later;
  Script* script = nullptr;
  auto first = std::make_unique<Script>(
      [&](Bytes in, Peer, Outbox&, Time) {
        if (in.size() < 3) return Step{};
        script->context->become(std::make_unique<Script>(consume_all, later));
        return Step{.consumed = 3};
      },
      seen);
  script = first.get();
  OnePeer peer(std::move(first));
  peer.feed("ab");
  peer.feed("cdef");
  EXPECT_EQ(later, std::vector<std::string>{"def"});
  peer.feed("gh");
  EXPECT_EQ(later.back(), "gh");
}

TEST(Slot, BecomingWithoutInputGivesAFirstAdvance) {
  std::vector<std::string> seen;
  std::vector<std::string> later;
  Script* script = nullptr;
  bool changed = false;
  auto first = std::make_unique<Script>(
      [&](Bytes in, Peer, Outbox&, Time) {
        if (!std::exchange(changed, true)) {
          script->context->become(std::make_unique<Script>(consume_all, later));
        }
        return Step{.consumed = in.size()};
      },
      seen);
  script = first.get();
  OnePeer peer(std::move(first));
  EXPECT_EQ(later, std::vector<std::string>{""});
}

TEST(Slot, CopiesNothingOfWholeMessages) {
  Scripted scripted(consume_all);
  for (int i = 0; i < 100; ++i) scripted.peer.feed("whole message");
  EXPECT_EQ(scripted.peer.around().counters.value(Counter::bytes_copied), 0U);
  EXPECT_EQ(scripted.peer.around().counters.value(Counter::bytes_in), 1300U);
}

TEST(Slot, OnlyTheFirstErrorCounts) {
  Scripted scripted([](Bytes in, Peer, Outbox&, Time) {
    return Step{.consumed = in.size(), .error = in.size() > 1 ? Errc::bad_chunk : Errc::bad_host};
  });
  scripted.peer.feed("xx");
  scripted.peer.slot().abort(Errc::drain_timeout);
  EXPECT_EQ(scripted.peer.slot().error(), Errc::bad_host);
  EXPECT_EQ(scripted.peer.around().counters.errors(Errc::bad_chunk), 0U);
  EXPECT_EQ(scripted.peer.around().counters.errors(Errc::drain_timeout), 0U);
  EXPECT_TRUE(scripted.peer.slot().finished());
}

}  // namespace
}  // namespace zyphos

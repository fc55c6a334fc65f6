// What the seam promises, on each engine over real sockets: first advance, become, wakes,
// deadlines, dialing, and the ways a connection can end.
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

class Behaviour : public EngineTest {
 protected:
  void start_script(Scripted::Advance advance) {
    start([=] { return std::make_unique<Scripted>(advance); });
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Behaviour, every_engine(), engine_name);

TEST_P(Behaviour, AServerMaySpeakFirst) {
  start([] {
    return std::make_unique<Scripted>(
        [greeted = false](Bytes in, Peer peer, Outbox& out, Time, Context&) mutable {
          if (!std::exchange(greeted, true)) out.write(as_bytes("welcome"));
          return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
        });
  });
  Client client(address());
  EXPECT_EQ(client.read(7), "welcome");
}

TEST_P(Behaviour, BoundariesAreSendCallsOfTheirOwn) {
  start_script([](Bytes in, Peer peer, Outbox& out, Time, Context&) {
    if (!in.empty()) {
      out.write(as_bytes("head"));
      out.boundary();
      out.write(as_bytes("body"));
    }
    return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
  });
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read(8), "headbody");
  client.finish();
  EXPECT_EQ(client.read_all(), "");
  stop();
  EXPECT_EQ(count(Counter::send_calls), 2U);
}

TEST_P(Behaviour, ReferredBytesAreSentFromWhereTheyAreAndReleasedOnce) {
  ZY_NEEDS_THIS_PROCESS("releases are counted");
  const std::string body = pattern(100'000);
  std::atomic<int> released = 0;
  start_script([&](Bytes in, Peer peer, Outbox& out, Time, Context&) {
    if (!in.empty()) {
      out.write(as_bytes("<"));
      const auto release = [](void* owner) { ++*static_cast<std::atomic<int>*>(owner); };
      EXPECT_TRUE(out.refer(as_bytes(body), Hold(release, &released)));
      out.write(as_bytes(">"));
    }
    return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
  });
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read(body.size() + 2), "<" + body + ">");
  client.close();
  stop();
  EXPECT_EQ(released, 1);
}

TEST_P(Behaviour, BecomePassesHeldBytesOn) {
  start_script([](Bytes in, Peer, Outbox& out, Time, Context& context) {
    if (in.size() < 3) return Step{};
    EXPECT_EQ(as_text(in.first(3)), "UP\n");
    out.write(as_bytes("101\n"));
    context.become(std::make_unique<MessageEcho>(8));
    return Step{.consumed = 3};
  });
  Client client(address());
  client.send("UP\n" + pattern(20));
  EXPECT_EQ(client.read(20), "101\n" + pattern(16));
  client.send(pattern(24).substr(20));
  EXPECT_EQ(client.read(8), pattern(24).substr(16));
}

TEST_P(Behaviour, BecomeWhileWaitingKeepsTheWaker) {
  ZY_NEEDS_THIS_PROCESS("the waker is called");
  options_.application_wakes = true;
  std::mutex mutex;
  std::condition_variable changed;
  Waker waker;
  bool have = false;
  start_script([&](Bytes in, Peer, Outbox&, Time, Context& context) {
    if (in.empty()) return Step{};
    context.become(std::make_unique<Scripted>(
        [&, woken = 0](Bytes held, Peer peer, Outbox& out, Time, Context& inner) mutable {
          if (peer != Peer::open) return Step{.consumed = held.size(), .next = Next::close};
          if (woken++ == 0) {
            const std::scoped_lock lock(mutex);
            waker = inner.waker();
            have = true;
            changed.notify_one();
            return Step{.need = Need::wake};
          }
          out.write(held);
          return Step{.consumed = held.size()};
        }));
    return Step{.need = Need::wake};
  });
  Client client(address());
  client.send("held");
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return have; });
  }
  waker();
  EXPECT_EQ(client.read(4), "held");
}

// Answers each byte by way of another thread.
class Asynchronous final : public Connection {
 public:
  void start(Context& context) override { context_ = &context; }
  ~Asynchronous() override {
    if (worker_.joinable()) worker_.join();
  }

  Step advance(Bytes in, Peer peer, Outbox& out, Time) override {
    if (peer == Peer::lost) return {.next = Next::abort};
    if (worker_.joinable()) {
      if (!answered_.load()) return {.need = Need::wake};
      worker_.join();
      answered_ = false;
      const std::byte answer = answer_;
      out.write({&answer, 1});
      return {.consumed = 1};
    }
    if (in.empty()) return {.next = peer == Peer::finished ? Next::close : Next::run};
    worker_ = std::thread([this, byte = in[0], wake = context_->waker()] {
      answer_ = byte;
      answered_ = true;
      for (int i = 0; i < 3; ++i) wake();
    });
    return {.need = Need::wake};
  }

 private:
  Context* context_ = nullptr;
  std::thread worker_;
  std::atomic<bool> answered_ = false;
  std::byte answer_{};
};

TEST_P(Behaviour, AsynchronousHandlersAnswerInOrder) {
  options_.application_wakes = true;
  start([] { return std::make_unique<Asynchronous>(); });
  Client client(address());
  const std::string sent = pattern(100);
  client.send(sent);
  EXPECT_EQ(client.read(100), sent);
  for (int i = 0; i < 20; ++i) {
    client.send(sent.substr(i, 1));
    ASSERT_EQ(client.read(1), sent.substr(i, 1));
  }
  client.close();
  stop();
  EXPECT_GE(count(Counter::wakes), 120U);
}

TEST_P(Behaviour, WakersMayOutliveConnectionAndEngine) {
  ZY_NEEDS_THIS_PROCESS("the wakers are called");
  options_.application_wakes = true;
  std::mutex mutex;
  std::vector<Waker> wakers;
  start_script([&](Bytes in, Peer peer, Outbox& out, Time, Context& context) {
    out.write(in);
    const std::scoped_lock lock(mutex);
    wakers.push_back(context.waker().tagged(static_cast<std::uint32_t>(wakers.size())));
    return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
  });
  {
    Client client(address());
    client.send("x");
    EXPECT_EQ(client.read(1), "x");
  }
  eventually([&] { return count(Counter::closed) == 1; }, "the connection's end");
  const std::uint64_t before = count(Counter::wakes);
  std::vector<Waker> dead;
  {
    const std::scoped_lock lock(mutex);
    dead = wakers;
  }
  for (const Waker& wake : dead) wake();
  Client other(address());  // a new user of the same slot: the old wakers are not its own
  other.send("y");
  EXPECT_EQ(other.read(1), "y");
  for (const Waker& wake : dead) wake();
  other.close();
  stop();
  EXPECT_EQ(count(Counter::wakes), before);
  for (const Waker& wake : dead) wake();
  EXPECT_EQ(open_descriptors(), descriptors_) << "a waker that is kept holds a descriptor";
}

TEST_P(Behaviour, ManyThreadsMayWakeAtOnce) {
  options_.application_wakes = true;
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  start([&] {
    auto done = std::make_shared<std::atomic<int>>(0);
    return std::make_unique<Scripted>([&threads, done, started = false](Bytes in, Peer peer,
                                                                        Outbox& out, Time,
                                                                        Context& context) mutable {
      if (peer != Peer::open) return Step{.consumed = in.size(), .next = Next::close};
      if (!in.empty() && !std::exchange(started, true)) {
        for (std::uint32_t i = 0; i < kThreads; ++i) {
          threads.emplace_back([done, wake = context.waker().tagged(i)] {
            for (int n = 0; n < 2000; ++n) wake();
            done->fetch_add(1);
            wake();
          });
        }
      }
      if (!started || done->load() < kThreads) return Step{.need = Need::wake};
      out.write(as_bytes("done"));
      return Step{.consumed = in.size(), .next = Next::close};
    });
  });
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read_all(), "done");
  client.close();
  stop();  // the connection made the threads: they are ours only after it
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Behaviour, IdleConnectionsEndAtTheirDeadline) {
  ZY_NEEDS_AT_ONCE(2U);
  start_echo(8, 20 * kMillisecond_ns);
  Client quiet(address());
  Client talker(address());
  talker.send(pattern(8));
  EXPECT_EQ(talker.read(8), pattern(8));
  EXPECT_EQ(talker.read_all(), "");
  EXPECT_EQ(quiet.read_all(), "");
  quiet.close();
  talker.close();
  stop();
  EXPECT_EQ(errors(Errc::idle_timeout), 2U);
  EXPECT_GE(count(Counter::timers), 2U);
}

TEST_P(Behaviour, DeadlinesComeAgainAndAgain) {
  start([] {
    return std::make_unique<Scripted>(
        [ticks = 0, due = Time{0}](Bytes in, Peer peer, Outbox& out, Time now, Context&) mutable {
          if (peer != Peer::open) return Step{.consumed = in.size(), .next = Next::close};
          if (now >= due) {
            due = now + kMillisecond_ns;
            if (++ticks > 1) out.write(as_bytes("t"));
          }
          const bool over = ticks == 6;
          return Step{.next = over ? Next::close : Next::run, .deadline = due};
        });
  });
  Client client(address());
  EXPECT_EQ(client.read_all(), "ttttt");
}

TEST_P(Behaviour, CloseLetsThePeerReadTheAnswer) {
  start_script([](Bytes in, Peer, Outbox& out, Time, Context&) {
    if (in.empty()) return Step{};
    out.write(as_bytes("go away"));
    return Step{.next = Next::close, .error = Errc::bad_request_line};  // the input stays unread
  });
  Client client(address());
  client.send(pattern(300'000));  // unread input at a close would make a RST eat the answer
  client.finish();
  EXPECT_EQ(client.read_all(), "go away");
  EXPECT_EQ(client.error(), 0);
  stop();
  EXPECT_EQ(errors(Errc::bad_request_line), 1U);
}

TEST_P(Behaviour, ALingeringPeerIsDroppedInTime) {
  options_.limits.linger_ns = 10 * kMillisecond_ns;
  start_script([](Bytes in, Peer, Outbox&, Time, Context&) {
    return Step{.consumed = in.size(), .next = in.empty() ? Next::run : Next::close};
  });
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read_all(), "");  // and never closes
  eventually([&] { return count(Counter::closed) == 1; }, "the lingering connection's end");
}

TEST_P(Behaviour, AbortResets) {
  start_script([](Bytes in, Peer, Outbox&, Time, Context&) {
    return Step{.next = in.empty() ? Next::run : Next::abort};
  });
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST_P(Behaviour, FinishGoesOnReading) {
  ZY_NEEDS_THIS_PROCESS("what is read is counted");
  std::atomic<std::size_t> read_after = 0;
  start([&] {
    return std::make_unique<Scripted>(
        [&, finished = false](Bytes in, Peer peer, Outbox& out, Time, Context&) mutable {
          if (peer != Peer::open) return Step{.consumed = in.size(), .next = Next::close};
          if (std::exchange(finished, true)) {
            read_after += in.size();
          } else {
            out.write(as_bytes("bye"));
          }
          return Step{.consumed = in.size(), .next = Next::finish};
        });
  });
  Client client(address());
  EXPECT_EQ(client.read_all(), "bye");
  client.send(pattern(1000));
  client.close();
  eventually([&] { return read_after == 1000; }, "bytes after our FIN");
}

// --- dialing: two connections of one driver that pass bytes to each other ---

struct PipeEnd {
  std::string incoming;  // to be written to its peer
  bool ended = false;
  Waker wake;
};

struct Pipe {
  std::mutex mutex;
  PipeEnd client;
  PipeEnd backend;
};

class RelayEnd final : public Connection {
 public:
  // The client's end dials `backend`; the backend's end gets none.
  RelayEnd(std::shared_ptr<Pipe> pipe, std::optional<Address> backend)
      : pipe_(std::move(pipe)),
        dials_(backend),
        mine_(backend ? pipe_->client : pipe_->backend),
        other_(backend ? pipe_->backend : pipe_->client) {}

  void start(Context& context) override {
    const std::scoped_lock lock(pipe_->mutex);
    mine_.wake = context.waker();
    context_ = &context;
  }

  Step advance(Bytes in, Peer peer, Outbox& out, Time) override {
    if (const auto backend = std::exchange(dials_, std::nullopt)) {
      context_->dialer().dial(*backend, std::make_unique<RelayEnd>(pipe_, std::nullopt));
    }
    const std::scoped_lock lock(pipe_->mutex);
    const bool ends_now = peer != Peer::open && !std::exchange(mine_.ended, peer != Peer::open);
    other_.incoming.append(as_text(in));
    if (!in.empty() || ends_now) other_.wake();
    return {.consumed = in.size(),
            .next = write(out),
            .need = mine_.incoming.empty() ? Need::input : Need::room};
  }

 private:
  Next write(Outbox& out) {
    mine_.incoming.erase(0, out.write(as_bytes(mine_.incoming)));
    const bool over = mine_.incoming.empty() && (mine_.ended || other_.ended);
    return over ? Next::close : Next::run;
  }

  std::shared_ptr<Pipe> pipe_;
  std::optional<Address> dials_;
  PipeEnd& mine_;
  PipeEnd& other_;
  Context* context_ = nullptr;
};

TEST_P(Behaviour, ARelayDialsItsBackend) {
  Board backend_board;
  const auto backend = make_engine(
      mode().engine, options_, [] { return std::make_unique<MessageEcho>(8); }, backend_board);
  backend->start();
  options_.application_wakes = true;
  start([&] { return std::make_unique<RelayEnd>(std::make_shared<Pipe>(), backend->address()); });
  const std::string sent = pattern(40'000);
  for (int i = 0; i < 3; ++i) {
    Client client(address());
    std::string got;
    std::thread reader([&] { got = client.read(sent.size()); });
    client.send(sent);
    reader.join();
    EXPECT_EQ(got, sent);
  }
  stop();
  EXPECT_EQ(count(Counter::connected), 3U);
  backend->drain();
  backend->join();
}

TEST_P(Behaviour, ADialThatFailsIsALostPeer) {
  Address nobody;
  {
    const Fd listener = listen_on(Address::loopback(0), {});
    nobody = local_address(listener.get());
  }
  options_.application_wakes = true;
  start([&] { return std::make_unique<RelayEnd>(std::make_shared<Pipe>(), nobody); });
  Client client(address());
  EXPECT_EQ(client.read_all(), "");
  client.close();
  stop();
  EXPECT_EQ(errors(Errc::connect_refused), 1U);
  EXPECT_EQ(count(Counter::connected), 0U);
}

TEST(Engines, AreNamedAndSayWhatIsMissing) {
  Board board;
  const auto factory = [] { return std::unique_ptr<Connection>(); };
  EXPECT_THROW(make_engine("no_such", {}, factory, board), std::invalid_argument);
  std::vector<std::string> names;
  for (const EngineAbility& ability : engine_abilities()) {
    names.push_back(ability.name);
    if (ability.missing.empty()) {
      EXPECT_NE(make_engine(ability.name, {}, factory, board), nullptr);
    } else {
      EXPECT_THROW(make_engine(ability.name, {}, factory, board), std::runtime_error);
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{"sequential", "thread", "pool", "select", "poll",
                                             "epoll", "coroutine", "uring", "prefork"}));
}

}  // namespace
}  // namespace zyphos

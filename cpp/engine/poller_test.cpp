// Each poller against a model: what it tells of descriptors that come, change and go; and what only
// one of them can do.
#include "engine/poller.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "net/fd.h"

namespace zyphos {
namespace {

struct Pair {
  Fd ours;
  Fd peer;
};

Pair make_pair() {
  std::array<int, 2> fds{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
  return {.ours = Fd(fds[0]), .peer = Fd(fds[1])};
}

void write_to(const Fd& fd) { EXPECT_EQ(::send(fd.get(), "x", 1, MSG_NOSIGNAL), 1); }

constexpr Watch kRead{.readable = true};
constexpr Watch kBoth{.readable = true, .writable = true};

class PollerTest : public ::testing::TestWithParam<std::string> {
 protected:
  PollerTest() { renew(); }

  void renew() {
    const std::map<std::string, std::unique_ptr<Poller> (*)(Counters&)> makers{
        {"epoll", make_epoll_poller}, {"poll", make_poll_poller}, {"select", make_select_poller}};
    poller_ = makers.at(GetParam())(counters_);
  }

  std::vector<Ready> told(int timeout_ms = 0) {
    const std::span<const Ready> ready = poller_->wait(timeout_ms);
    return {ready.begin(), ready.end()};
  }

  Counters counters_;
  std::unique_ptr<Poller> poller_;
};
INSTANTIATE_TEST_SUITE_P(Pollers, PollerTest, ::testing::Values("epoll", "poll", "select"),
                         [](const auto& which) { return which.param; });

TEST_P(PollerTest, TellsWhatIsReadyByLevel) {
  const Pair pair = make_pair();
  ASSERT_TRUE(poller_->add(pair.ours.get(), 7, kRead));
  EXPECT_TRUE(told().empty());
  write_to(pair.peer);
  for (int i = 0; i < 2; ++i) {
    const std::vector<Ready> ready = told(-1);
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_EQ(ready[0].id, 7U);
    EXPECT_TRUE(ready[0].readable);
    EXPECT_FALSE(ready[0].writable);
  }
  poller_->change(pair.ours.get(), 7, kBoth);
  ASSERT_EQ(told().size(), 1U);
  EXPECT_TRUE(told()[0].writable);
}

TEST_P(PollerTest, AnEndIsToldWithWhateverIsWatched) {
  for (const Watch& watch : {kRead, Watch{.writable = true}}) {
    Pair pair = make_pair();
    ASSERT_TRUE(poller_->add(pair.ours.get(), 1, watch));
    pair.peer.reset();
    const std::vector<Ready> ready = told(-1);
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_TRUE(ready[0].readable || ready[0].writable || ready[0].hung_up);
    poller_->remove(pair.ours.get());
  }
}

TEST_P(PollerTest, NothingIsToldOfWhatWasRemoved) {
  Pair pair = make_pair();
  ASSERT_TRUE(poller_->add(pair.ours.get(), 1, kBoth));
  poller_->remove(pair.ours.get());
  write_to(pair.peer);
  pair.peer.reset();
  EXPECT_TRUE(told().empty());
  ASSERT_TRUE(poller_->add(pair.ours.get(), 2, kRead));
  ASSERT_EQ(told().size(), 1U);
  EXPECT_EQ(told()[0].id, 2U);
}

// However many are ready and stay so, each has its turn.
TEST_P(PollerTest, ManyThatStayReadyStarveNobody) {
  constexpr std::uint64_t kMany = 400;
  std::vector<Pair> pairs;
  for (std::uint64_t id = 0; id < kMany; ++id) {
    pairs.push_back(make_pair());
    ASSERT_TRUE(poller_->add(pairs.back().ours.get(), id, kRead)) << pairs.back().ours.get();
    write_to(pairs.back().peer);
  }
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 2; ++i) {
    for (const Ready& ready : told()) seen.insert(ready.id);
  }
  EXPECT_EQ(seen.size(), kMany);
}

// The model: what is watched, what is readable.
struct Modelled {
  Pair pair;
  Watch watch = {};
  bool written = false;

  bool expected() const { return (watch.readable && written) || watch.writable; }
};

class Model {
 public:
  explicit Model(Poller& poller) : poller_(poller), connections_(40) {
    for (Modelled& one : connections_) one.pair = make_pair();
  }

  void step(Random& random) {
    const std::uint64_t id = random.below(connections_.size());
    Modelled& one = connections_[id];
    const int fd = one.pair.ours.get();
    const Watch wanted{.readable = random.below(2) == 0, .writable = random.below(4) == 0};
    if (random.below(3) == 0 && !one.written) {
      write_to(one.pair.peer);
      one.written = true;
    } else if (!one.watch.any() && wanted.any()) {
      EXPECT_TRUE(poller_.add(fd, id, wanted));
      one.watch = wanted;
    } else if (one.watch.any() && wanted.any()) {
      poller_.change(fd, id, wanted);
      one.watch = wanted;
    } else if (one.watch.any()) {
      poller_.remove(fd);
      one = {.pair = make_pair()};  // a new one, often with the same descriptor
    }
  }

  std::set<std::uint64_t> expected() const {
    std::set<std::uint64_t> ids;
    for (std::size_t id = 0; id < connections_.size(); ++id) {
      if (connections_[id].expected()) ids.insert(id);
    }
    return ids;
  }

 private:
  Poller& poller_;
  std::vector<Modelled> connections_;
};

TEST_P(PollerTest, AgreesWithAModelThroughAnyChanges) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Model model(*poller_);
    for (int i = 0; i < 2000; ++i) {
      model.step(random);
      std::set<std::uint64_t> ids;
      for (const Ready& ready : told()) ids.insert(ready.id);
      ASSERT_EQ(ids, model.expected()) << "after step " << i;
    }
    renew();
  }
}

TEST(EpollPoller, AnEdgeIsToldOnce) {
  Counters counters;
  const auto poller = make_epoll_poller(counters);
  const Pair pair = make_pair();
  ASSERT_TRUE(poller->add(pair.ours.get(), 1, {.readable = true, .trigger = Trigger::edge}));
  write_to(pair.peer);
  EXPECT_EQ(poller->wait(0).size(), 1U);
  EXPECT_EQ(poller->wait(0).size(), 0U);
  write_to(pair.peer);
  EXPECT_EQ(poller->wait(0).size(), 1U);
  EXPECT_EQ(counters.value(Counter::epoll_ctl_calls), 1U);
}

TEST(EpollPoller, AOneshotIsToldOnceAndAgainWhenAskedFor) {
  Counters counters;
  const auto poller = make_epoll_poller(counters);
  Pair pair = make_pair();
  const Watch once{.readable = true, .trigger = Trigger::oneshot};
  ASSERT_TRUE(poller->add(pair.ours.get(), 1, once));
  write_to(pair.peer);
  EXPECT_EQ(poller->wait(0).size(), 1U);
  pair.peer.reset();
  EXPECT_EQ(poller->wait(0).size(), 0U) << "not even an end is told before it is asked for";
  poller->change(pair.ours.get(), 1, once);
  EXPECT_EQ(poller->wait(0).size(), 1U);
  EXPECT_EQ(counters.value(Counter::epoll_ctl_calls), 2U);
}

// Threads that sleep in a wait of their own for the same socket, which stays readable.
class Sleepers {
 public:
  Sleepers(int fd, bool exclusive) {
    for (std::size_t i = 0; i < kCount; ++i) {
      threads_.emplace_back([this, fd, exclusive, i] {
        Counters counters;
        const auto poller = make_epoll_poller(counters);
        EXPECT_TRUE(poller->add(fd, 1, {.readable = true, .exclusive = exclusive}));
        ids_[i] = ::gettid();
        EXPECT_EQ(poller->wait(20'000).size(), 1U);
        ++woken;
      });
    }
    for (const auto& id : ids_) {
      while (id == 0 || state(id) != 'S') ::sched_yield();
    }
  }
  ~Sleepers() {
    for (std::thread& thread : threads_) thread.join();
  }

  static constexpr int kCount = 4;
  std::atomic<int> woken = 0;

 private:
  static char state(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string text;
    std::getline(file, text);
    const std::size_t end = text.rfind(')');
    return end == text.npos ? 'X' : text[end + 2];
  }

  std::array<std::atomic<pid_t>, kCount> ids_{};
  std::vector<std::thread> threads_;
};

TEST(EpollPoller, OfThoseWhoSleepAllAreWokenOrByAnExclusiveWatchOne) {
  for (const bool exclusive : {false, true}) {
    const Pair pair = make_pair();
    Sleepers sleepers(pair.ours.get(), exclusive);
    for (int i = 1; sleepers.woken < Sleepers::kCount; ++i) {
      EXPECT_LE(sleepers.woken, i - 1) << "more than one by one write";
      write_to(pair.peer);
      while (sleepers.woken < (exclusive ? i : Sleepers::kCount)) ::sched_yield();
    }
  }
}

TEST(SelectPoller, RefusesWhatItsSetsDoNotHold) {
  Counters counters;
  const auto poller = make_select_poller(counters);
  EXPECT_EQ(poller->descriptors_end(), FD_SETSIZE);
  errno = 0;
  EXPECT_FALSE(poller->add(FD_SETSIZE, 1, kRead));
  EXPECT_EQ(errno, EMFILE);
  EXPECT_TRUE(poller->wait(0).empty());
}

}  // namespace
}  // namespace zyphos

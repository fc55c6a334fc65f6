// SessionSource: the partly open law. Sessions come as the law says, whatever the server does; each
// asks, waits for its answer, thinks, and asks again, a geometric number of times.
//
// A session waits for a free place of a connection, its time running from when it was due, and
// keeps the place until its last answer. How many requests it makes is drawn in the order of
// arrival, so that the same seed gives the same sessions whatever the server does. With its
// connection a session is gone: what it would have asked next was never scheduled.
#pragma once

#include <algorithm>
#include <vector>

#include "load/places.h"
#include "load/source.h"

namespace zyphos {

class SessionSource final : public Source {
 public:
  // `arrivals` are those of sessions; `arrival` says the rest.
  SessionSource(const ArrivalOptions& arrival, const Arrivals& arrivals, std::size_t places,
                std::uint32_t channels, const Random& random);

  void run(Time start, Window window) override;
  void stop(Time end) override { end_ = std::min(end_, end); }
  void joined(std::uint32_t channel, Time) override { places_.joined(channel); }
  void freed(std::uint32_t channel, Time now) override;
  void lost(std::uint32_t channel) override;
  bool peek(Time now, Ticket& ticket) override;
  void take() override;
  Time due() const override;
  bool backlog(Time& scheduled) override;
  bool has_backlog() const override;

 private:
  struct Thinking {
    Time due;
    std::uint32_t channel;
    std::uint32_t generation;  // of the channel: sessions of a lost connection are gone
    std::uint64_t left;        // requests still to make
  };
  struct Later {
    bool operator()(const Thinking& a, const Thinking& b) const { return a.due > b.due; }
  };
  // The sessions of one connection that wait for an answer, the longest waiting first: answers come
  // in the order of requests. A ring.
  struct Waiting {
    std::vector<std::uint64_t> left;
    std::size_t first = 0;
    std::size_t size = 0;
    std::uint32_t generation = 0;
  };

  void wait(std::uint32_t channel, std::uint64_t left);
  void pop_thinking();
  // Until the earliest of the thinking is one whose connection is still up.
  void drop_gone();
  std::uint64_t draw_requests();

  std::int64_t think_ns_;
  double requests_mean_;
  Arrivals arrivals_;
  Random random_;
  Places places_;
  std::vector<Waiting> waiting_;
  std::vector<Thinking> thinking_;  // a heap, the earliest on top
  Time next_ = Time::never();       // session
  bool opens_ = false;              // what peek() showed opens a session
  Time end_{};
};

}  // namespace zyphos

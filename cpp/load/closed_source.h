// ClosedSource: every place of a connection is a user who asks, waits for the answer, thinks, and
// asks again.
#pragma once

#include <vector>

#include "load/source.h"

namespace zyphos {

class ClosedSource final : public Source {
 public:
  ClosedSource(std::int64_t think_ns, std::size_t places, std::uint32_t channels,
               const Random& random);

  void run(Time start, Window window) override;
  void stop(Time end) override { end_ = std::min(end_, end); }
  void joined(std::uint32_t channel, Time now) override;
  void freed(std::uint32_t channel, Time now) override;
  void lost(std::uint32_t channel) override;
  bool peek(Time now, Ticket& ticket) override;
  void take() override;
  Time due() const override;
  // A user of the closed law who does not get to ask has not been scheduled.
  bool backlog(Time&) override { return false; }
  bool has_backlog() const override { return false; }

 private:
  struct User {
    Time due;
    std::uint32_t channel;
    std::uint32_t generation;  // of the channel: users of a lost connection are gone
  };
  struct Later {
    bool operator()(const User& a, const User& b) const { return a.due > b.due; }
  };

  void add(Time due, std::uint32_t channel);
  void add_batch(Time due, std::uint32_t channel);
  bool current(const User& user) const { return generation_[user.channel] == user.generation; }

  std::int64_t think_ns_;
  std::size_t places_;
  Random random_;
  std::vector<std::uint32_t> generation_;  // odd while the connection is up
  std::vector<std::size_t> unanswered_;    // without thinking: of the channel's batch
  std::vector<User> ready_;  // without thinking: in the order of asking, from first_ on
  std::size_t first_ = 0;
  std::vector<User> thinking_;  // a heap, the earliest on top
  Time start_ = Time::never();
  Time end_ = Time::never();
};

}  // namespace zyphos

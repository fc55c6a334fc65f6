// PooledSource: arrivals come when an open law says and are given to the connections of a pool,
// which dials when it needs one, keeps those that are idle, and refuses who finds neither a
// connection nor room to wait.
//
// The connections are the pool's to open and to close: order() says what it wants of them. A
// request is told by when it was scheduled.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "load/pool.h"
#include "load/source.h"

namespace zyphos {

class PooledSource final : public Source {
 public:
  PooledSource(const Arrivals& arrivals, const PoolOptions& options)
      : arrivals_(arrivals), pool_(options) {}

  void run(Time start, Window window) override;
  void stop(Time end) override { end_ = std::min(end_, end); }
  void joined(std::uint32_t channel, Time) override { pool_.dialed(channel); }
  void freed(std::uint32_t channel, Time now) override;
  void lost(std::uint32_t channel) override;
  bool peek(Time now, Ticket& ticket) override;
  void take() override { held_.reset(); }
  Time due() const override;
  bool backlog(Time& scheduled) override;
  bool has_backlog() const override { return next_ < end_ || pool_.waiting() > 0; }

  bool order(Order& order) override { return orders_.take(order); }
  void sound(std::uint32_t channel) override { pool_.sound(channel); }
  bool refused(Time& scheduled) override { return refused_.take(scheduled); }

 private:
  // First come, first served; its memory is kept.
  template <class T>
  class Backlog {
   public:
    void put(const T& one) { held_.push_back(one); }
    bool take(T& one) {
      if (first_ == held_.size()) return false;
      one = held_[first_++];
      if (first_ == held_.size()) {
        held_.clear();
        first_ = 0;
      }
      return true;
    }

   private:
    std::vector<T> held_;
    std::size_t first_ = 0;
  };

  void come(Time now);

  Arrivals arrivals_;
  Pool pool_;
  Time next_ = Time::never();
  Time end_{};
  std::optional<Pool::Step> held_;  // shown by peek() and not taken
  Backlog<Order> orders_;
  Backlog<Time> refused_;
};

}  // namespace zyphos

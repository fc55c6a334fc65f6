// OpenSource: arrivals come when the law says, whatever the server does, and go to the free
// connections in turn.
#pragma once

#include <algorithm>
#include <vector>

#include "load/source.h"

namespace zyphos {

class OpenSource final : public Source {
 public:
  OpenSource(const Arrivals& arrivals, std::size_t places, std::uint32_t channels);

  void run(Time start, Time end) override;
  void stop(Time end) override { end_ = std::min(end_, end); }
  void joined(std::uint32_t channel, Time now) override;
  void freed(std::uint32_t channel, Time now) override;
  void lost(std::uint32_t channel) override;
  bool peek(Time now, Ticket& ticket) override;
  void take() override;
  Time due() const override;
  bool backlog(Time& scheduled) override;
  bool has_backlog() const override { return next_ < end_; }

 private:
  struct Places {
    std::size_t free = 0;
    bool up = false;
    bool queued = false;  // stands in queue_
  };

  void offer(std::uint32_t channel);
  // Drops connections without a free place from the front; false: none has one.
  bool find_place();

  Arrivals arrivals_;
  Time next_ = Time::never();
  Time end_{};
  std::size_t places_each_;
  std::vector<Places> places_;
  std::vector<std::uint32_t> queue_;  // ring of connections with free places, each at most once
  std::size_t first_ = 0;
  std::size_t queued_ = 0;
};

}  // namespace zyphos

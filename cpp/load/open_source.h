// OpenSource: arrivals come when the law says, whatever the server does, and go to the free
// connections in turn.
#pragma once

#include <algorithm>

#include "load/places.h"
#include "load/source.h"

namespace zyphos {

class OpenSource final : public Source {
 public:
  OpenSource(const Arrivals& arrivals, std::size_t places, std::uint32_t channels)
      : arrivals_(arrivals), places_(places, channels) {}

  void run(Time start, Window window) override;
  void stop(Time end) override { end_ = std::min(end_, end); }
  void joined(std::uint32_t channel, Time) override { places_.joined(channel); }
  void freed(std::uint32_t channel, Time) override { places_.freed(channel); }
  void lost(std::uint32_t channel) override { places_.lost(channel); }
  bool peek(Time now, Ticket& ticket) override;
  void take() override;
  Time due() const override;
  bool backlog(Time& scheduled) override;
  bool has_backlog() const override { return next_ < end_; }

 private:
  Arrivals arrivals_;
  Time next_ = Time::never();
  Time end_{};
  Places places_;
};

}  // namespace zyphos

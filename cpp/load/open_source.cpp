#include "load/open_source.h"

namespace zyphos {

void OpenSource::run(Time start, Window window) {
  arrivals_.start(start, window);
  end_ = window.end;
  next_ = arrivals_.next();
}

bool OpenSource::peek(Time now, Ticket& ticket) {
  if (next_ > now || next_ >= end_ || !places_.find()) return false;
  ticket = {next_, places_.front()};
  return true;
}

void OpenSource::take() {
  places_.take();
  next_ = arrivals_.next();
}

Time OpenSource::due() const { return next_ < end_ && places_.any() ? next_ : Time::never(); }

bool OpenSource::backlog(Time& scheduled) {
  if (!has_backlog()) return false;
  scheduled = next_;
  next_ = arrivals_.next();
  return true;
}

}  // namespace zyphos

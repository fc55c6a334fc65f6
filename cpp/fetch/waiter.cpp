#include "fetch/waiter.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "net/clock.h"

namespace zyphos::fetch {

Errc Waiter::wait(int fd, short events, Time end) {
  std::array<pollfd, 2> fds{pollfd{fd, events, 0}, pollfd{stop_fd_, POLLIN, 0}};
  while (!stopped_) {
    const timespec left = to_timespec(end - clock_now());
    const int count = ppoll(fds.data(), fds.size(), &left, nullptr);
    if (count < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "ppoll");
    }
    stopped_ = count > 0 && fds[1].revents != 0;
    if (stopped_) break;
    if (count > 0) return Errc::ok;
    if (count == 0 && clock_now() >= end) break;
  }
  return Errc::deadline;
}

bool Waiter::look() {
  if (!stopped_) static_cast<void>(wait(-1, 0, Time{0}));
  return stopped_;
}

}  // namespace zyphos::fetch

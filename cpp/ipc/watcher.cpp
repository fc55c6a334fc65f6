#include "ipc/watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace zyphos::ipc {

Watcher::Watcher(const Fd& control, int signals, std::function<void(const std::string&)> end)
    : end_(std::move(end)), over_(::eventfd(0, EFD_CLOEXEC)) {
  if (!over_) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this, fd = control.get(), signals] { watch(fd, signals); });
}

Watcher::~Watcher() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(over_.get(), &one, sizeof one);
  thread_.join();
}

// Asked for no events, poll tells of a hang-up all the same (poll(2)), and of nothing else.
void Watcher::watch(int control, int signals) const {
  std::array<pollfd, 3> fds{pollfd{over_.get(), POLLIN, 0}, pollfd{control, 0, 0},
                            pollfd{signals, POLLIN, 0}};
  while (::poll(fds.data(), fds.size(), -1) < 0) {
    if (errno != EINTR) return;
  }
  if (fds[0].revents != 0) return;
  end_(fds[2].revents != 0 ? "interrupted" : "the other process has ended");
}

}  // namespace zyphos::ipc

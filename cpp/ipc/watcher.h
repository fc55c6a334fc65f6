// Watcher: what ends a process that waits for a message which will never come. A thread of its own,
// since a ring in shared memory does not say that its other end has gone.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "net/fd.h"

namespace zyphos::ipc {

class Watcher {
 public:
  // Calls `end` at most once, in its own thread, when `control` hangs up ("the other process has
  // ended") or a signal is readable from `signals` ("interrupted"). `end` should not return. Both
  // descriptors outlive the watcher.
  Watcher(const Fd& control, int signals, std::function<void(const std::string&)> end);
  // Watches no longer.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  void watch(int control, int signals) const;

  std::function<void(const std::string&)> end_;
  Fd over_;
  std::thread thread_;
};

}  // namespace zyphos::ipc

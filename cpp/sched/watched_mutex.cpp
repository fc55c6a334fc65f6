#include "sched/watched_mutex.h"

#include <cstddef>
#include <map>
#include <sstream>

#include "base/check.h"

namespace zyphos {
namespace {

std::mutex all_mutexes;  // guards every WatchedMutex, and this:
std::map<std::thread::id, const WatchedMutex*> waiting;

}  // namespace

void WatchedMutex::lock() {
  std::unique_lock all(all_mutexes);
  wait(all);
}

bool WatchedMutex::lock_or_deadlock(std::string& told) {
  std::unique_lock all(all_mutexes);
  if (closes_circle()) {
    told = circle();
    return false;
  }
  wait(all);
  return true;
}

void WatchedMutex::wait(std::unique_lock<std::mutex>& all) {
  const std::thread::id self = std::this_thread::get_id();
  waiting[self] = this;
  freed_.wait(all, [this] { return holder_ == std::thread::id(); });
  waiting.erase(self);
  holder_ = self;
}

void WatchedMutex::unlock() {
  const std::scoped_lock all(all_mutexes);
  ZY_CHECK(holder_ == std::this_thread::get_id());
  holder_ = {};
  freed_.notify_one();
}

// From this mutex to who holds it, to what he waits for, and so on: does that lead back to the
// calling thread? A circle that it does not belong to has no more members than there are waiting.
bool WatchedMutex::closes_circle() const {
  const std::thread::id self = std::this_thread::get_id();
  const WatchedMutex* wanted = this;
  for (std::size_t steps = 0; steps <= waiting.size(); ++steps) {
    if (wanted->holder_ == self) return true;
    const auto next = waiting.find(wanted->holder_);
    if (next == waiting.end()) return false;
    wanted = next->second;
  }
  return false;
}

// Of a circle that the calling thread would close.
std::string WatchedMutex::circle() const {
  const std::thread::id self = std::this_thread::get_id();
  std::ostringstream told;
  told << "thread " << self;
  const WatchedMutex* wanted = this;
  for (;;) {
    told << " waits for " << wanted->name_;
    if (wanted->holder_ == self) break;
    told << ", which thread " << wanted->holder_ << " holds, who";
    wanted = waiting.at(wanted->holder_);
  }
  told << ", which the first of them holds";
  return told.str();
}

}  // namespace zyphos

// WatchedMutex: a mutex that knows who holds it and who waits for it, so that a deadlock is found
// in the moment in which it becomes one: the thread whose wait would close the circle is told.
//
// Thread safety: any thread; who locked it unlocks it. Invariants: (1) of any circle of waiting
// threads exactly the last one to wait is told, and nobody is told of what is no circle (locks of
// other kinds are not seen); (2) who is told and waits all the same waits for ever. Cost: all
// WatchedMutexes share one lock, held for a few steps by each lock() and unlock(): for teaching and
// for hunts, not for what is locked a million times a second.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace zyphos {

class WatchedMutex {
 public:
  // `name` is of static storage.
  explicit WatchedMutex(const char* name) : name_(name) {}
  WatchedMutex(const WatchedMutex&) = delete;
  WatchedMutex& operator=(const WatchedMutex&) = delete;

  // Waits until it is the calling thread's, unless that would never be (it may hold it already):
  // then false, at once, nothing is locked, and `told` says who waits for whom, in one line.
  [[nodiscard]] bool lock_or_deadlock(std::string& told);
  // Waits whatever comes of it.
  void lock();
  void unlock();

 private:
  bool closes_circle() const;
  std::string circle() const;
  void wait(std::unique_lock<std::mutex>& all);

  const char* name_;
  std::thread::id holder_;  // nobody's: free
  std::condition_variable freed_;
};

}  // namespace zyphos

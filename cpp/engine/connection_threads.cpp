#include "engine/connection_threads.h"

#include <signal.h>

#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "engine/alarm.h"
#include "engine/stack.h"
#include "net/cpu.h"

namespace zyphos {
namespace {

// Null: no descriptor for its event.
std::shared_ptr<Mailbox> make_mailbox(bool with_event) {
  try {
    return std::make_shared<Mailbox>(with_event);
  } catch (const std::system_error&) {
    return nullptr;
  }
}

}  // namespace

bool ConnectionThreads::start(Arrival& arrival, Random random) {
  auto mailbox = make_mailbox(shared_.options.application_wakes);
  if (!mailbox) return false;
  const std::scoped_lock lock(mutex_);
  std::list<Worker> made(1);
  Worker& worker = made.front();
  worker.self = made.begin();
  worker.threads = this;
  worker.accepted = arrival.accepted;
  worker.number = connections_++;
  worker.counters = &board_.take();
  BlockingSetup setup{.shared = shared_,
                      .counters = *worker.counters,
                      .random = random,
                      .mailbox = std::move(mailbox),
                      .fd = std::move(arrival.fd),
                      .connection = std::move(arrival.connection),
                      .accepted = arrival.accepted,
                      .dial_error = arrival.dial_error};
  try {
    worker.driver = std::make_unique<BlockingDriver>(std::move(setup));
  } catch (const std::bad_alloc&) {
    board_.retire(*worker.counters);
    throw;
  }
  // The new thread ends through mutex_, which is held here: `thread` is set by then.
  const std::size_t stack_bytes = shared_.options.blocking_threads.stack_bytes;
  if (start_thread(worker.thread, stack_bytes, thread_main, &worker) != 0) {
    board_.retire(*worker.counters);
    worker.driver->give_back(arrival.fd, arrival.connection);
    return false;
  }
  running_.splice(running_.end(), made);
  return true;
}

void* ConnectionThreads::thread_main(void* argument) {
  auto& worker = *static_cast<Worker*>(argument);
  const WatchedStack watched(worker.threads->shared_.options.blocking_threads.stack_bytes,
                             worker.counters);
  admit_interrupts();
  name_thread("zy-conn-" + std::to_string(worker.number));
  worker.driver->run();
  worker.threads->finished(worker);
  return nullptr;
}

void ConnectionThreads::finished(Worker& worker) {
  const bool accepted = worker.accepted;
  {
    // Nobody looks at an ended worker but to join it.
    const std::scoped_lock lock(mutex_);
    ended_.splice(ended_.end(), running_, worker.self);
  }
  worker.driver.reset();
  board_.retire(*worker.counters);
  ended_call_(accepted);
}

void ConnectionThreads::reap() {
  std::list<Worker> ended;
  {
    const std::scoped_lock lock(mutex_);
    ended.swap(ended_);
  }
  for (Worker& worker : ended) pthread_join(worker.thread, nullptr);
}

bool ConnectionThreads::interrupt(bool all) {
  const std::scoped_lock lock(mutex_);
  bool unseen = false;
  for (Worker& worker : running_) {
    if (!all && worker.driver->saw_drain()) continue;
    unseen = true;
    pthread_kill(worker.thread, kInterruptSignal);
  }
  return unseen;
}

bool ConnectionThreads::none() const {
  const std::scoped_lock lock(mutex_);
  return running_.empty() && ended_.empty();
}

}  // namespace zyphos

#include "engine/thread_engine.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <future>
#include <list>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/blocking_driver.h"
#include "engine/reserve.h"
#include "net/clock.h"
#include "net/cpu.h"

namespace zyphos {
namespace {

constexpr std::size_t kStack_bytes = 256 * 1024;
constexpr std::int64_t kAcceptRetry_ns = 100 * kMillisecond_ns;
// A signal that comes just before its thread waits is lost; hence once more until the thread has
// seen the flag.
constexpr std::int64_t kSignalAgain_ns = 10 * kMillisecond_ns;
constexpr int kSignal = SIGURG;

void install_signal() {
  struct sigaction present{};
  sigaction(kSignal, nullptr, &present);
  const bool unused = present.sa_handler == SIG_DFL || present.sa_handler == SIG_IGN;
  if (!unused) return;
  struct sigaction wake{};
  wake.sa_handler = [](int) {};  // and no SA_RESTART: recv returns EINTR
  sigaction(kSignal, &wake, nullptr);
}

void admit_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kSignal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

// One connection's thread. Invariant: while it stands in `running`, the thread may be signalled.
struct Worker {
  pthread_t thread{};
  std::unique_ptr<BlockingDriver> driver;
  Counters* counters = nullptr;
  class ThreadEngine* engine = nullptr;
  bool accepted = false;
  std::uint64_t number = 0;
  std::list<Worker>::iterator self;
};

class ThreadEngine final : public Engine, private BlockingShared {
 public:
  ThreadEngine(const EngineOptions& engine_options, ConnectionFactory factory, Board& board)
      : BlockingShared(engine_options),
        factory_(std::move(factory)),
        board_(board),
        random_(engine_options.seed),
        mailbox_(std::make_shared<Mailbox>()),
        reserve_(engine_options.when_full == WhenFull::refuse),
        leak_(engine_options.leak) {}

  ~ThreadEngine() override {
    drain();
    join();
  }

  void start() override {
    ZY_CHECK(!acceptor_.joinable());
    listener_ = listen_on(options.listen, {.backlog = options.backlog, .socket = options.socket});
    address_ = local_address(listener_.get());
    install_signal();
    counters_ = &board_.take();
    std::promise<void> pinned;
    acceptor_ = std::thread([&] {
      try {
        name_thread("zy-accept");
        if (!options.cpus.empty()) pin_thread(options.cpus);  // the connections' threads inherit it
        pinned.set_value();
      } catch (...) {
        pinned.set_exception(std::current_exception());
        return;
      }
      accept_until_drained();
    });
    try {
      pinned.get_future().get();
    } catch (...) {
      join();
      throw;
    }
  }

  Address address() const override { return address_; }

  void drain() override {
    draining.store(true, std::memory_order_release);
    mailbox_->poke();
  }

  void join() override {
    if (!acceptor_.joinable()) return;
    acceptor_.join();
    board_.retire(*counters_);
  }

 private:
  bool start_dialed(Dialed& dialed, std::unique_ptr<Connection>& connection) override;

  void accept_until_drained();
  void accept_some();
  bool accept_failed(int error);
  void accepted(Fd fd);
  void sweep_backlog();
  bool spawn(Fd& fd, std::unique_ptr<Connection>& connection, bool is_accepted, Errc dial_error);
  bool launch(Worker& worker);
  static void* thread_main(void* argument);
  void finished(Worker& worker);
  void reap();
  void wait(bool accepting, Time until);
  void see_out();
  bool signal_threads(bool all);

  ConnectionFactory factory_;
  Board& board_;
  Random random_;                  // under mutex_
  std::uint64_t connections_ = 0;  // likewise
  std::shared_ptr<Mailbox> mailbox_;
  Fd listener_;
  Address address_;
  Counters* counters_ = nullptr;  // the acceptor's
  std::thread acceptor_;
  Reserve reserve_;  // the acceptor's, as what follows
  Leak leak_;
  Time retry_accept_ = Time::never();
  std::vector<Mailbox::Mail> mail_;  // always empty: the acceptor is only poked

  std::mutex mutex_;
  std::list<Worker> running_;
  std::list<Worker> ended_;  // to be joined
  std::atomic<std::size_t> accepted_live_ = 0;
};

// --- the acceptor ---

void ThreadEngine::accept_until_drained() {
  while (!draining.load(std::memory_order_acquire)) {
    const bool accepting = retry_accept_.is_never();
    wait(accepting, retry_accept_);
    mailbox_->collect(
        mail_);  // before looking around: what is announced from here on ends the next wait
    reap();
    // A thread that has ended, or the time: both are worth a try.
    retry_accept_ = Time::never();
    accept_some();
  }
  sweep_backlog();
  listener_.reset();
  see_out();
}

void ThreadEngine::wait(bool accepting, Time until) {
  std::array waiting{pollfd{.fd = accepting ? listener_.get() : -1, .events = POLLIN, .revents = 0},
                     pollfd{.fd = mailbox_->event(), .events = POLLIN, .revents = 0}};
  if (!mailbox_->sleep()) return;
  const timespec left = until.is_never() ? timespec{} : to_timespec(until - clock_now());
  const int ready =
      ::ppoll(waiting.data(), waiting.size(), until.is_never() ? nullptr : &left, nullptr);
  mailbox_->awake();
  if (ready < 0) counters_->add(Counter::interrupted);
  if (ready > 0) counters_->woke(static_cast<std::uint64_t>(ready));
  if (waiting[1].revents != 0) mailbox_->clear_event();
}

void ThreadEngine::accept_some() {
  constexpr int kAccepts = 64;
  for (int i = 0; i < kAccepts; ++i) {
    if (accepted_live_.load() >= options.connections_max) {
      retry_accept_ = clock_now() + kAcceptRetry_ns;
      return;
    }
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted(Fd(fd));
      continue;
    }
    if (!accept_failed(errno)) return;
  }
}

// False: stop accepting for now.
bool ThreadEngine::accept_failed(int error) {
  if (error == EINTR) counters_->add(Counter::interrupted);
  if (error == EAGAIN) return false;
  if (!out_of_descriptors(error)) return true;  // that peer's own trouble (ECONNABORTED, ...)
  counters_->error(Errc::accept_limit);
  if (options.when_full == WhenFull::spin) return true;
  reserve_.refuse_waiting(listener_.get(), *counters_);
  counters_->add(Counter::accept_paused);
  retry_accept_ = clock_now() + kAcceptRetry_ns;
  return false;
}

void ThreadEngine::sweep_backlog() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted(Fd(fd));
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void ThreadEngine::accepted(Fd fd) {
  counters_->add(Counter::accepted);
  try {
    apply(fd.get(), options.socket);
  } catch (const std::system_error&) {
    // The listener took the same options, so it is this peer that has already gone.
    counters_->error(Errc::peer_reset);
    counters_->add(Counter::closed);
    return;
  }
  auto connection = factory_();
  if (connection) leak_.of(fd.get());
  if (connection && spawn(fd, connection, true, Errc::ok)) return;
  if (connection) counters_->error(Errc::accept_limit);
  counters_->add(Counter::closed);
}

bool ThreadEngine::start_dialed(Dialed& dialed, std::unique_ptr<Connection>& connection) {
  return spawn(dialed.fd, connection, false, dialed.error);
}

// --- threads ---

// False when there can be no thread: nothing is taken.
bool ThreadEngine::spawn(Fd& fd, std::unique_ptr<Connection>& connection, bool is_accepted,
                         Errc dial_error) {
  std::shared_ptr<Mailbox> mailbox;
  try {
    mailbox = std::make_shared<Mailbox>(options.application_wakes);
  } catch (const std::system_error&) {
    return false;  // no descriptor for its event
  }
  const std::scoped_lock lock(mutex_);
  std::list<Worker> made(1);
  Worker& worker = made.front();
  worker.self = made.begin();
  worker.engine = this;
  worker.accepted = is_accepted;
  worker.number = connections_++;
  worker.counters = &board_.take();
  BlockingSetup setup{.shared = *this,
                      .counters = *worker.counters,
                      .random = random_.split(),
                      .mailbox = std::move(mailbox),
                      .fd = std::move(fd),
                      .connection = std::move(connection),
                      .accepted = is_accepted,
                      .dial_error = dial_error};
  worker.driver = std::make_unique<BlockingDriver>(std::move(setup));
  if (!launch(worker)) {
    board_.retire(*worker.counters);
    worker.driver->give_back(fd, connection);
    return false;
  }
  if (is_accepted) accepted_live_.fetch_add(1);
  running_.splice(running_.end(), made);
  return true;
}

bool ThreadEngine::launch(Worker& worker) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack_bytes);
  // The new thread ends through mutex_, which the caller holds: `thread` is set by then.
  const int error = pthread_create(&worker.thread, &attributes, thread_main, &worker);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

void* ThreadEngine::thread_main(void* argument) {
  auto& worker = *static_cast<Worker*>(argument);
  admit_signal();
  name_thread("zy-conn-" + std::to_string(worker.number));
  worker.driver->run();
  worker.engine->finished(worker);
  return nullptr;
}

void ThreadEngine::finished(Worker& worker) {
  {
    // Nobody looks at an ended worker but to join it.
    const std::scoped_lock lock(mutex_);
    ended_.splice(ended_.end(), running_, worker.self);
  }
  worker.driver.reset();
  board_.retire(*worker.counters);
  if (worker.accepted) accepted_live_.fetch_sub(1);
  mailbox_->poke();
}

void ThreadEngine::reap() {
  std::list<Worker> ended;
  {
    const std::scoped_lock lock(mutex_);
    ended.swap(ended_);
  }
  for (Worker& worker : ended) pthread_join(worker.thread, nullptr);
}

// --- the end ---

// Until the last thread has been joined; after the drain timeout what is left is aborted.
void ThreadEngine::see_out() {
  const Time end = clock_now() + options.drain_timeout_ns;
  for (;;) {
    mailbox_->collect(mail_);
    reap();
    const bool over = clock_now() >= end;
    if (over) aborting.store(true, std::memory_order_release);
    const bool unseen = signal_threads(over);
    {
      const std::scoped_lock lock(mutex_);
      if (running_.empty() && ended_.empty()) return;
    }
    const Time again = clock_now() + kSignalAgain_ns;
    wait(false, unseen || over ? again : std::min(again + kSecond_ns, end));
  }
}

// True when some thread has not seen the draining flag.
bool ThreadEngine::signal_threads(bool all) {
  const std::scoped_lock lock(mutex_);
  bool unseen = false;
  for (Worker& worker : running_) {
    if (!all && worker.driver->saw_drain()) continue;
    unseen = true;
    pthread_kill(worker.thread, kSignal);
  }
  return unseen;
}

}  // namespace

std::unique_ptr<Engine> make_thread_engine(const EngineOptions& options, ConnectionFactory factory,
                                           Board& board) {
  return std::make_unique<ThreadEngine>(options, std::move(factory), board);
}

}  // namespace zyphos

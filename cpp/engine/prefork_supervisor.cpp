#include "engine/prefork_supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/process_fd.h"
#include "engine/worker_busy.h"
#include "engine/worker_passing.h"
#include "engine/worker_pool_size.h"
#include "engine/worker_processes.h"
#include "net/clock.h"
#include "net/cpu.h"

namespace zyphos {
namespace {

constexpr int kNobody = -1;
constexpr std::int64_t kLook_ns = 200 * kMillisecond_ns;  // at how busy the workers are

// Who serves in a place, by cell.
struct Place {
  int current = kNobody;
  int successor = kNobody;   // started, and to replace the current one
  bool replace = false;      // the current one, because of a reload
  Time not_before = Time{};  // the next start
  std::int64_t backoff_ns = 0;
};

class Supervisor {
 public:
  explicit Supervisor(SupervisorSetup setup)
      : setup_(std::move(setup)),
        board_(setup_.scoreboard),
        processes_(setup_.options, setup_.factory, board_, setup_.counters),
        owner_(process_fd(setup_.owner)),
        places_(board_.places()),
        active_(options().workers),
        size_(options().workers, board_.places()),
        busy_(board_.places()),
        owner_gone_(!owner_) {
    if (setup_.options.prefork.accept != WorkerAccept::passed) return;
    passing_.emplace(std::move(setup_.listeners.front()), setup_.options, board_, setup_.counters);
  }

  int run() {
    while (!owner_gone_ && !(draining_ && processes_.none())) {
      if (now_ >= look_) look();
      for (unsigned place = 0; place < places_.size(); ++place) tend(place);
      announce();
      if (wait()) react();
      if (failed_) return 1;
    }
    return owner_gone_ ? 1 : 0;
  }

 private:
  const PreforkOptions& options() const { return setup_.options.prefork; }
  WorkerState state(int cell) const { return board_.cell(static_cast<unsigned>(cell)).state; }

  // --- places ---

  void tend(unsigned number) {
    Place& place = places_[number];
    if (draining_) return;
    if (number >= active_) return dismiss(number);
    if (place.successor != kNobody && serves(place.successor)) {
      processes_.order(static_cast<unsigned>(place.current), Order::leave, now_);
      place.current = std::exchange(place.successor, kNobody);
      place.replace = false;
      setup_.counters.add(Counter::workers_replaced);
    }
    if (now_ < place.not_before) return;
    if (place.current == kNobody) {
      place.current = start(number);
    } else if (place.successor == kNobody &&
               (place.replace || state(place.current) == WorkerState::tired)) {
      place.successor = start(number);
    }
  }

  // Nobody is to serve there.
  void dismiss(unsigned number) {
    Place& place = places_[number];
    for (int* cell : {&place.current, &place.successor}) {
      if (*cell != kNobody) processes_.order(static_cast<unsigned>(*cell), Order::leave, now_);
      *cell = kNobody;
    }
    place.replace = false;
    if (passing_) passing_->take_back(number, now_);
  }

  void look() {
    if (places_.size() == options().workers) return;
    look_ = now_ + kLook_ns;
    double busy = 0;
    for (unsigned number = 0; number < places_.size(); ++number) {
      const int cell = places_[number].current;
      const pid_t pid = cell == kNobody ? 0 : board_.cell(static_cast<unsigned>(cell)).pid.load();
      busy += busy_[number].share_since(pid, now_);
    }
    if (announced_) active_ = size_.next(active_, busy);
  }

  bool serves(int cell) const {
    return state(cell) == WorkerState::ready || state(cell) == WorkerState::tired;
  }

  // The cell, nobody where none is free (the one before last still leaves) or no process to be had.
  int start(unsigned number) {
    for (unsigned cell = number; cell < board_.cells(); cell += board_.places()) {
      if (board_.cell(cell).pid.load() != 0) continue;
      if (processes_.start(cell, now_, [&] { return become_worker(number); })) {
        return static_cast<int>(cell);
      }
      back_off(number, false);
    }
    return kNobody;
  }

  Fd become_worker(unsigned number) {
    const bool own = options().accept == WorkerAccept::reuse_port;
    Fd door = passing_ ? passing_->take_end(number) : std::move(setup_.listeners[own ? number : 0]);
    passing_.reset();
    setup_.listeners.clear();
    setup_.control.reset();
    owner_.reset();
    return door;
  }

  void bury(unsigned cell) {
    const unsigned number = board_.place_of(cell);
    const WorkerProcesses::End end = processes_.bury(cell, now_);
    Place& place = places_[number];
    const int ended = static_cast<int>(cell);
    if (place.successor == ended) place.successor = kNobody;
    if (place.current == ended) place.current = std::exchange(place.successor, kNobody);
    if (end.asked) return;
    if (!announced_) fail(end.complaint);
    back_off(number, end.lasted);
  }

  void back_off(unsigned number, bool lasted) {
    Place& place = places_[number];
    const std::int64_t longer_ns = std::max(2 * place.backoff_ns, options().backoff_ns);
    place.backoff_ns = lasted ? 0 : std::min(longer_ns, options().backoff_ns_max);
    place.not_before = now_ + place.backoff_ns;
    for (unsigned cell = number; cell < board_.cells(); cell += board_.places()) {
      board_.cell(cell).backoff_ns.store(place.backoff_ns);
    }
  }

  // --- the owner ---

  void announce() {
    const auto ready = [this](const Place& one) {
      return one.current != kNobody && serves(one.current);
    };
    if (announced_ || !std::all_of(places_.begin(), places_.begin() + active_, ready)) return;
    announced_ = true;
    say({&kReady, 1});
  }

  void fail(std::string_view why) {
    failed_ = true;
    say(why.substr(0, kComplaint_bytes));
  }

  void say(std::string_view what) {
    ::send(setup_.control.get(), what.data(), what.size(), MSG_NOSIGNAL);
  }

  void hear() {
    char what = 0;
    const ssize_t size = ::recv(setup_.control.get(), &what, 1, 0);
    if (size == 0) owner_gone_ = true;
    if (size != 1) return;
    if (what == kReload) {
      for (Place& place : places_) place.replace = true;
    } else if (what == kDrain) {
      drain();
    }
  }

  void drain() {
    draining_ = true;
    if (passing_) passing_->close(now_);
    setup_.listeners.clear();
    processes_.order_all(Order::drain, now_);
  }

  // --- waiting ---

  Time next() const {
    Time next = std::min(processes_.next_press(), draining_ ? Time::never() : look_);
    if (passing_) next = std::min(next, passing_->resume());
    for (const Place& place : places_) {
      if (!draining_ && place.not_before > now_) next = std::min(next, place.not_before);
    }
    return next;
  }

  // False: a signal has come between.
  bool wait() {
    polled_.assign({watch(setup_.control.get()), watch(owner_.get()), watch(processes_.bell()),
                    watch(passing_ ? passing_->watched() : -1)});
    for (unsigned cell = 0; cell < board_.cells(); ++cell) {
      polled_.push_back(watch(processes_.pidfd(cell)));
    }
    const Time until = next();
    const timespec left = to_timespec(until - clock_now());
    if (::ppoll(polled_.data(), polled_.size(), until.is_never() ? nullptr : &left, nullptr) < 0) {
      if (errno != EINVAL) return false;
      look_at_each();
    }
    now_ = clock_now();
    return true;
  }

  // Somebody has allowed this process fewer descriptors than it watches, and poll(2) takes no more
  // at once: one at a time, a hundred times a second, which is late and does not spin.
  void look_at_each() {
    ::poll(nullptr, 0, 10);
    for (pollfd& one : polled_) ::poll(&one, 1, 0);
  }

  void react() {
    eventfd_t rung = 0;
    if (polled_[kBell].revents != 0) eventfd_read(processes_.bell(), &rung);
    if (polled_[kOwner].revents != 0) owner_gone_ = true;
    for (unsigned cell = 0; cell < board_.cells(); ++cell) {
      if (polled_[kCells + cell].revents != 0) bury(cell);
    }
    if (passing_ && (polled_[kListener].revents != 0 || now_ >= passing_->resume())) {
      passing_->pass_on(now_);
    }
    processes_.press(now_);
    if (polled_[kControl].revents != 0) hear();
  }

  enum : std::size_t { kControl, kOwner, kBell, kListener, kCells };
  static pollfd watch(int fd) { return {.fd = fd, .events = POLLIN, .revents = 0}; }

  SupervisorSetup setup_;
  Scoreboard& board_;
  WorkerProcesses processes_;
  Fd owner_;
  std::optional<WorkerPassing> passing_;
  std::vector<Place> places_;
  std::vector<pollfd> polled_;
  unsigned active_;  // places in which somebody is to serve: the first ones
  WorkerPoolSize size_;
  std::vector<WorkerBusy> busy_;  // by place
  Time now_ = clock_now();
  Time look_ = places_.size() > options().workers ? now_ : Time::never();
  bool announced_ = false;
  bool draining_ = false;
  bool owner_gone_;
  bool failed_ = false;
};

// Those that a terminal, or who ends the whole group of processes, sends to all of them are the
// owner's to act upon.
void leave_signals_to_owner() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

int supervise(SupervisorSetup setup) {
  if (::getppid() != setup.owner) return 1;
  leave_signals_to_owner();
  const int control = setup.control.get();
  try {
    name_thread("zy-prefork");
    return Supervisor(std::move(setup)).run();
  } catch (const std::exception& error) {
    const std::string_view why = error.what();
    ::send(control, why.data(), std::min(why.size(), kComplaint_bytes), MSG_NOSIGNAL);
    return 1;
  }
}

}  // namespace zyphos

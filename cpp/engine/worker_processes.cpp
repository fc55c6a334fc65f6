#include "engine/worker_processes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "engine/prefork_worker.h"
#include "engine/process_fd.h"

namespace zyphos {
namespace {

Fd make_bell() {
  Fd bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) throw std::system_error(errno, std::generic_category(), "eventfd");
  return bell;
}

// Why it could not go on, where it said so before its end.
std::string read_complaint(int pipe) {
  std::array<char, 512> text{};
  const ssize_t size = ::read(pipe, text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status))
    return "a worker was ended by signal " + std::to_string(WTERMSIG(status));
  return "a worker ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

WorkerProcesses::WorkerProcesses(const EngineOptions& options, const ConnectionFactory& factory,
                                 Scoreboard& scoreboard, Counters& counters)
    : options_(options),
      factory_(factory),
      scoreboard_(scoreboard),
      counters_(counters),
      random_(options.seed),
      bell_(make_bell()),
      processes_(scoreboard.cells()) {}

bool WorkerProcesses::start(unsigned cell, Time now, const Become& become) {
  WorkerCell& row = scoreboard_.cell(cell);
  ZY_CHECK(row.pid.load() == 0);
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  Process process{.pidfd = {}, .complaints = Fd(pipe[0]), .mailbox = {}, .started = now};
  Fd complaints(pipe[1]);
  try {
    process.mailbox = std::make_shared<Mailbox>();
  } catch (const std::system_error&) {
    return false;
  }
  row.order.store(Order::run);
  row.state.store(WorkerState::starting);
  const pid_t parent = ::getpid();
  Random random = random_.split();
  const pid_t pid = ::fork();
  if (pid == 0) {
    process.complaints.reset();
    become_worker(cell, parent, std::move(complaints), random, std::move(process.mailbox), become);
  }
  if (pid > 0) process.pidfd = process_fd(pid);
  if (pid > 0 && !process.pidfd) {  // nobody would see its end
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  if (!process.pidfd) {
    row.state.store(WorkerState::none);
    return false;
  }
  row.pid.store(pid);
  row.starts.fetch_add(1);
  counters_.add(Counter::workers_started);
  processes_[cell] = std::move(process);
  return true;
}

void WorkerProcesses::become_worker(unsigned cell, pid_t parent, Fd complaints, Random random,
                                    std::shared_ptr<Mailbox> mailbox, const Become& become) {
  processes_.clear();
  ::_exit(run_worker({.options = options_,
                      .factory = factory_,
                      .scoreboard = scoreboard_,
                      .cell = cell,
                      .parent = parent,
                      .door = become(),
                      .mailbox = std::move(mailbox),
                      .bell = bell_.get(),
                      .complaints = complaints.get(),
                      .random = random}));
}

void WorkerProcesses::order(unsigned cell, Order order, Time now) {
  WorkerCell& row = scoreboard_.cell(cell);
  Process& process = processes_[cell];
  if (!process.pidfd || row.order.load() >= order) return;
  row.order.store(order, std::memory_order_release);
  row.state.store(WorkerState::leaving);
  process.patience = now + options_.drain_timeout_ns;
  if (order == Order::drain) process.patience = process.patience + options_.prefork.grace_ns;
  eventfd_write(process.mailbox->event(), 1);
}

void WorkerProcesses::order_all(Order what, Time now) {
  for (unsigned cell = 0; cell < processes_.size(); ++cell) order(cell, what, now);
}

void WorkerProcesses::press(Time now) {
  for (unsigned cell = 0; cell < processes_.size(); ++cell) {
    Process& process = processes_[cell];
    if (now < process.patience) continue;
    if (scoreboard_.cell(cell).order.load() == Order::leave) {
      order(cell, Order::drain, now);
    } else {
      process.patience = Time::never();
      ::kill(scoreboard_.cell(cell).pid.load(), SIGKILL);
    }
  }
}

Time WorkerProcesses::next_press() const {
  Time next = Time::never();
  for (const Process& process : processes_) next = std::min(next, process.patience);
  return next;
}

WorkerProcesses::End WorkerProcesses::bury(unsigned cell, Time now) {
  WorkerCell& row = scoreboard_.cell(cell);
  Process process = std::move(processes_[cell]);
  processes_[cell] = {};
  int status = 0;
  while (::waitpid(row.pid.load(), &status, 0) < 0 && errno == EINTR) {
  }
  End end{.asked = row.order.load() != Order::run,
          .lasted = now - process.started >= options_.prefork.stable_ns,
          .complaint = read_complaint(process.complaints.get())};
  if (end.complaint.empty()) end.complaint = how_it_ended(status);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) counters_.add(Counter::workers_lost);
  count_lost(cell);
  row.state.store(WorkerState::none);
  row.pid.store(0);
  return end;
}

// Its connections went with it.
void WorkerProcesses::count_lost(unsigned cell) {
  Counters& counted = scoreboard_.counters(cell);
  const std::uint64_t lost = scoreboard_.connections(cell);
  counted.add(Counter::closed, lost);
  counted.bump(kCounterCount + static_cast<std::size_t>(Errc::worker_lost), lost);
}

bool WorkerProcesses::none() const {
  return std::ranges::none_of(processes_, [](const Process& one) { return bool{one.pidfd}; });
}

}  // namespace zyphos

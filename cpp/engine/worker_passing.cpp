#include "engine/worker_passing.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "net/passing.h"

namespace zyphos {
namespace {

constexpr std::int64_t kNoRoom_ns = 5 * kMillisecond_ns;          // until a worker has taken some
constexpr std::int64_t kNoDescriptor_ns = 100 * kMillisecond_ns;  // as of other engines' loops

}  // namespace

WorkerPassing::WorkerPassing(Fd listener, const EngineOptions& options, Scoreboard& scoreboard,
                             Counters& counters)
    : listener_(std::move(listener)),
      options_(options),
      scoreboard_(scoreboard),
      counters_(counters),
      reserve_(options.when_full == WhenFull::refuse),
      passed_(scoreboard.places()) {
  for (unsigned i = 0; i < scoreboard.places(); ++i) channels_.push_back(passing_pair());
}

void WorkerPassing::pass_on(Time now) {
  resume_ = Time::never();
  if (held_ && !hand_out(held_.get())) return rest(now, kNoRoom_ns);
  held_.reset();
  while (listener_) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (!accept_failed(errno, now)) return;
    } else if (!hand_out(fd.get())) {
      held_ = std::move(fd);
      return rest(now, kNoRoom_ns);
    }
  }
}

// As LoopCore's. False: stop accepting for now.
bool WorkerPassing::accept_failed(int error, Time now) {
  if (error == EAGAIN) return false;
  if (!out_of_descriptors(error)) return true;
  counters_.error(Errc::accept_limit);
  if (options_.when_full == WhenFull::spin) return true;
  reserve_.refuse_waiting(listener_.get(), counters_);
  counters_.add(Counter::accept_paused);
  rest(now, kNoDescriptor_ns);
  return false;
}

void WorkerPassing::take_back(unsigned place, Time now) {
  while (!held_) {
    Fd fd(receive_passed(channels_[place][1].get()));
    if (!fd) return;
    --passed_[place];
    if (hand_out(fd.get())) continue;
    held_ = std::move(fd);
    rest(now, kNoRoom_ns);
  }
}

void WorkerPassing::close(Time now) {
  pass_on(now);
  listener_.reset();
  held_.reset();
  resume_ = Time::never();
}

// False: no place has room for it.
bool WorkerPassing::hand_out(int fd) {
  const unsigned places = scoreboard_.places();
  const bool least = options_.readiness.hand_out == HandOut::least_connections;
  const unsigned first = next_++;
  std::vector<bool> full(places);
  for (unsigned tried = 0; tried < places; ++tried) {
    unsigned chosen = places;
    for (unsigned i = 0; i < places; ++i) {
      const unsigned place = (first + i) % places;
      if (full[place] || !serves(place)) continue;
      if (chosen == places || (least && load(place) < load(chosen))) chosen = place;
    }
    if (chosen == places) return false;
    if (pass(channels_[chosen][0].get(), fd)) {
      ++passed_[chosen];
      return true;
    }
    full[chosen] = true;
  }
  return false;
}

bool WorkerPassing::serves(unsigned place) const {
  for (unsigned cell = place; cell < scoreboard_.cells(); cell += scoreboard_.places()) {
    const WorkerState state = scoreboard_.cell(cell).state.load();
    if (state == WorkerState::ready || state == WorkerState::tired) return true;
  }
  return false;
}

// Connections that it has, and those on their way to it.
std::uint64_t WorkerPassing::load(unsigned place) const {
  std::uint64_t ended = 0;
  for (unsigned cell = place; cell < scoreboard_.cells(); cell += scoreboard_.places()) {
    ended += scoreboard_.counters(cell).value(Counter::closed);
  }
  return passed_[place] - ended;
}

}  // namespace zyphos

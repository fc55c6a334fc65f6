#include "protocol/slot.h"

#include <utility>

#include "base/check.h"

namespace zyphos {

void Slot::open(std::unique_ptr<Connection> connection, Waker wake, Dialer& dial, Random& random,
                Counters& counters, const std::atomic<bool>& draining,
                const std::atomic<bool>* leaving) {
  ZY_CHECK(!connection_ && connection);
  connection_ = std::move(connection);
  context_.emplace(std::move(wake), dial, random, counters, draining, leaving);
  connection_->start(*context_);
  while (context_->has_successor()) swap_in_successor();
}

void Slot::input(Bytes chunk) {
  context_->counters.add(Counter::bytes_in, chunk.size());
  if (phase_ == Phase::run) in_.receive(chunk);
}

void Slot::peer(Peer state) {
  if (state > peer_) peer_ = state;
  if (peer_ != Peer::lost) return;
  out_.clear();
  if (fin_ == Fin::due) fin_ = Fin::none;
}

void Slot::pump(Time now) {
  if (phase_ != Phase::run) {
    if (now >= deadline_) abort(Errc::ok);
    return;
  }
  while (advance(now)) {
  }
  // A finished peer's rest that nobody wants, or a lost peer: nothing can follow.
  if (peer_ == Peer::lost && phase_ == Phase::run) phase_ = Phase::abort;
}

// One call of the connection; true when another may make progress.
bool Slot::advance(Time now) {
  const Step step = connection_->advance(in_.view(), peer_, out_, now);
  in_.consume(step.consumed);
  need_ = step.need;
  deadline_ = step.deadline;
  room_at_pump_ = out_.room();
  if (step.error != Errc::ok) fail(step.error);
  follow(step, now);
  if (phase_ != Phase::run) {
    in_.clear();
    return false;
  }
  if (context_->has_successor()) {
    while (context_->has_successor()) swap_in_successor();
    return true;
  }
  if (step.need != Need::input) return false;
  if (in_.top_up()) return true;
  if (in_.full() && step.consumed == 0) {
    fail(Errc::input_limit);
    phase_ = Phase::abort;
  }
  return step.consumed > 0 && !in_.empty();
}

void Slot::follow(const Step& step, Time now) {
  switch (step.next) {
    case Next::run: return;
    case Next::finish:
      if (fin_ == Fin::none) fin_ = Fin::due;
      return;
    case Next::close:
      if (fin_ == Fin::none && limits_.lingers) fin_ = Fin::due;
      phase_ = Phase::linger;
      deadline_ = now + limits_.linger_ns;
      return;
    case Next::abort: phase_ = Phase::abort; return;
  }
}

void Slot::swap_in_successor() {
  // The caller of become() may still be on the stack's way out: it goes when the next one is in.
  replaced_ = std::exchange(connection_, context_->take_successor());
  connection_->start(*context_);
  replaced_.reset();
}

void Slot::settle() {
  in_.settle();
  if (const auto copied = in_.take_bytes_copied(); copied > 0) {
    context_->counters.add(Counter::bytes_copied, copied);
  }
}

bool Slot::finished() const {
  if (phase_ == Phase::abort) return true;
  if (phase_ == Phase::linger && peer_ == Peer::lost) return true;  // a FIN would reach nobody
  if (phase_ != Phase::linger || !out_.empty()) return false;
  return !limits_.lingers || (fin_ == Fin::sent && peer_ != Peer::open);
}

void Slot::abort(Errc error) {
  if (error != Errc::ok) fail(error);
  out_.clear();
  in_.clear();
  phase_ = Phase::abort;
}

void Slot::fail(Errc error) {
  if (error_ != Errc::ok) return;
  error_ = error;
  context_->counters.error(error);
}

}  // namespace zyphos

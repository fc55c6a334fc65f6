#include "protocol/slot.h"

#include <utility>

#include "base/check.h"

namespace zyphos {

Slot::~Slot() {
  connection_.reset();
  if (buffers_ == nullptr) return;
  buffers_->in.clear();
  buffers_->out.clear();
  give_buffers();
}

void Slot::open(std::unique_ptr<Connection> connection, std::uint32_t number,
                std::uint32_t generation) {
  ZY_CHECK(!connection_ && connection);
  connection_ = std::move(connection);
  context_.number(number, generation);
  connection_->start(context_);
  while (context_.has_successor()) swap_in_successor();
}

void Slot::peer(Peer state) {
  if (state > peer_) peer_ = state;
  if (peer_ != Peer::lost) return;
  clear_output();
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
  Inbox& in = buffers().in;
  Outbox& out = buffers().out;
  const Step step = connection_->advance(in.view(), peer_, out, now);
  in.consume(step.consumed);
  need_ = step.need;
  deadline_ = step.deadline;
  room_at_pump_ = static_cast<std::uint16_t>(out.room());
  if (step.error != Errc::ok) fail(step.error);
  follow(step, now);
  if (phase_ != Phase::run) {
    in.clear();
    return false;
  }
  if (context_.has_successor()) {
    while (context_.has_successor()) swap_in_successor();
    return true;
  }
  if (step.need != Need::input) return false;
  if (in.top_up()) return true;
  if (in.full() && step.consumed == 0) {
    fail(Errc::input_limit);
    phase_ = Phase::abort;
  }
  return step.consumed > 0 && !in.empty();
}

void Slot::follow(const Step& step, Time now) {
  switch (step.next) {
    case Next::run: return;
    case Next::finish:
      if (fin_ == Fin::none) fin_ = Fin::due;
      return;
    case Next::close:
      if (fin_ == Fin::none && limits().lingers) fin_ = Fin::due;
      phase_ = Phase::linger;
      deadline_ = now + closing_ns(has_output());
      return;
    case Next::abort: phase_ = Phase::abort; return;
  }
}

void Slot::swap_in_successor() {
  // The caller of become() may still be on the stack's way out: it goes when the next one is in.
  const auto replaced = std::exchange(connection_, context_.take_successor());
  connection_->start(context_);
}

bool Slot::finished() const {
  if (phase_ == Phase::abort) return true;
  if (phase_ == Phase::linger && peer_ == Peer::lost) return true;  // a FIN would reach nobody
  if (phase_ != Phase::linger || has_output()) return false;
  return !limits().lingers || (fin_ == Fin::sent && peer_ != Peer::open);
}

void Slot::abort(Errc error) {
  if (error != Errc::ok) fail(error);
  clear_output();
  if (buffers_ != nullptr) buffers_->in.clear();
  phase_ = Phase::abort;
}

void Slot::lose(Errc why, Time now) {
  fail(why);
  peer(Peer::lost);
  pump(now);
  abort(Errc::ok);
}

void Slot::fail(Errc error) {
  if (error_ != Errc::ok) return;
  error_ = error;
  context_.counters().error(error);
}

}  // namespace zyphos

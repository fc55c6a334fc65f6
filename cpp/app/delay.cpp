#include "app/delay.h"

#include <utility>

#include "memory/recycled.h"

namespace zyphos::app {
namespace {

class DelayExchange final : public Exchange, public Recycled<DelayExchange> {
 public:
  DelayExchange(const Hello& hello, Timers& timers, const Waker& waker, Time due)
      : hello_(hello), timers_(timers), waker_(waker), due_(due) {}

  std::size_t body(Bytes bytes, bool) override { return bytes.size(); }

  Produce produce(Sink& sink, Time now) override {
    if (now >= due_) return hello_.give(sink, head_sent_, sent_);
    // Also when called early: the driver's `now` may lag behind the clock that woke it.
    timers_.wake_at(due_, waker_);
    return Produce::pending;
  }

 private:
  const Hello& hello_;
  Timers& timers_;
  Waker waker_;
  Time due_;
  bool head_sent_ = false;
  std::size_t sent_ = 0;
};

class BellExchange final : public Exchange, public Recycled<BellExchange> {
 public:
  BellExchange(const Hello& hello, std::shared_ptr<Bell> bell)
      : hello_(hello), bell_(std::move(bell)) {}

  std::size_t body(Bytes bytes, bool) override { return bytes.size(); }

  Produce produce(Sink& sink, Time) override {
    if (!bell_->rung.load(std::memory_order_acquire)) return Produce::pending;
    return hello_.give(sink, head_sent_, sent_);
  }

 private:
  const Hello& hello_;
  std::shared_ptr<Bell> bell_;
  bool head_sent_ = false;
  std::size_t sent_ = 0;
};

}  // namespace

std::unique_ptr<Exchange> BellDelay::begin(const RequestHead&, const ExchangeContext& context) {
  auto bell = std::make_shared<Bell>(context.wake);
  bells_->ring_at(context.now + delay_ns_, bell);
  return std::make_unique<BellExchange>(hello_, std::move(bell));
}

std::unique_ptr<Exchange> Delay::begin(const RequestHead&, const ExchangeContext& context) {
  return std::make_unique<DelayExchange>(hello_, timers_, context.wake, context.now + delay_ns_);
}

}  // namespace zyphos::app

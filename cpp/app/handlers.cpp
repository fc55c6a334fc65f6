#include "app/handlers.h"

#include <stdexcept>
#include <string>

#include "app/delay.h"
#include "app/echo.h"
#include "app/hello.h"
#include "app/nest.h"
#include "app/report.h"
#include "app/tally.h"
#include "app/timers.h"
#include "app/transfer.h"

namespace zyphos::app {
namespace {

// Delay with a timer thread of its own.
class OwnedDelay final : public Handler {
 public:
  explicit OwnedDelay(const Options& options)
      : delay_(timers_, options.delay_ns, options.response_bytes) {}

  std::unique_ptr<Exchange> begin(const RequestHead& head,
                                  const ExchangeContext& context) override {
    return delay_.begin(head, context);
  }

 private:
  TimerThread timers_;
  Delay delay_;
};

// Hello, with a count of the requests that all threads share.
class Counting final : public Handler {
 public:
  explicit Counting(const Options& options)
      : tally_(tally_kind(options.counter), options.counter_steps),
        hello_(options.response_bytes) {}

  std::unique_ptr<Exchange> begin(const RequestHead& head,
                                  const ExchangeContext& context) override {
    tally_.add();
    return hello_.begin(head, context);
  }

 private:
  Tally tally_;
  Hello hello_;
};

}  // namespace

std::unique_ptr<Handler> make_handler(std::string_view name, const Options& options) {
  if (name == "hello") return std::make_unique<Hello>(options.response_bytes);
  if (name == "echo") return std::make_unique<Echo>();
  if (name == "delay" && options.timers) {
    return std::make_unique<BellDelay>(*options.timers, options.delay_ns, options.response_bytes);
  }
  if (name == "delay") return std::make_unique<OwnedDelay>(options);
  if (name == "counter") return std::make_unique<Counting>(options);
  if (name == "transfer") {
    return std::make_unique<Transfer>(locking(options.locking), options.hold_ns,
                                      options.response_bytes);
  }
  if (name == "report") return std::make_unique<Report>();
  if (name == "nest") return std::make_unique<Nest>(options.nest_bytes, options.response_bytes);
  throw std::invalid_argument("unknown app '" + std::string(name) +
                              "' (known: hello, echo, delay, counter, transfer, nest, report)");
}

std::vector<std::string_view> handler_names() {
  return {"hello", "echo", "delay", "counter", "transfer", "nest", "report"};
}

bool handler_wakes(std::string_view name) { return name == "delay"; }

}  // namespace zyphos::app

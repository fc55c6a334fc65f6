#include "app/handlers.h"

#include <stdexcept>
#include <string>

#include "app/delay.h"
#include "app/echo.h"
#include "app/hello.h"
#include "app/timers.h"

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

}  // namespace

std::unique_ptr<Handler> make_handler(std::string_view name, const Options& options) {
  if (name == "hello") return std::make_unique<Hello>(options.response_bytes);
  if (name == "echo") return std::make_unique<Echo>();
  if (name == "delay") return std::make_unique<OwnedDelay>(options);
  throw std::invalid_argument("unknown app '" + std::string(name) +
                              "' (known: hello, echo, delay)");
}

std::vector<std::string_view> handler_names() { return {"hello", "echo", "delay"}; }

bool handler_wakes(std::string_view name) { return name == "delay"; }

}  // namespace zyphos::app

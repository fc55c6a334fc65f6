#include "engine/thread_engine.h"

#include <utility>

#include "engine/blocking_engine.h"

namespace zyphos {
namespace {

class ThreadEngine final : public BlockingEngine {
 public:
  ThreadEngine(const EngineOptions& engine_options, ConnectionFactory factory, Board& board)
      : BlockingEngine(engine_options, std::move(factory), board, "zy-accept") {}
  ~ThreadEngine() override {
    drain();
    join();
  }

 private:
  Admitted admit(Arrival& arrival) override {
    return threads_.start(arrival, random()) ? Admitted::yes : Admitted::no_thread;
  }
};

}  // namespace

std::unique_ptr<Engine> make_thread_engine(const EngineOptions& options, ConnectionFactory factory,
                                           Board& board) {
  return std::make_unique<ThreadEngine>(options, std::move(factory), board);
}

}  // namespace zyphos
